import type { EmulatedUser, RegisteredClient } from '../authorization-server/client.ts'
import type { IssuedTokens, TokensOptions } from '../authorization-server/issued-tokens.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { AuthorizationServer } from '../authorization-server/server.ts'
import type { TimeSource } from '../clock.ts'
import { ForeignServer } from '../foreign-server.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import type { Behaviour } from '../http/faults.ts'
import type { OpenidPresetOverrides } from '../preset-overrides.ts'
import { ProviderEmulator } from '../provider-emulator.ts'
import type { SecretMarks } from '../secret-marks.ts'
import { echoRoutes } from './api.ts'
import {
  AUTH0_POLICY,
  type Auth0Switches,
  type Auth0Tenant,
  auth0AccessToken,
  auth0Dialect,
  auth0Switches,
  type CustomClaims,
} from './tenant.ts'

/** How `startBitfount` sets up the emulator. */
export interface BitfountOptions {
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** @default a fixed text */
  readonly clientId?: string
  /** Compared exactly, ports too. @default `/callback/` and the provider's name on 127.0.0.1:3000; more by `as.registerRedirectUri` */
  readonly redirectUris?: readonly string[]
  /** Port of the tenant. @default any free one */
  readonly tenantPort?: number
  /** Port of the API. @default any free one */
  readonly apiPort?: number
  /** Port of the foreign server. @default any free one */
  readonly foreignPort?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** Further switches of the server to start with, such as `graceSeconds` (the leeway), `rotate` or `invalidClientStatus`. */
  readonly policy?: Partial<Policy>
  /** Auth0's own switches to start with. */
  readonly switches?: Partial<Auth0Switches>
}

/** How `startAuth0` sets up the emulator. */
export interface Auth0Options extends BitfountOptions {
  /** @default a fixed text */
  readonly clientSecret?: string
  /** The tenant, as the application names it. @default 'example.eu.auth0.com' */
  readonly domain?: string
  /** The API that is emulated, a URL. @default 'https://api.example.com/' */
  readonly audience?: string
  /** Claims with URLs as names, for ID tokens. @default none */
  readonly customClaims?: CustomClaims
}

/** Starts a tenant of Auth0, an API and a foreign server on three ports of 127.0.0.1. */
export function startAuth0(options: Auth0Options = {}): Promise<Auth0> {
  const {
    domain = 'example.eu.auth0.com',
    audience = 'https://api.example.com/',
    customClaims = () => ({}),
  } = options
  const tenant: Auth0Tenant = {
    name: 'auth0',
    brand: { name: 'Auth0', background: '#17181c', panel: '#25262d', ink: '#f5f5f7', accent: '#eb8a5f' },
    domain,
    audience,
    apiOrigins: [new URL(audience).origin],
    customClaims,
  }
  return start(tenant, options, options.clientSecret ?? 'auth0-emulator-secret')
}

/** Starts Bitfount, an Auth0 tenant with a public client, with its Hub and a foreign server on three ports of 127.0.0.1. */
export function startBitfount(options: BitfountOptions = {}): Promise<Auth0<undefined>> {
  return start(BITFOUNT, options, undefined)
}

const BITFOUNT: Auth0Tenant = {
  name: 'bitfount',
  brand: { name: 'Bitfount', background: '#10142b', panel: '#1b2145', ink: '#f4f5ff', accent: '#8ea2ff' },
  domain: 'auth.bitfount.com',
  audience: 'https://hub.bitfount.com/api',
  apiOrigins: ['https://hub.bitfount.com', 'https://am.hub.bitfount.com'],
  apiKey: { id: 'bitfount-emulator-key-id', key: 'bitfount-emulator-hub-key:bitfount-emulator-am-part' },
  customClaims: (user) => ({
    'https://www.bitfount.com/username': user.username ?? user.name.toLowerCase(),
  }),
}

