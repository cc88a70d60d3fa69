import type { Dispatcher } from 'undici'
import {
  type Auth0,
  type Auth0Options,
  type BitfountOptions,
  startAuth0,
  startBitfount,
} from './auth0/auth0.ts'
import type { EmulatedUser } from './authorization-server/client.ts'
import { TestClock } from './clock.ts'
import { emulatorDispatcher } from './emulator-dispatcher.ts'
import { type Exbo, type ExboOptions, startExbo } from './exbo/exbo.ts'
import { type NadeoEmulator, startNadeo } from './nadeo/nadeo.ts'
import { SecretMarks } from './secret-marks.ts'
import { type Spotify, type SpotifyOptions, startSpotify } from './spotify/spotify.ts'
import { startTrackmania, type Trackmania, type TrackmaniaOptions } from './trackmania/trackmania.ts'
import { UserAgent, type UserAgentOptions } from './user-agent.ts'

/** Every emulator of a provider, by its name. */
export interface ProviderEmulators {
  readonly spotify: Spotify
  readonly exbo: Exbo
  readonly nadeo: NadeoEmulator
  readonly trackmania: Trackmania
  readonly auth0: Auth0
  readonly bitfount: Auth0<undefined>
}

/** Names of the emulators that `startEmulators` knows. */
export type EmulatorName = keyof ProviderEmulators

/** The one client of a provider, when not just any is accepted. */
export interface EmulatorClients {
  readonly spotify?: Pick<SpotifyOptions, 'clientId' | 'clientSecret' | 'redirectUris'>
  readonly exbo?: Pick<ExboOptions, 'clientId' | 'clientSecret' | 'redirectUris'>
  readonly trackmania?: Pick<TrackmaniaOptions, 'clientId' | 'clientSecret' | 'redirectUris'>
  readonly auth0?: Pick<Auth0Options, 'clientId' | 'clientSecret' | 'redirectUris'>
  readonly bitfount?: Pick<BitfountOptions, 'clientId' | 'redirectUris'>
}

/** What `startEmulators` starts. */
export interface EmulatorsOptions<Name extends EmulatorName = EmulatorName> {
  /** The emulators to start; the hosts of the others are refused. @default all */
  readonly only?: readonly Name[]
  /** Absent: a `TestClock` on system time. */
  readonly clock?: TestClock
  /** Who can sign in, everywhere. @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** Absent: new ones. */
  readonly marks?: SecretMarks
  /** Providers that accept this client alone. @default any client, secret and redirect URI: see `policy.acceptsAnyClient` */
  readonly clients?: EmulatorClients
  /** The tenant of Auth0, and the API that its tokens are for, as the application names them. @default `example.eu.auth0.com`, `https://api.example.com/` */
  readonly auth0?: Pick<Auth0Options, 'domain' | 'audience'>
  /** The servers listen on this port and the 13 after it, each emulator on the same ones whatever `only` says. @default any free ports */
  readonly firstPort?: number
}

/** Running emulators: `emulators.spotify`, `emulators.exbo`, `emulators.nadeo`, and what they share. */
export type Emulators<Name extends EmulatorName = EmulatorName> = EmulatorGroup &
  Pick<ProviderEmulators, Name>

/**
 * Starts the emulators for an application that is written for the real hosts. Give the application the `dispatcher`,
 * and whatever it sends to the providers comes here; what it sends to other hosts is refused.
 */
export async function startEmulators<const Name extends EmulatorName = EmulatorName>(
  options: EmulatorsOptions<Name> = {},
): Promise<Emulators<Name>> {
  const { clock = new TestClock(), marks = new SecretMarks(), users, clients = {} } = options
  // Without `only`, Name is every name.
  const names: readonly EmulatorName[] = options.only ?? emulatorNames
  const started = await allOrNone(
    names.map(async (name) => {
      const policy = { acceptsAnyClient: name === 'nadeo' || clients[name] === undefined }
      const shared = { clock, marks, policy, ...(users === undefined ? {} : { users }) }
      return [name, await start(name, shared, options)] as const
    }),
  )
  const group = new EmulatorGroup(
    started.map(([, emulator]) => emulator),
    clock,
    marks,
  )
  // An entry was made for each name.
  return Object.assign(group, Object.fromEntries(started) as unknown as Pick<ProviderEmulators, Name>)
}

/** Nothing stays open when one of them cannot be started, for a port that is taken. */
async function allOrNone<Started extends readonly [EmulatorName, RunningEmulator]>(
  starting: readonly Promise<Started>[],
): Promise<Started[]> {
  const settled = await Promise.allSettled(starting)
  const started = settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
  const failed = settled.find((one) => one.status === 'rejected')
  if (failed === undefined) return started
  await Promise.all(started.map(([, emulator]) => emulator.close()))
  throw failed.reason
}

