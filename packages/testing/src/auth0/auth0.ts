import type { EmulatedUser, RegisteredClient } from '../authorization-server/client.ts'
import type { IssuedTokens, TokensOptions } from '../authorization-server/issued-tokens.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer } from '../authorization-server/server.ts'
import type { TimeSource } from '../clock.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import type { PresetOverrides } from '../preset-overrides.ts'
import { type ConfidentialClient, ProviderEmulator } from '../provider-emulator.ts'
import type { SecretMarks } from '../secret-marks.ts'
import { type ApiKey, type Auth0ApiEndpoint, hubRoutes } from './hub.ts'
import { AUTH0_POLICY, type Auth0Switches, auth0AccessToken, auth0Dialect, type Tenant } from './oauth.ts'

/** How `startAuth0` and `startBitfount` set up the emulator. */
export interface Auth0EmulatorOptions {
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** @default a fixed text */
  readonly clientId?: string
  /** Absent: a fixed text at Auth0, and none at Bitfount, whose client is public. */
  readonly clientSecret?: string
  /** Compared exactly, ports too. @default `/callback/…` on 127.0.0.1:3000; more by `as.registerRedirectUri` */
  readonly redirectUris?: readonly string[]
  /** Calls itself by the provider's real host instead of the address that it listens at; for an application with the emulators' dispatcher. @default false */
  readonly usesRealHost?: boolean
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** Further switches of the server to start with. */
  readonly policy?: Partial<Policy>
  /** Switches of Auth0 to start with. */
  readonly switches?: Partial<Auth0Switches>
}

/** One tenant, as it is in the world. */
interface TenantPlace extends Tenant {
  /** Name of the callback path and of the variables. */
  readonly id: string
  readonly domain: string
  readonly audience: string
  readonly resourceOrigins: readonly string[]
  readonly clientSecret?: string
  readonly apiKey?: ApiKey
}

const auth0Tenant: TenantPlace = {
  id: 'auth0',
  name: 'Auth0',
  domain: 'emulator.eu.auth0.com',
  audience: 'https://api.emulator.example',
  resourceOrigins: ['https://api.emulator.example'],
  clientSecret: 'auth0-emulator-secret',
}

const bitfountTenant: TenantPlace = {
  id: 'bitfount',
  name: 'Bitfount',
  domain: 'auth.bitfount.com',
  audience: 'https://hub.bitfount.com/api',
  resourceOrigins: ['https://hub.bitfount.com', 'https://am.hub.bitfount.com'],
  usernameClaim: 'https://www.bitfount.com/username',
  apiKey: { id: 'bitfount-emulator-key-id', key: 'bitfount-emulator-hub-key:bitfount-emulator-am-part' },
}

/** Starts a tenant of Auth0, and an API that its tokens are for, each on a port of its own of 127.0.0.1. */
export function startAuth0(options: Auth0EmulatorOptions = {}): Promise<Auth0Emulator> {
  return startTenant(auth0Tenant, options)
}

/** Starts Bitfount: its tenant of Auth0, and the Hub. */
export function startBitfount(options: Auth0EmulatorOptions = {}): Promise<Auth0Emulator> {
  return startTenant(bitfountTenant, options)
}

async function startTenant(tenant: TenantPlace, options: Auth0EmulatorOptions): Promise<Auth0Emulator> {
  const { id, domain, audience } = tenant
  const secret = options.clientSecret ?? tenant.clientSecret
  const client: RegisteredClient = {
    clientId: options.clientId ?? `${id}-emulator-client`,
    redirectUris: options.redirectUris ?? [`http://127.0.0.1:3000/callback/${id}`],
    ...(secret === undefined ? {} : { clientSecret: secret }),
  }
  const switches: Auth0Switches = { usernameIn: 'id_token', ...options.switches }
  const { clock, marks, users, usesRealHost = false } = options
  const policy = { ...AUTH0_POLICY, ...options.policy }
  const dialect = auth0Dialect(tenant, switches)
  const as = new AuthorizationServer({
    clients: [client],
    users,
    clock,
    marks,
    policy,
    oidc: true,
    dialect,
    accessToken: auth0AccessToken,
  })
  if (tenant.apiKey !== undefined) as.marks.add('client_secret', tenant.apiKey.key)
  const api = new EmulatorServer({ routes: hubRoutes(as, audience, tenant.apiKey), clock: as.clock })
  await as.listen(undefined, '/', usesRealHost ? `https://${domain}` : undefined)
  await api.listen()
  return new Auth0Emulator(as, api, { ...client, clientSecret: client.clientSecret ?? '' }, tenant, switches)
}

/** An emulated tenant of Auth0: `as` is the tenant, `api` the API that says what it was sent. */
export class Auth0Emulator extends ProviderEmulator<Auth0ApiEndpoint> {
  /** What is not known about Auth0; set a field and the next request sees it. */
  readonly switches: Auth0Switches
  readonly #tenant: TenantPlace

  /** Use `startAuth0` or `startBitfount`. */
  constructor(
    as: AuthorizationServer,
    api: EmulatorServer<Auth0ApiEndpoint>,
    client: ConfidentialClient,
    tenant: TenantPlace,
    switches: Auth0Switches,
  ) {
    super(as, api, client)
    this.#tenant = tenant
    this.switches = switches
  }

  /** The real host, without a scheme: what the preset `auth0()` wants. */
  get domain(): string {
    return this.#tenant.domain
  }

  /** The API that tokens have to be asked for. */
  get audience(): string {
    return this.#tenant.audience
  }

  /** The key that the API takes instead of a token; at Bitfount alone. */
  get apiKey(): ApiKey | undefined {
    return this.#tenant.apiKey
  }

  /** The tenant's host and those of the API. */
  override get origins(): Readonly<Record<string, string>> {
    const api = this.#tenant.resourceOrigins.map((origin) => [origin, this.apiOrigin])
    return { [`https://${this.domain}`]: this.as.origin, ...Object.fromEntries(api) }
  }

  /** `AUTH0_CLIENT_ID` and the like. */
  override get environment(): Readonly<Record<string, string>> {
    const name = this.#tenant.id.toUpperCase()
    const secret = this.clientSecret === '' ? {} : { [`${name}_CLIENT_SECRET`]: this.clientSecret }
    return { [`${name}_CLIENT_ID`]: this.clientId, ...secret }
  }

  /** What leads a preset here, beside `domain` and `audience` of `auth0()`. */
  override get presetOverrides(): PresetOverrides {
    const { endpoints, issuer } = this.as
    return {
      issuer,
      authorizationEndpoint: endpoints.authorization,
      tokenEndpoint: endpoints.token,
      revocationEndpoint: endpoints.revocation,
      deviceAuthorizationEndpoint: endpoints.deviceAuthorization,
      jwksUri: endpoints.jwks,
      userinfo: endpoints.userinfo,
      resourceOrigins: [this.apiOrigin],
      clientId: this.clientId,
      clientSecret: this.clientSecret,
    }
  }

  /** Tokens for the API unless told otherwise. */
  override tokens(userName: string, options: TokensOptions = {}): IssuedTokens {
    return super.tokens(userName, { audience: this.audience, ...options })
  }
}
