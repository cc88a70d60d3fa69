import type { EmulatedUser, RegisteredClient } from '../authorization-server/client.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer } from '../authorization-server/server.ts'
import type { TimeSource } from '../clock.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import type { PresetOverrides } from '../preset-overrides.ts'
import type { SecretMarks } from '../secret-marks.ts'
import { SPOTIFY_DIALECT, SPOTIFY_POLICY, SPOTIFY_SCOPES } from './accounts.ts'
import { type SpotifyApiEndpoint, spotifyApiError, spotifyApiRoutes } from './web-api.ts'

/** How `startSpotify` sets up the emulator. */
export interface SpotifyOptions {
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** @default 'spotify-client' */
  readonly clientId?: string
  /** @default a fixed text */
  readonly clientSecret?: string
  /** Exact, except for the port of a loopback literal. @default `/callback/spotify` and `/callback` on 127.0.0.1 and [::1] */
  readonly redirectUris?: readonly string[]
  /** Port of the accounts host. @default any free one */
  readonly accountsPort?: number
  /** Port of the API host. @default any free one */
  readonly apiPort?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** @default 3600 */
  readonly accessTokenLifetimeSeconds?: number
  /** Refuse scopes that Spotify does not list. What Spotify really does is unknown. @default false */
  readonly refuseUnknownScopes?: boolean
  /** Id of a user who is signed in without a consent page. */
  readonly autoApprove?: string
  /** Further switches to start with, such as `rotate` or `repeatRefreshToken`. */
  readonly policy?: Partial<Policy>
}

/** Starts Spotify's accounts service and Web API on two ports of 127.0.0.1. */
export async function startSpotify(options: SpotifyOptions = {}): Promise<Spotify> {
  const client = clientOf(options)
  const policy: Partial<Policy> = {
    ...SPOTIFY_POLICY,
    accessTokenLifetimeSeconds: options.accessTokenLifetimeSeconds ?? 3600,
    knownScopes: options.refuseUnknownScopes === true ? SPOTIFY_SCOPES : undefined,
    autoApprove: options.autoApprove,
    ...options.policy,
  }
  const { users, clock, marks } = options
  const as = new AuthorizationServer({
    clients: [client],
    users,
    clock,
    marks,
    policy,
    oidc: false,
    dialect: SPOTIFY_DIALECT,
  })
  const api = new EmulatorServer({ routes: spotifyApiRoutes(as), clock: as.clock })
  await as.listen(options.accountsPort)
  await api.listen(options.apiPort)
  return new Spotify(as, api, client)
}

/** An emulated Spotify: `as` is the accounts host, `api` the API host. */
export class Spotify {
  /** Accounts host: state of grants, policy, faults, counters. */
  readonly as: AuthorizationServer
  /** API host: faults, counters and request log of the Web API. */
  readonly api: EmulatorServer<SpotifyApiEndpoint>
  readonly #client: Required<Pick<RegisteredClient, 'clientId' | 'clientSecret'>>

  /** Use `startSpotify`. */
  constructor(
    as: AuthorizationServer,
    api: EmulatorServer<SpotifyApiEndpoint>,
    client: Required<Pick<RegisteredClient, 'clientId' | 'clientSecret'>>,
  ) {
    this.as = as
    this.api = api
    this.#client = client
  }

  /** Stands for `https://accounts.spotify.com`. */
  get accountsOrigin(): string {
    return this.as.origin
  }

  /** Stands for `https://api.spotify.com`. */
  get apiOrigin(): string {
    return this.api.origin
  }

  /** The secrets that were issued. */
  get marks(): SecretMarks {
    return this.as.marks
  }

  /** What leads a Spotify preset here. */
  get presetOverrides(): PresetOverrides {
    return {
      authorizationEndpoint: this.as.endpoints.authorization,
      tokenEndpoint: this.as.endpoints.token,
      userinfo: `${this.apiOrigin}/v1/me`,
      resourceOrigins: [this.apiOrigin],
      clientId: this.#client.clientId,
      clientSecret: this.#client.clientSecret,
    }
  }

  /** The next `calls` API calls are answered 429 with this `Retry-After`. */
  limitRate(calls: number, retryAfterSeconds: number): void {
    const headers = { 'retry-after': String(retryAfterSeconds) }
    this.api.faults.next('any', calls, {
      status: 429,
      headers,
      body: spotifyApiError(429, 'API rate limit exceeded'),
    })
  }

  /** The next `calls` API calls are answered with the 401 that Spotify sends now and then for a good token. */
  refuseForNoReason(calls: number): void {
    this.api.faults.next('any', calls, { status: 401, body: spotifyApiError(401, 'Access token missing') })
  }

  /** Stops both servers at once. */
  async close(): Promise<void> {
    await Promise.all([this.as.close(), this.api.close()])
  }
}

function clientOf(options: SpotifyOptions): RegisteredClient & { readonly clientSecret: string } {
  return {
    clientId: options.clientId ?? 'spotify-client',
    clientSecret: options.clientSecret ?? 'spotify-emulator-secret',
    redirectUris: options.redirectUris ?? [
      'http://127.0.0.1/callback/spotify',
      'http://[::1]/callback/spotify',
      'http://127.0.0.1/callback',
      'http://[::1]/callback',
    ],
    // One registration serves both kinds: with the secret, or with PKCE and the client id alone.
    authMethods: ['client_secret_basic', 'client_secret_post', 'none'],
  }
}
