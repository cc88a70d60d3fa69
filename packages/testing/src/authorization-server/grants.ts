import type { SecretMarks } from '../secret-marks.ts'
import type { Policy } from './policy.ts'

/** The state of a grant as the server sees it. */
export interface LiveGrant {
  readonly grantId: string
  readonly clientId: string
  /** Absent for a client credentials grant. */
  readonly userId: string | undefined
  /** How many refresh tokens came before the live one. */
  readonly generation: number
  /** The refresh token that would be accepted now; absent when there is none or the grant ended. */
  readonly refreshToken: string | undefined
  /** The newest access token that would be accepted now. */
  readonly accessToken: string | undefined
  readonly scope: readonly string[]
  /** The API that the client named as `audience`. */
  readonly audience: string | undefined
  /** Epoch seconds. */
  readonly authorizedAt: number
  /** A spent refresh token or code was used again and ended the grant. */
  readonly familyRevoked: boolean
  /** The grant ended, whatever the reason. */
  readonly revoked: boolean
}

/** An access token and where it belongs. */
export interface AccessToken {
  readonly token: string
  readonly grant: Grant
  readonly lifetimeSeconds: number
  readonly expiresAt: number
  dead: boolean
}

interface RefreshToken {
  readonly token: string
  readonly generation: number
  spentAt?: number
  dead: boolean
  calls: number
}

/** What `Grants.open` needs. */
export interface Authorization {
  readonly clientId: string
  readonly userId: string | undefined
  readonly scope: readonly string[]
  /** The API that the tokens are for. Absent: none was named. */
  readonly audience?: string | undefined
  readonly nonce: string | undefined
  readonly authorizedAt: number
  /** The client went without secret or key. */
  readonly isPublic: boolean
  /** The grant is this client's. Otherwise it becomes that of the client that uses it first. */
  readonly isBound: boolean
}

/** One authorization of one client, with every token that came from it. Only `Grants` changes it. */
export class Grant implements Authorization {
  readonly id: string
  clientId: string
  readonly userId: string | undefined
  readonly scope: readonly string[]
  readonly audience: string | undefined
  readonly nonce: string | undefined
  readonly authorizedAt: number
  isPublic: boolean
  isBound: boolean
  readonly refreshTokens: RefreshToken[] = []
  readonly accessTokens: AccessToken[] = []
  familyRevoked = false
  revoked = false

  /** Made by `Grants.open`. */
  constructor(id: string, from: Authorization) {
    this.id = id
    this.clientId = from.clientId
    this.userId = from.userId
    this.scope = from.scope
    this.audience = from.audience
    this.nonce = from.nonce
    this.authorizedAt = from.authorizedAt
    this.isPublic = from.isPublic
    this.isBound = from.isBound
  }
}

/** The client that presents a refresh token. */
export type Presenter = Pick<Authorization, 'clientId' | 'isPublic'>

/** When an access token is issued, and by whom. */
export interface AccessTokenIssue {
  /** Epoch seconds. */
  readonly issuedAt: number
  /** As the client knows the server: see `ServerState.addressAt`. */
  readonly issuer: string
}

/** Makes the text of an access token for a grant. */
export type MintAccessToken = (
  grant: Grant,
  issue: AccessTokenIssue & { readonly lifetimeSeconds: number },
) => string

/** Every grant of a server and the rules by which refresh tokens live and die. */
export class Grants {
  readonly #grants = new Map<string, Grant>()
  readonly #byRefreshToken = new Map<string, Grant>()
  readonly #byAccessToken = new Map<string, AccessToken>()
  readonly #policy: Policy
  readonly #marks: SecretMarks
  readonly #now: () => number
  readonly #mint: MintAccessToken

  /** `now` gives epoch seconds; `mint` makes access tokens. */
  constructor(policy: Policy, marks: SecretMarks, now: () => number, mint: MintAccessToken) {
    this.#policy = policy
    this.#marks = marks
    this.#now = now
    this.#mint = mint
  }

