import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type NadeoPresetOverrides,
  type PresetOverrides,
  startBitfount,
  startExbo,
  startNadeo,
  startSpotify,
  startTrackmania,
} from '@latchkey/testing'
import { PlainFailure } from './plain-failure.ts'

/** An emulated provider, as an app process has to know it. */
export interface EmulatedProvider {
  readonly presetOverrides: PresetOverrides<string | undefined>
  readonly apiOrigin: string
  readonly users: readonly string[]
  /** Seconds that an access token lives. */
  readonly tokenSeconds: number
  /** Answers with the number of token requests that the authorization server has seen so far. */
  readonly tokenRequestsUrl: string
}

/** Those that sign users in. */
type SignInId = 'spotify' | 'exbo' | 'trackmania' | 'bitfount'

/** The emulated providers by id; all others are real. */
export type EmulatedProviders = Readonly<Partial<Record<SignInId, EmulatedProvider>>> & {
  readonly nadeo?: EmulatedNadeo
}

/** The emulated Nadeo, as an app process has to know it. */
export interface EmulatedNadeo {
  readonly presetOverrides: NadeoPresetOverrides
  readonly liveOrigin: string
}

type Emulator = Awaited<
  ReturnType<typeof startSpotify | typeof startExbo | typeof startTrackmania | typeof startBitfount>
>

/**
 * Starts the providers that the environment names no client of: once, in this process, for all app processes. With
 * `SPOTIFY_CLIENT_ID`, `EXBO_CLIENT_ID` and so on that provider is the real one.
 *
 * @throws {PlainFailure} when `DEMO_TOKEN_SECONDS` is no number of seconds
 */
export async function startEmulators(
  baseUrl: string,
): Promise<{ readonly emulated: EmulatedProviders; readonly close: () => Promise<void> }> {
  const tokenSeconds = tokenSecondsToUse()
  const options = { accessTokenLifetimeSeconds: tokenSeconds }
  const started = {
    ...(!hasCredentials('SPOTIFY') && { spotify: await startSpotify(options) }),
    ...(!hasCredentials('EXBO') && {
      exbo: await startExbo({
        ...options,
        redirectUris: [`${baseUrl}/callback/exbo`],
        switches: { rateLimit: 10_000 },
      }),
    }),
    ...(!hasCredentials('TRACKMANIA') && {
      trackmania: await startTrackmania({
        policy: options,
        redirectUris: [`${baseUrl}/callback/trackmania`],
      }),
    }),
    ...(!hasCredentials('BITFOUNT') && {
      bitfount: await startBitfount({ policy: options, redirectUris: [`${baseUrl}/callback/bitfount`] }),
    }),
  }
  const nadeo = hasCredentials('NADEO') ? undefined : await startNadeo()
  const counter = createServer((req, res) => {
    const [, emulator] = Object.entries(started).find(([id]) => req.url === `/${id}`) ?? []
    res.end(String(emulator?.as.calls.token ?? 0))
  })
  await new Promise<void>((resolve) => counter.listen(0, '127.0.0.1', resolve))
  // A TCP server that listens has an AddressInfo.
  const counterOrigin = `http://127.0.0.1:${(counter.address() as AddressInfo).port}`
  const entries = Object.entries(started).map(([id, emulator]) => [
    id,
    described(emulator, tokenSeconds, `${counterOrigin}/${id}`),
  ])
  return {
    emulated: {
      ...Object.fromEntries(entries),
      ...(nadeo && { nadeo: { presetOverrides: nadeo.presetOverrides, liveOrigin: nadeo.live.origin } }),
    },
    close: async () => {
      counter.close()
      counter.closeAllConnections()
      await Promise.all([nadeo?.close(), ...Object.values(started).map((emulator) => emulator.close())])
    },
  }
}

/** How long the emulators' access tokens live: short, so that a visitor sees refreshes happen. */
function tokenSecondsToUse(): number {
  const seconds = Number(process.env.DEMO_TOKEN_SECONDS || 30)
  if (Number.isInteger(seconds) && seconds > 0) return seconds
  throw new PlainFailure(
    'DEMO_TOKEN_SECONDS must be a whole number of seconds from 1 up: DEMO_TOKEN_SECONDS=60 npm run demo',
  )
}

function described(emulator: Emulator, tokenSeconds: number, tokenRequestsUrl: string): EmulatedProvider {
  const { presetOverrides, apiOrigin, as } = emulator
  return {
    presetOverrides,
    apiOrigin,
    users: as.users.map(({ name }) => name),
    tokenSeconds,
    tokenRequestsUrl,
  }
}

/** Whether the environment names a client at the real provider. A secret alone is a mistake worth a word. */
function hasCredentials(name: Uppercase<SignInId | 'nadeo'>): boolean {
  if (process.env[`${name}_CLIENT_ID`]) return true
  if (process.env[`${name}_CLIENT_SECRET`]) {
    console.log(`${name}_CLIENT_SECRET is set without ${name}_CLIENT_ID, so it is not used.`)
  }
  return false
}
