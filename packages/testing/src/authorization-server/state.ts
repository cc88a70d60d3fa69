import { TestClock, type TimeSource } from '../clock.ts'
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
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  /** What the request named as `audience`. */
  readonly audience: string | undefined
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
  readonly state: string | undefined
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  /** What the request named as `audience`. */
  readonly audience: string | undefined
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
  issuer = ''
  /** Where it listens. Set once it does. */
  origin = ''
  /** What it calls itself in the addresses that it tells. Set once the server listens. */
  publicOrigin = ''

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
    this.devices = new DeviceCodes(this.policy, this.marks, () => this.now())
    const mintOpaque = (): string => this.marks.mint('access_token', this.dialect.accessTokenPrefix)
    const mint = options.accessToken?.(this) ?? mintOpaque
    this.grants = new Grants(this.policy, this.marks, () => this.now(), mint)
  }

  /** Epoch seconds on the server's own clock, skew included. */
  now(): number {
    return this.clock.now() + this.policy.skewSeconds
  }

  /** The user with this id. @throws Error when there is none */
  user(userId: string): EmulatedUser {
    const user = this.users.find((one) => one.id === userId)
    if (user === undefined) throw new Error(`There is no user with the id ${userId}`)
    return user
  }
}
