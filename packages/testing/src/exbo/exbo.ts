import type { EmulatedUser } from '../authorization-server/client.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer } from '../authorization-server/server.ts'
import type { TimeSource } from '../clock.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import type { PresetOverrides } from '../preset-overrides.ts'
import { type ConfidentialClient, ProviderEmulator } from '../provider-emulator.ts'
import type { SecretMarks } from '../secret-marks.ts'
import { EXBO_USERS, type ExboSwitches, exboAccessToken, exboDialect, exboSwitches } from './oauth.ts'
import { type ExboApiEndpoint, StalcraftApi } from './stalcraft-api.ts'

/** How `startExbo` sets up the emulator. */
export interface ExboOptions {
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** EXBO's client ids are numbers. @default '30' */
  readonly clientId?: string
  /** @default a fixed text */
  readonly clientSecret?: string
  /** Compared exactly, ports too. @default `/callback/exbo` on 127.0.0.1:3000; more by `as.registerRedirectUri` */
  readonly redirectUris?: readonly string[]
  /** Port of the OAuth host. @default any free one */
  readonly oauthPort?: number
  /** Port of the API host. @default any free one */
  readonly apiPort?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** @default 31536000, a year */
  readonly accessTokenLifetimeSeconds?: number
  /** Id of a user who is signed in without a consent page. */
  readonly autoApprove?: string
  /** Further switches to start with, such as `spendOnRotate` or `refreshEndsAccessToken`. */
  readonly policy?: Partial<Policy>
  /** EXBO's own switches to start with. */
  readonly switches?: Partial<ExboSwitches>
}

/** Starts EXBO's OAuth host and the game's API on two ports of 127.0.0.1. */
export async function startExbo(options: ExboOptions = {}): Promise<Exbo> {
  const client = clientOf(options)
  const switches = exboSwitches(options.switches)
  const policy: Partial<Policy> = {
    exclusive: true,
    accessTokenLifetimeSeconds: options.accessTokenLifetimeSeconds ?? 31_536_000,
    // Nothing is documented about PKCE: a challenge is neither asked for nor checked.
    pkce: 'ignored',
    autoApprove: options.autoApprove,
    ...options.policy,
  }
  const { clock, marks, users = EXBO_USERS } = options
  const dialect = exboDialect(switches)
  const as = new AuthorizationServer({
    clients: [client],
    users,
    clock,
    marks,
    policy,
    oidc: false,
    dialect,
    accessToken: (state) => exboAccessToken(state, switches),
  })
  const api = new EmulatorServer({ routes: new StalcraftApi(as, switches).routes, clock: as.clock })
  await as.listen(options.oauthPort)
  await api.listen(options.apiPort)
  return new Exbo(as, api, client, switches)
}

/** An emulated EXBO: `as` is the OAuth host, `api` the API host of the game. */
export class Exbo extends ProviderEmulator<ExboApiEndpoint> {
  /** What is not known about EXBO; set a field and the next request sees it. */
  readonly switches: ExboSwitches

  /** Use `startExbo`. */
  constructor(
    as: AuthorizationServer,
    api: EmulatorServer<ExboApiEndpoint>,
    client: ConfidentialClient,
    switches: ExboSwitches,
  ) {
    super(as, api, client)
    this.switches = switches
  }

  /** Stands for `https://exbo.net`. */
  get oauthOrigin(): string {
    return this.as.origin
  }

  /** The OAuth host and the API host. */
  override get origins(): Readonly<Record<string, string>> {
    return { 'https://exbo.net': this.oauthOrigin, 'https://eapi.stalcraft.net': this.apiOrigin }
  }

  /** `EXBO_CLIENT_ID` and `EXBO_CLIENT_SECRET`. */
  override get environment(): Readonly<Record<string, string>> {
    return { EXBO_CLIENT_ID: this.clientId, EXBO_CLIENT_SECRET: this.clientSecret }
  }

  /** What leads an EXBO preset here. The OAuth host is a resource origin too: it serves `/oauth/user`. */
  override get presetOverrides(): PresetOverrides {
    return {
      authorizationEndpoint: this.as.endpoints.authorization,
      tokenEndpoint: this.as.endpoints.token,
      userinfo: this.as.endpoints.userinfo,
      resourceOrigins: [this.apiOrigin, this.oauthOrigin],
      clientId: this.clientId,
      clientSecret: this.clientSecret,
    }
  }
}

function clientOf(options: ExboOptions): ConfidentialClient {
  return {
    clientId: options.clientId ?? '30',
    clientSecret: options.clientSecret ?? 'exbo-emulator-secret',
    redirectUris: options.redirectUris ?? ['http://127.0.0.1:3000/callback/exbo'],
  }
}
