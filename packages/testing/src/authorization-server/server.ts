import type { TimeSource } from '../clock.ts'
import { EmulatorServer, type Route } from '../http/emulator-server.ts'
import type { Faults } from '../http/faults.ts'
import type { ReceivedRequest } from '../http/received-request.ts'
import type { SecretMarks } from '../secret-marks.ts'
import type { EmulatedUser, RegisteredClient } from './client.ts'
import type { Brand } from './consent-page.ts'
import { plainDialect } from './dialect.ts'
import { withForm } from './form-body.ts'
import type { Grant, LiveGrant } from './grants.ts'
import { type IssuedTokens, issueTokens, type TokensOptions } from './issued-tokens.ts'
import type { KeySet } from './keys.ts'
import { type Endpoints, endpointsOf } from './metadata.ts'
import type { Policy } from './policy.ts'
import { type AuthorizationServerEndpoint, routesOf } from './routes.ts'
import { type GrantType, ServerState, type ServerStateOptions } from './state.ts'
import type { AuthorizationServerBehaviour } from './token.ts'

export type { AuthorizationServerEndpoint } from './routes.ts'

/** How `startAuthorizationServer` sets up the server. */
export interface AuthorizationServerOptions {
  readonly clients: readonly RegisteredClient[]
  /** @default Ada, Grace and Linus */
  readonly users?: readonly EmulatedUser[]
  /** Port on 127.0.0.1. @default any free one */
  readonly port?: number
  /** Absent: its own `TestClock` on system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
  /** Path of the issuer, such as `/tenant`; the endpoints lie below it. @default '' */
  readonly issuerPath?: string
  /** Issues ID tokens and serves discovery and keys. @default false */
  readonly oidc?: boolean
  /** Same as `policy.accessTokenLifetimeSeconds`. */
  readonly accessTokenLifetimeSeconds?: number
  /** Same as `policy.exclusive`. */
  readonly exclusive?: boolean
  /** Same as `policy.autoApprove`. */
  readonly autoApprove?: string
  /** Further switches to start with; all can be changed later. */
  readonly policy?: Partial<Policy>
}

/** Starts an emulated authorization server on 127.0.0.1. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const { clients, users, clock, marks, port, oidc = false, issuerPath = '' } = options
  const policy = { ...options.policy }
  if (options.accessTokenLifetimeSeconds !== undefined) {
    policy.accessTokenLifetimeSeconds = options.accessTokenLifetimeSeconds
  }
  if (options.exclusive !== undefined) policy.exclusive = options.exclusive
  if (options.autoApprove !== undefined) policy.autoApprove = options.autoApprove
  const dialect = plainDialect(issuerPath, oidc)
  const server = new AuthorizationServer({ clients, users, clock, marks, oidc, policy, dialect, issuerPath })
  await server.listen(port)
  return server
}

/** Endpoints of an API at the same host: where one of them fits, it answers. */
type ApiRoutes = (state: ServerState) => readonly Route<AuthorizationServerEndpoint>[]

/** An emulated authorization server. `policy` is what it always does, `faults` what goes wrong for a while. */
export class AuthorizationServer {
  readonly #state: ServerState
  readonly #server: EmulatorServer<AuthorizationServerEndpoint, AuthorizationServerBehaviour>
  readonly #refreshCalls = new Map<string, number>()

