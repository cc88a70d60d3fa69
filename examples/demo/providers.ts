import { bitfount, exbo, nadeo, type ProviderPreset, spotify, trackmania } from '@latchkey/express'
import type { EmulatedProvider, EmulatedProviders } from './emulators.ts'

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
    readonly tokenRequests: () => Promise<number>
  }
}

/** A call that needs a scope which nobody is asked for at sign-in. */
export interface More {
  readonly scope: string
  readonly heading: string
  readonly url: string
  readonly rows: (answer: unknown) => readonly Row[]
}

/** Spotify: the emulated one where there is one, else the real one. */
export function demoSpotify({
  spotify: emulated,
}: EmulatedProviders): DemoProvider<'spotify'> & { readonly more: More } {
  const origin = emulated?.apiOrigin ?? 'https://api.spotify.com'
  return {
    preset: spotify({ ...emulated?.presetOverrides, scope: ['user-top-read'] }),
    heading: 'Your top tracks',
    url: `${origin}/v1/me/top/tracks?limit=5`,
    rows: (answer) => (answer as TopTracks).items.map(rowOf),
    more: {
      scope: 'user-read-recently-played',
      heading: 'Played last',
      url: `${origin}/v1/me/player/recently-played?limit=3`,
      rows: (answer) => (answer as RecentlyPlayed).items.slice(0, 3).map(({ track }) => rowOf(track)),
    },
    ...(emulated && { emulator: emulator(emulated) }),
  }
}

/** EXBO: the emulated one where there is one, else the real one. */
export function demoExbo({ exbo: emulated }: EmulatedProviders): DemoProvider<'exbo'> {
  return {
    preset: exbo(emulated?.presetOverrides),
    heading: 'Your characters',
    url: `${emulated?.apiOrigin ?? 'https://eapi.stalcraft.net'}/EU/characters`,
    rows: (answer) =>
      (answer as readonly Character[]).map(({ information }) => ({
        title: information.name,
        detail: `since ${information.creationTime.slice(0, 10)}`,
      })),
    ...(emulated && { emulator: emulator(emulated) }),
  }
}

/** Trackmania: the emulated one where there is one, else the real one. */
export function demoTrackmania({ trackmania: emulated }: EmulatedProviders): DemoProvider<'trackmania'> {
  return {
    preset: trackmania(emulated?.presetOverrides),
    heading: 'Your account',
    url: `${emulated?.apiOrigin ?? 'https://api.trackmania.com'}/api/user`,
    rows: (answer) => {
      const { displayName, accountId } = answer as TrackmaniaUser
      return [{ title: displayName, detail: accountId }]
    },
    ...(emulated && { emulator: emulator(emulated) }),
  }
}

/** Bitfount: the emulated one where there is one, else the real one. The emulated Hub says what it was sent. */
export function demoBitfount({ bitfount: emulated }: EmulatedProviders): DemoProvider<'bitfount'> {
  return {
    preset: bitfount(emulated?.presetOverrides),
    heading: 'What the Hub was sent',
    url: `${emulated?.apiOrigin ?? 'https://hub.bitfount.com'}/api/pods`,
    rows: (answer) => {
      const { method, target, sub } = answer as HubEcho
      return [{ title: `${method} ${target}`, detail: `for ${sub}` }]
    },
    ...(emulated && { emulator: emulator(emulated) }),
  }
}

/** Nadeo signs nobody in: the app calls it in its own name. */
export function demoNadeo({ nadeo: emulated }: EmulatedProviders): {
  readonly preset: ProviderPreset<'nadeo'>
  readonly url: string
} {
  const origin = emulated?.liveOrigin ?? 'https://live-services.trackmania.nadeo.live'
  return {
    preset: nadeo({ account: 'service', userAgent: 'latchkey-demo', ...emulated?.presetOverrides }),
    url: `${origin}/api/token/club`,
  }
}

function emulator({
  users,
  tokenSeconds,
  tokenRequestsUrl,
}: EmulatedProvider): NonNullable<DemoProvider['emulator']> {
  const tokenRequests = async (): Promise<number> => Number(await (await fetch(tokenRequestsUrl)).text())
  return { users, tokenSeconds, tokenRequests }
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

interface TrackmaniaUser {
  readonly accountId: string
  readonly displayName: string
}

interface HubEcho {
  readonly method: string
  readonly target: string
  readonly sub: string
}

interface Character {
  readonly information: { readonly name: string; readonly creationTime: string }
}