/** What a group needs of each emulator. */
type RunningEmulator = Pick<ProviderEmulators[EmulatorName], 'origins' | 'environment' | 'close'>

/** What running emulators share. */
export class EmulatorGroup {
  /** For an application's option `dispatcher`, or that of a `fetch`: answers for the real hosts, and refuses all others but loopback. */
  readonly dispatcher: Dispatcher
  /** Moves the time of every emulator, and of the application that was given it. */
  readonly clock: TestClock
  /** The secrets that any of the emulators issued or was shown. */
  readonly marks: SecretMarks
  readonly #emulators: readonly RunningEmulator[]

  /** Use `startEmulators`. */
  constructor(emulators: readonly RunningEmulator[], clock: TestClock, marks: SecretMarks) {
    this.#emulators = emulators
    this.clock = clock
    this.marks = marks
    this.dispatcher = emulatorDispatcher(this.origins)
  }

  /** The real origins, and where an emulator answers for each. */
  get origins(): Readonly<Record<string, string>> {
    return Object.assign({}, ...this.#emulators.map(({ origins }) => origins))
  }

  /** `SPOTIFY_CLIENT_ID` and the like: a client that every emulator knows, for an application that reads its own from the environment. */
  get environment(): Readonly<Record<string, string>> {
    return Object.assign({}, ...this.#emulators.map(({ environment }) => environment))
  }

  /** A new browser that finds the emulators at the real hosts. */
  browser(options: UserAgentOptions = {}): UserAgent {
    return new UserAgent({ clock: this.clock, ...options, origins: { ...this.origins, ...options.origins } })
  }

  /** Stops everything at once; requests under way fail. */
  async close(): Promise<void> {
    await Promise.all([this.dispatcher.destroy(), ...this.#emulators.map((emulator) => emulator.close())])
  }

  /** `await using emulators = await startEmulators()` closes at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

type Shared = Pick<SpotifyOptions & ExboOptions, 'clock' | 'marks' | 'users' | 'policy'>
type Given = Pick<EmulatorsOptions, 'clients' | 'auth0' | 'firstPort'>

const starters = {
  spotify: (shared: Shared, { clients, firstPort }: Given) =>
    startSpotify({ ...shared, ...ports(firstPort, 0, ['accountsPort', 'apiPort']), ...clients?.spotify }),
  exbo: (shared: Shared, { clients, firstPort }: Given) =>
    startExbo({ ...shared, ...ports(firstPort, 2, ['oauthPort', 'apiPort']), ...clients?.exbo }),
  nadeo: ({ clock, marks }: Shared, { firstPort }: Given) =>
    startNadeo({
      ...(clock && { clock }),
      ...(marks && { marks }),
      ...ports(firstPort, 4, ['corePort', 'livePort', 'meetPort']),
    }),
  trackmania: (shared: Shared, { clients, firstPort }: Given) =>
    startTrackmania({ ...shared, ...ports(firstPort, 7, ['port']), ...clients?.trackmania }),
  auth0: (shared: Shared, { clients, auth0, firstPort }: Given) =>
    startAuth0({ ...shared, ...ports(firstPort, 8, tenantPorts), ...auth0, ...clients?.auth0 }),
  bitfount: (shared: Shared, { clients, firstPort }: Given) =>
    startBitfount({ ...shared, ...ports(firstPort, 11, tenantPorts), ...clients?.bitfount }),
} satisfies Record<EmulatorName, unknown>

const tenantPorts = ['tenantPort', 'apiPort', 'foreignPort'] as const

/** The ports of one emulator, `place` after the first. */
function ports<const Name extends string>(
  firstPort: number | undefined,
  place: number,
  names: readonly Name[],
): Partial<Record<Name, number>> {
  const numbered =
    firstPort === undefined ? [] : names.map((name, index) => [name, firstPort + place + index])
  return Object.fromEntries(numbered) as Partial<Record<Name, number>> // an entry for each name, or none
}

/** Names of all emulators, in the order of their ports. */
export const emulatorNames = Object.keys(starters) as readonly EmulatorName[]

function start(name: EmulatorName, shared: Shared, given: Given): Promise<ProviderEmulators[EmulatorName]> {
  if (!emulatorNames.includes(name)) {
    throw new Error(`There is no emulator "${name}"; there are ${emulatorNames.join(', ')}`)
  }
  return starters[name](shared, given)
}
