import { exbo, type ProviderPreset, spotify } from '@latchkey/express'
import { startExbo, startSpotify } from '@latchkey/testing'

/** One line of live data from a provider's API. */
export interface Row {
  readonly title: string
  readonly detail: string
}

/** A provider as the demo uses it. */
export interface DemoProvider<Id extends string = string> {
  readonly preset: ProviderPreset<Id>
  /** What the API call brings, for people. */
  readonly heading: string
  /** The API call that the demo makes for a signed-in user. */
  readonly url: string
  readonly rows: (answer: unknown) => readonly Row[]
  /** One more call, which needs one more scope. */
  readonly more?: More
  /** Absent at the real provider. */
  readonly emulator?: {
    readonly users: readonly string[]
    /** Seconds that an access token lives. */
    readonly tokenSeconds: number
    /** Token requests that the authorization server has seen so far. */
    readonly tokenRequests: () => number
    readonly close: () => Promise<void>
  }
}

/** A call that needs a scope which nobody is asked for at sign-in. */
export interface More {
  readonly scope: string
  readonly heading: string
  readonly url: string
  readonly rows: (answer: unknown) => readonly Row[]
}

/** How long the emulators' access tokens live: short, so that a visitor sees refreshes happen. */
const tokenSeconds = Number(process.env.DEMO_TOKEN_SECONDS || 30)

/** Spotify: the real one with `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET`, else emulated on this machine. */
export async function demoSpotify(): Promise<DemoProvider<'spotify'> & { readonly more: More }> {
  const scope = ['user-top-read']
  const heading = 'Your top tracks'
  const path = '/v1/me/top/tracks?limit=5'
  const rows = (answer: unknown) => (answer as TopTracks).items.map(rowOf)
  const more = (origin: string): More => ({
    scope: 'user-read-recently-played',
    heading: 'Played last',
    url: `${origin}/v1/me/player/recently-played?limit=3`,
    rows: (answer) => (answer as RecentlyPlayed).items.slice(0, 3).map(({ track }) => rowOf(track)),
  })
  if (hasCredentials('SPOTIFY')) {
    const origin = 'https://api.spotify.com'
    return { preset: spotify({ scope }), heading, url: origin + path, rows, more: more(origin) }
  }
  const emulator = await startSpotify({ accessTokenLifetimeSeconds: tokenSeconds })
  return {
    preset: spotify({ ...emulator.presetOverrides, scope }),
    heading,
    url: emulator.apiOrigin + path,
    rows,
    more: more(emulator.apiOrigin),
    emulator: aboutEmulator(emulator),
  }
}

/** EXBO: the real one with `EXBO_CLIENT_ID` and `EXBO_CLIENT_SECRET`, else emulated on this machine. */
export async function demoExbo(baseUrl: string): Promise<DemoProvider<'exbo'>> {
  const heading = 'Your characters'
  const path = '/EU/characters'
  const rows = (answer: unknown) =>
    (answer as readonly Character[]).map(({ information }) => ({
      title: information.name,
      detail: `since ${information.creationTime.slice(0, 10)}`,
    }))
  if (hasCredentials('EXBO')) {
    return { preset: exbo(), heading, url: `https://eapi.stalcraft.net${path}`, rows }
  }
  const emulator = await startExbo({
    accessTokenLifetimeSeconds: tokenSeconds,
    redirectUris: [`${baseUrl}/callback/exbo`],
    switches: { rateLimit: 10_000 },
  })
  return {
    preset: exbo(emulator.presetOverrides),
    heading,
    url: emulator.apiOrigin + path,
    rows,
    emulator: aboutEmulator(emulator),
  }
}

/** Whether the environment names a client at the real provider. A secret alone is a mistake worth a word. */
function hasCredentials(name: 'SPOTIFY' | 'EXBO'): boolean {
  if (process.env[`${name}_CLIENT_ID`]) return true
  if (process.env[`${name}_CLIENT_SECRET`]) {
    console.log(`${name}_CLIENT_SECRET is set without ${name}_CLIENT_ID, so it is not used.`)
  }
  return false
}

type Emulator = Awaited<ReturnType<typeof startSpotify | typeof startExbo>>

function aboutEmulator(emulator: Emulator): NonNullable<DemoProvider['emulator']> {
  return {
    users: emulator.as.users.map((user) => user.name),
    tokenSeconds,
    tokenRequests: () => emulator.as.calls.token,
    close: () => emulator.close(),
  }
}

interface Track {
  readonly name: string
  readonly artists: readonly { readonly name: string }[]
  readonly album: { readonly name: string }
}

interface TopTracks {
  readonly items: readonly Track[]
}

interface RecentlyPlayed {
  readonly items: readonly { readonly track: Track }[]
}

function rowOf({ name, artists, album }: Track): Row {
  return { title: name, detail: `${artists.map((artist) => artist.name).join(', ')} · ${album.name}` }
}

interface Character {
  readonly information: { readonly name: string; readonly creationTime: string }
}
