import { TestClock, type TimeSource } from '../clock.ts'
import type { ReceivedRequest } from '../http/received-request.ts'
import { SecretMarks } from '../secret-marks.ts'
import { DEFAULT_USERS, type EmulatedUser, type RegisteredClient } from './client.ts'
import { Clients } from './clients.ts'
import { DeviceCodes } from './device-codes.ts'
import type { Dialect } from './dialect.ts'
import { Grants, type MintAccessToken } from './grants.ts'
import { KeySet } from './keys.ts'
import { type Policy, policyOf } from './policy.ts'

/** The grant types that a server knows (RFC 6749). */
export type GrantType = 'authorization_code' | 'refresh_token' | 'client_credentials' | 'device_code'

/** What an authorization code stands for. */
export interface IssuedCode {
  readonly clientId: string
  readonly redirectUri: string
  readonly userId: string
  readonly scope: readonly string[]
  readonly audience: string | undefined
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  readonly issuedAt: number
  /** The grant that it was exchanged for. */
  grantId?: string
  spent: boolean
}

/** An authorization request that waits for consent. */
export interface PendingRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly scope: readonly string[]
  readonly audience: string | undefined
  /** As the browser knows the server. */
  readonly issuer: string
  readonly state: string | undefined
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  readonly formPost: boolean
}

/** What `ServerState` is made from. */
export interface ServerStateOptions {
  readonly clients: readonly RegisteredClient[]
  readonly users?: readonly EmulatedUser[] | undefined
  readonly clock?: TimeSource | undefined
  readonly marks?: SecretMarks | undefined
  readonly oidc: boolean
  readonly policy: Partial<Policy>
  readonly dialect: Dialect
  /** The real origins that the server answers for. A request with such a `Host` is answered as the real server would. @default none */
  readonly realOrigins?: readonly string[] | undefined
  /** Path of the issuer; the real servers may want a slash. @default '' */
  readonly issuerPath?: string | undefined
  /** Makes access tokens; absent: opaque ones. */
  readonly accessToken?: ((state: ServerState) => MintAccessToken) | undefined
}

/** Everything that an authorization server knows. The endpoints are functions over it. */
export class ServerState {
  readonly clients: Clients
  /** Of the first client that was registered; '' when there is none. */
  readonly firstClientId: string
  readonly users: readonly EmulatedUser[]
  readonly clock: TimeSource
  readonly marks: SecretMarks
  readonly oidc: boolean
  readonly policy: Policy
  readonly dialect: Dialect
  readonly keys: KeySet = new KeySet()
  readonly grants: Grants
  readonly codes: Map<string, IssuedCode> = new Map()
  readonly pending: Map<string, PendingRequest> = new Map()
  readonly devices: DeviceCodes
  /** `jti` of the client assertions that were used. */
  readonly assertionIds: Set<string> = new Set()
  /** Token sets that the token endpoint issued. */
  readonly mints: Record<GrantType, number> = {
    authorization_code: 0,
    refresh_token: 0,
    client_credentials: 0,
    device_code: 0,
  }
  /** Set once the server listens. */
  origin = ''
  readonly #realOrigins: readonly string[]
  readonly #issuerPath: string

  /** Registers the client secrets with the marks. */
  constructor(options: ServerStateOptions) {
    this.users = options.users ?? DEFAULT_USERS
    this.clock = options.clock ?? new TestClock()
    this.marks = options.marks ?? new SecretMarks()
    this.oidc = options.oidc
    this.policy = policyOf(options.oidc, options.policy)
    this.clients = new Clients(options.clients, this.policy, this.marks)
    this.firstClientId = options.clients[0]?.clientId ?? ''
    this.dialect = options.dialect
    this.#realOrigins = options.realOrigins ?? []
    this.#issuerPath = options.issuerPath ?? ''
    this.devices = new DeviceCodes(this.policy, this.marks, () => this.now())
    const mintOpaque = (): string => this.marks.mint('access_token', this.dialect.accessTokenPrefix)
    const mint = options.accessToken?.(this) ?? mintOpaque
    this.grants = new Grants(this.policy, this.marks, () => this.now(), mint)
  }

  /** Epoch seconds on the server's own clock, skew included. */
  now(): number {
    return this.clock.now() + this.policy.skewSeconds
  }

  /** The origin with the issuer's path. */
  get issuer(): string {
    return this.origin + this.#issuerPath
  }

  /** Origin and issuer as the sender of a request knows them: real ones, if it was sent to a real host. */
  addressAt({ headers }: ReceivedRequest): { readonly origin: string; readonly issuer: string } {
    const real = this.#realOrigins.find((one) => new URL(one).host === headers.host)
    const origin = real ?? this.origin
    return { origin, issuer: origin + this.#issuerPath }
  }

  /** The user with this id. @throws Error when there is none */
  user(userId: string): EmulatedUser {
    const user = this.users.find((one) => one.id === userId)
    if (user === undefined) throw new Error(`There is no user with the id ${userId}`)
    return user
  }
}
