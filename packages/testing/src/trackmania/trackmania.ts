import type { EmulatedUser } from '../authorization-server/client.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer, type AuthorizationServerEndpoint } from '../authorization-server/server.ts'
import type { AuthorizationServerBehaviour } from '../authorization-server/token.ts'
import type { TimeSource } from '../clock.ts'
import type { PresetOverrides } from '../preset-overrides.ts'
import { type ConfidentialClient, ProviderEmulator } from '../provider-emulator.ts'
import type { SecretMarks } from '../secret-marks.ts'
import { trackmaniaRoutes } from './api.ts'
import { TRACKMANIA_SCOPES, trackmaniaDialect } from './oauth.ts'
import { type TrackmaniaSwitches, trackmaniaSwitches } from './user.ts'

/** How `startTrackmania` sets up the emulator. */
export interface TrackmaniaOptions {
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** @default a fixed text */
  readonly clientId?: string
  /** @default a fixed text */
  readonly clientSecret?: string
  /** Compared exactly, ports too. @default `/callback/trackmania` on 127.0.0.1:3000; more by `as.registerRedirectUri` */
  readonly redirectUris?: readonly string[]
  /** @default any free one */
  readonly port?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** Further switches of the server to start with. */
  readonly policy?: Partial<Policy>
  /** Trackmania's own switches to start with. */
  readonly switches?: Partial<TrackmaniaSwitches>
}

/** Starts Trackmania, OAuth and API on one port of 127.0.0.1. */
export async function startTrackmania(options: TrackmaniaOptions = {}): Promise<Trackmania> {
  const client: ConfidentialClient = {
    clientId: options.clientId ?? 'trackmania-emulator-client',
    clientSecret: options.clientSecret ?? 'trackmania-emulator-secret',
    redirectUris: options.redirectUris ?? ['http://127.0.0.1:3000/callback/trackmania'],
  }
  const switches = trackmaniaSwitches(options.switches)
  const { clock, marks, users } = options
  const policy: Partial<Policy> = {
    refreshTokenLifetimeSeconds: 30 * 86_400,
    pkce: 'ignored',
    knownScopes: TRACKMANIA_SCOPES,
    ...options.policy,
  }
  const dialect = trackmaniaDialect(switches)
  const as = new AuthorizationServer({
    clients: [client],
    users,
    clock,
    marks,
    policy,
    oidc: false,
    dialect,
    api: (state) => trackmaniaRoutes(state, switches),
  })
  await as.listen(options.port)
  return new Trackmania(as, client, switches)
}

/** An emulated Trackmania. Its one server is `as`, and `api` too: endpoint `userinfo` is `/api/user`, `api` all else. */
export class Trackmania extends ProviderEmulator<AuthorizationServerEndpoint, AuthorizationServerBehaviour> {
  /** What is not known about Trackmania; set a field and the next request sees it. */
  readonly switches: TrackmaniaSwitches

  /** Use `startTrackmania`. */
  constructor(as: AuthorizationServer, client: ConfidentialClient, switches: TrackmaniaSwitches) {
    super(as, as, client)
    this.switches = switches
  }

  /** Its one host. */
  override get origins(): Readonly<Record<string, string>> {
    return { 'https://api.trackmania.com': this.apiOrigin }
  }

  /** `TRACKMANIA_CLIENT_ID` and `TRACKMANIA_CLIENT_SECRET`. */
  override get environment(): Readonly<Record<string, string>> {
    return { TRACKMANIA_CLIENT_ID: this.clientId, TRACKMANIA_CLIENT_SECRET: this.clientSecret }
  }

  /** What leads a Trackmania preset here. */
  override get presetOverrides(): PresetOverrides {
    return {
      authorizationEndpoint: this.as.endpoints.authorization,
      tokenEndpoint: this.as.endpoints.token,
      userinfo: this.as.endpoints.userinfo,
      resourceOrigins: [this.apiOrigin],
      clientId: this.clientId,
      clientSecret: this.clientSecret,
    }
  }
}