  /** Use `startAuthorizationServer`; a provider emulator passes its own dialect. */
  constructor(options: ServerStateOptions & { readonly api?: ApiRoutes }) {
    this.#state = new ServerState(options)
    this.#server = new EmulatorServer({
      routes: [...(options.api?.(this.#state) ?? []), ...routesOf(this.#state)],
      clock: this.#state.clock,
      onRequest: (request) => this.#count(request),
    })
  }

  /** Starts to listen. */
  async listen(port?: number): Promise<void> {
    await this.#server.listen(port)
    this.#state.origin = this.#server.origin
  }

  /** `http://127.0.0.1:<port>`. */
  get origin(): string {
    return this.#state.origin
  }

  /** The origin with the issuer path. */
  get issuer(): string {
    return this.#state.issuer
  }

  /** Absolute URLs. */
  get endpoints(): Endpoints {
    return endpointsOf(this.#state)
  }

  /** Name and colours of its pages. */
  get brand(): Brand {
    return this.#state.dialect.brand
  }

  /** Switches; set a field and the next request sees it. */
  get policy(): Policy {
    return this.#state.policy
  }

  /** Fault switches by endpoint. */
  get faults(): Faults<AuthorizationServerEndpoint, AuthorizationServerBehaviour> {
    return this.#server.faults
  }

  /** Requests per endpoint, counted on arrival, failed ones too. */
  get calls(): Readonly<Record<AuthorizationServerEndpoint, number>> {
    return this.#server.calls
  }

  /** The last 10,000 requests in order of arrival. */
  get requests(): readonly ReceivedRequest[] {
    return this.#server.requests
  }

  /** The secrets that this server issued or was given. */
  get marks(): SecretMarks {
    return this.#state.marks
  }

  /** The clock of this server. */
  get clock(): TimeSource {
    return this.#state.clock
  }

  /** The people who can sign in. */
  get users(): readonly EmulatedUser[] {
    return this.#state.users
  }

  /** The signing keys. */
  get keys(): KeySet {
    return this.#state.keys
  }

  /** Token sets that the token endpoint issued, by grant type. */
  get mints(): Readonly<Record<GrantType, number>> {
    return this.#state.mints
  }

  /**
   * A token set of a user, named by id or by name in any case, as after a sign-in but without a browser. It belongs
   * to the client that uses it first. @throws Error that lists the users when none is meant
   */
  tokens(userName: string, options: TokensOptions = {}): IssuedTokens {
    return issueTokens(this.#state, userName, options)
  }

  /** Every grant, oldest first. */
  grants(): readonly LiveGrant[] {
    return this.#state.grants.all.map((grant) => this.#state.grants.live(grant))
  }

  /** The state of one grant. @throws Error for an unknown id */
  live(grantId: string): LiveGrant {
    return this.#state.grants.live(this.#grant(grantId))
  }

  /** The newest grant of a user; absent when there is none. */
  liveFor(userId: string): LiveGrant | undefined {
    const grant = this.#state.grants.all.findLast((one) => one.userId === userId)
    return grant === undefined ? undefined : this.#state.grants.live(grant)
  }

  /** The state of the grant behind an access token that would be accepted now. */
  introspect(accessToken: string): LiveGrant | undefined {
    const accepted = this.#state.grants.accessToken(accessToken)
    return accepted === undefined ? undefined : this.#state.grants.live(accepted.grant)
  }

  /** Whether this server issued that access token, accepted or not. */
  issued(accessToken: string): boolean {
    return this.#state.grants.byToken(accessToken) !== undefined
  }

  /** Token requests that presented any refresh token of a grant, counted on arrival, failed ones too. */
  refreshCalls(grantId: string): number {
    return this.#refreshCalls.get(this.#grant(grantId).id) ?? 0
  }

  /** The same, one number per generation of the refresh token. */
  refreshCallsByGeneration(grantId: string): readonly number[] {
    return this.#grant(grantId).refreshTokens.map((entry) => entry.calls)
  }

  /** Ends a grant, as a user does in the provider's settings: every token of it is refused from now on. */
  revokeGrant(grantId: string): void {
    this.#state.grants.end(this.#grant(grantId))
  }

  /** Makes the refresh tokens of a user dead; access tokens live on until they expire. */
  killRefreshToken(userId: string): void {
    for (const grant of this.#state.grants.all) {
      if (grant.userId !== userId) continue
      for (const entry of grant.refreshTokens) entry.dead = true
    }
  }

  /** A person agrees on the page of a device. @throws Error when no device waits with this code */
  approveDevice(userCode: string, userId: string): void {
    this.#state.devices.decide(userCode, this.#state.user(userId).id)
  }

  /** A person says no on the page of a device. @throws Error when no device waits with this code */
  denyDevice(userCode: string): void {
    this.#state.devices.decide(userCode, undefined)
  }

  /** Makes access tokens be refused, of one user or of everybody; refresh tokens stay. */
  expireAccessTokens(userId?: string): void {
    for (const grant of this.#state.grants.all) {
      if (userId === undefined || grant.userId === userId) this.#state.grants.endAccessTokens(grant)
    }
  }

  /** Gives a client another secret, as an operator's mistake or a rotation does; `undefined` removes it. */
  setClientSecret(clientId: string, clientSecret: string | undefined): void {
    this.#state.clients.setSecret(clientId, clientSecret)
  }

  /** Registers one more redirect URI, for an application whose port is known only once it runs. Absent `clientId`: for every client. */
  registerRedirectUri(redirectUri: string, clientId?: string): void {
    this.#state.clients.addRedirectUri(redirectUri, clientId)
  }

  /** Whether this is a client and its secret. */
  knowsClient(clientId: string, clientSecret: string): boolean {
    return this.#state.clients.withSecret(clientId, clientSecret) !== undefined
  }

  /** Makes a new signing key; see `KeySet.rotate`. */
  rotateKeys(options?: { readonly keepOld?: boolean }): void {
    this.keys.rotate(options)
  }

  /** Stops at once. */
  close(): Promise<void> {
    return this.#server.close()
  }

  #grant(grantId: string): Grant {
    const grant = this.#state.grants.byId(grantId)
    if (grant === undefined) throw new Error(`There is no grant ${grantId}`)
    return grant
  }

  #count(request: ReceivedRequest): void {
    const presented = (withForm(request, this.#state) ?? request).form.get('refresh_token')
    const grant = presented === null ? undefined : this.#state.grants.byToken(presented)
    if (request.endpoint !== 'token' || presented === null || grant === undefined) return
    this.#state.grants.countCall(presented)
    this.#refreshCalls.set(grant.id, (this.#refreshCalls.get(grant.id) ?? 0) + 1)
  }
}
