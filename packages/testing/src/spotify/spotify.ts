import type { EmulatedUser } from '../authorization-server/client.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer } from '../authorization-server/server.ts'
import type { TimeSource } from '../clock.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import type { PresetOverrides } from '../preset-overrides.ts'
import { type ConfidentialClient, ProviderEmulator } from '../provider-emulator.ts'
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
export class Spotify extends ProviderEmulator<SpotifyApiEndpoint> {
  /** Stands for `https://accounts.spotify.com`. */
  get accountsOrigin(): string {
    return this.as.origin
  }

  /** The accounts host and the API host. */
  override get origins(): Readonly<Record<string, string>> {
    return { 'https://accounts.spotify.com': this.accountsOrigin, 'https://api.spotify.com': this.apiOrigin }
  }

  /** `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET`. */
  override get environment(): Readonly<Record<string, string>> {
    return { SPOTIFY_CLIENT_ID: this.clientId, SPOTIFY_CLIENT_SECRET: this.clientSecret }
  }

  /** What leads a Spotify preset here. */
  override get presetOverrides(): PresetOverrides {
    return {
      authorizationEndpoint: this.as.endpoints.authorization,
      tokenEndpoint: this.as.endpoints.token,
      userinfo: `${this.apiOrigin}/v1/me`,
      resourceOrigins: [this.apiOrigin],
      clientId: this.clientId,
      clientSecret: this.clientSecret,
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
}

function clientOf(options: SpotifyOptions): ConfidentialClient {
  return {
    clientId: options.clientId ?? 'spotify-client',
    clientSecret: options.clientSecret ?? 'spotify-emulator-secret',
    redirectUris: options.redirectUris ?? [
      'http://127.0.0.1/callback/spotify',
      'http://[::1]/callback/spotify',
      'http://127.0.0.1/callback',
      'http://[::1]/callback',
    ],
  }
}