async function start<Secret extends string | undefined>(
  tenant: Auth0Tenant,
  options: BitfountOptions,
  clientSecret: Secret,
): Promise<Auth0<Secret>> {
  const clientId = options.clientId ?? `${tenant.name}-emulator-client`
  const redirectUris = options.redirectUris ?? [`http://127.0.0.1:3000/callback/${tenant.name}`]
  const registered: RegisteredClient = {
    clientId,
    redirectUris,
    ...(clientSecret === undefined ? {} : { clientSecret }),
  }
  const switches = auth0Switches(options.switches)
  const { users, clock, marks } = options
  const as = new AuthorizationServer({
    clients: [registered],
    users,
    clock,
    marks,
    policy: { ...AUTH0_POLICY, ...options.policy },
    oidc: true,
    dialect: auth0Dialect(tenant, switches),
    realOrigins: [`https://${tenant.domain}`],
    issuerPath: '/',
    accessToken: auth0AccessToken,
  })
  const api = new EmulatorServer({ routes: echoRoutes(as, tenant, switches), clock: as.clock })
  await as.listen(options.tenantPort)
  await api.listen(options.apiPort)
  const foreign = new ForeignServer(as.marks)
  await foreign.listen(options.foreignPort)
  return new Auth0({ as, api, foreign, tenant, switches, client: { clientId, clientSecret } })
}

/**
 * An emulated tenant of Auth0: `as` is the tenant, `api` an API that answers every path with what it was sent, `foreign`
 * somebody else's server, to which no token may ever go. Requests to the real hosts get the real issuer.
 */
export class Auth0<Secret extends string | undefined = string> extends ProviderEmulator<
  'echo',
  Behaviour,
  Secret
> {
  /** What is not known about Auth0; set a field and the next request sees it. */
  readonly switches: Auth0Switches
  /** Somebody else's server. It answers for `foreignOrigin` too. */
  readonly foreign: ForeignServer
  readonly #tenant: Auth0Tenant

  /** Use `startAuth0` or `startBitfount`. */
  constructor(parts: {
    readonly as: AuthorizationServer
    readonly api: EmulatorServer<'echo'>
    readonly foreign: ForeignServer
    readonly tenant: Auth0Tenant
    readonly switches: Auth0Switches
    readonly client: { readonly clientId: string; readonly clientSecret: Secret }
  }) {
    super(parts.as, parts.api, parts.client)
    this.switches = parts.switches
    this.foreign = parts.foreign
    this.#tenant = parts.tenant
    if (parts.tenant.apiKey !== undefined) parts.as.marks.add('client_secret', parts.tenant.apiKey.key)
  }

  /** The tenant's real host, what `auth0({ domain })` takes. */
  get domain(): string {
    return this.#tenant.domain
  }

  /** The API that tokens are for. */
  get audience(): string {
    return this.#tenant.audience
  }

  /** What the API takes in the place of a token; at Bitfount alone. */
  get apiKey(): Auth0Tenant['apiKey'] {
    return this.#tenant.apiKey
  }

  /** An origin that stands for anybody's. */
  get foreignOrigin(): string {
    return `https://foreign.${this.#tenant.name}.example`
  }

  /** The tenant, the API's hosts, and the foreign one. */
  override get origins(): Readonly<Record<string, string>> {
    const apis = this.#tenant.apiOrigins.map((origin) => [origin, this.apiOrigin])
    return {
      [`https://${this.domain}`]: this.as.origin,
      ...Object.fromEntries(apis),
      [this.foreignOrigin]: this.foreign.origin,
    }
  }

  /** `AUTH0_CLIENT_ID` and, for the client with a secret, `AUTH0_CLIENT_SECRET`; or `BITFOUNT_CLIENT_ID`. */
  override get environment(): Readonly<Record<string, string>> {
    const prefix = this.#tenant.name.toUpperCase()
    const id = { [`${prefix}_CLIENT_ID`]: this.clientId }
    return this.clientSecret === undefined ? id : { ...id, [`${prefix}_CLIENT_SECRET`]: this.clientSecret }
  }

  /** What leads a preset here. `auth0()` wants the `domain` and the `audience` as well. */
  override get presetOverrides(): OpenidPresetOverrides<Secret> {
    const { as, apiOrigin, clientId, clientSecret } = this
    const { endpoints } = as
    return {
      issuer: as.issuer,
      authorizationEndpoint: endpoints.authorization,
      tokenEndpoint: endpoints.token,
      revocationEndpoint: endpoints.revocation,
      deviceAuthorizationEndpoint: endpoints.deviceAuthorization,
      jwksUri: endpoints.jwks,
      userinfo: endpoints.userinfo,
      resourceOrigins: [apiOrigin],
      clientId,
      clientSecret,
    }
  }

  /** As for every provider; for the tenant's API unless another `audience` is named. */
  override tokens(userName: string, options: TokensOptions = {}): IssuedTokens {
    return super.tokens(userName, { audience: this.audience, ...options })
  }

  /** Stops all three servers at once. */
  override async close(): Promise<void> {
    await Promise.all([super.close(), this.foreign.close()])
  }
}