  /** Every grant, oldest first. */
  get all(): readonly Grant[] {
    return [...this.#grants.values()]
  }

  /** Starts a grant. With an exclusive policy it ends the earlier ones of the same user and client. */
  open(from: Authorization): Grant {
    if (this.#policy.exclusive) {
      for (const grant of this.#grants.values()) {
        const isSameClient = !from.isBound || this.belongsTo(grant, from.clientId)
        if (!isSameClient || grant.userId !== from.userId) continue
        if (this.#policy.exclusiveEndsRefreshTokens) this.end(grant)
        else this.endAccessTokens(grant)
      }
    }
    const grant = new Grant(`grant-${this.#grants.size + 1}`, from)
    this.#grants.set(grant.id, grant)
    return grant
  }

  /** Whether a client may use a grant. */
  belongsTo(grant: Grant, clientId: string): boolean {
    return !grant.isBound || grant.clientId === clientId
  }

  /** A new access token of the grant. */
  addAccessToken(grant: Grant, issue: AccessTokenIssue): AccessToken {
    const { accessTokenLifetimeSeconds, applicationTokenLifetimeSeconds } = this.#policy
    const isApplication = grant.userId === undefined && applicationTokenLifetimeSeconds !== undefined
    const lifetimeSeconds = isApplication ? applicationTokenLifetimeSeconds : accessTokenLifetimeSeconds
    const token = this.#mint(grant, { ...issue, lifetimeSeconds })
    const expiresAt = issue.issuedAt + lifetimeSeconds
    const entry: AccessToken = { token, grant, lifetimeSeconds, expiresAt, dead: false }
    grant.accessTokens.push(entry)
    this.#byAccessToken.set(token, entry)
    return entry
  }

  /** A new refresh token of the grant, the next generation. */
  addRefreshToken(grant: Grant): string {
    const token = this.#marks.mint('refresh_token', 'rt_')
    grant.refreshTokens.push({ token, generation: grant.refreshTokens.length, dead: false, calls: 0 })
    this.#byRefreshToken.set(token, grant)
    return token
  }

  /** Counts a use of a refresh token, right or wrong. */
  countCall(token: string): void {
    const entry = this.#byRefreshToken.get(token)?.refreshTokens.find((one) => one.token === token)
    if (entry !== undefined) entry.calls++
  }

  /**
   * Accepts a refresh token or says why not (`undefined`: nothing is said). Accepted: the grant, and whether the token is spent by this
   * (or answered within its grace time). Used too late, it ends the family if the policy says so.
   */
  present(token: string, by: Presenter): { grant: Grant; inGrace: boolean } | string | undefined {
    const grant = this.#byRefreshToken.get(token)
    const entry = grant?.refreshTokens.find((one) => one.token === token)
    if (grant === undefined || entry === undefined || !this.belongsTo(grant, by.clientId))
      return 'Invalid refresh token'
    if (!grant.isBound) bind(grant, by)
    if (grant.revoked || entry.dead) return 'Refresh token revoked'
    const now = this.#now()
    if (now >= grant.authorizedAt + this.#policy.refreshTokenLifetimeSeconds)
      return this.#policy.expiredRefreshTokenText
    if (entry.spentAt === undefined) return { grant, inGrace: false }
    const isPrevious = entry.generation === grant.refreshTokens.length - 2
    if (isPrevious && now < entry.spentAt + this.#policy.graceSeconds) return { grant, inGrace: true }
    if (this.#policy.reuseKillsFamily) this.end(grant, true)
    return 'Refresh token revoked'
  }

  /** Spends the live refresh token of a grant. */
  spend(grant: Grant): void {
    const live = grant.refreshTokens.at(-1)
    if (live !== undefined) live.spentAt = this.#now()
  }

  /** The live refresh token of a grant. */
  refreshTokenOf(grant: Grant): string | undefined {
    const newest = grant.refreshTokens.at(-1)
    const usable = newest !== undefined && !grant.revoked && !newest.dead && newest.spentAt === undefined
    return usable ? newest.token : undefined
  }

  /** The access token with this text, if it would be accepted now. */
  accessToken(token: string): AccessToken | undefined {
    const entry = this.#byAccessToken.get(token)
    return entry !== undefined && this.#isUsable(entry) ? entry : undefined
  }

  /** The grant that a token of either kind belongs to. */
  byToken(token: string): Grant | undefined {
    return this.#byRefreshToken.get(token) ?? this.#byAccessToken.get(token)?.grant
  }

  /** The grant with this id. */
  byId(grantId: string): Grant | undefined {
    return this.#grants.get(grantId)
  }

  /** Ends a grant with all its tokens. */
  end(grant: Grant, familyRevoked = false): void {
    grant.revoked = true
    grant.familyRevoked ||= familyRevoked
    this.endAccessTokens(grant)
  }

  /** Ends the access tokens of a grant; its refresh token stays. */
  endAccessTokens(grant: Grant): void {
    for (const entry of grant.accessTokens) entry.dead = true
  }

  /** The state of a grant right now. */
  live(grant: Grant): LiveGrant {
    const { id, clientId, userId, scope, audience, authorizedAt, familyRevoked, revoked } = grant
    return {
      grantId: id,
      clientId,
      userId,
      generation: Math.max(grant.refreshTokens.length - 1, 0),
      refreshToken: this.refreshTokenOf(grant),
      accessToken: grant.accessTokens.findLast((entry) => this.#isUsable(entry))?.token,
      scope,
      audience,
      authorizedAt,
      familyRevoked,
      revoked,
    }
  }

  #isUsable(entry: AccessToken): boolean {
    return !entry.dead && !entry.grant.revoked && this.#now() < entry.expiresAt
  }
}

function bind(grant: Grant, to: Presenter): void {
  grant.clientId = to.clientId
  grant.isPublic = to.isPublic
  grant.isBound = true
}
