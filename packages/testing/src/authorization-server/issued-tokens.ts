import type { EmulatedUser } from './client.ts'
import type { ServerState } from './state.ts'

/** A token set that the emulator accepts, for an application that shall start with a user signed in. */
export interface IssuedTokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly tokenType: 'Bearer'
  /** When the access token ends, epoch seconds. */
  readonly expiresAt: number
  readonly scope: readonly string[]
  /** When the user said yes, epoch seconds. */
  readonly authorizedAt: number
  /** The id by which an application knows the user: what it takes from the userinfo answer. */
  readonly userId: string
}

/** What `tokens` makes differently. */
export interface TokensOptions {
  /** @default none */
  readonly scope?: readonly string[]
  /** The API that the tokens are for. Absent: none is named. */
  readonly audience?: string
  /** The access token ended a minute ago; the refresh token is alive. @default false */
  readonly expired?: boolean
}

const ENDED_SECONDS_AGO = 60

/**
 * Grants a user's tokens without a browser, as after a sign-in. They belong to the client that uses them first.
 *
 * @throws Error that names the users when none or several are meant
 */
export function issueTokens(state: ServerState, userName: string, options: TokensOptions): IssuedTokens {
  const { scope = [], audience, expired = false } = options
  const user = userNamed(userName, state.users)
  const lifetimeSeconds = state.policy.accessTokenLifetimeSeconds
  const now = Math.floor(state.now())
  const authorizedAt = expired ? now - lifetimeSeconds - ENDED_SECONDS_AGO : now
  const grant = state.grants.open({
    clientId: state.firstClientId,
    userId: user.id,
    scope,
    audience,
    nonce: undefined,
    authorizedAt,
    isPublic: false,
    isBound: false,
  })
  return {
    accessToken: state.grants.addAccessToken(grant, { issuedAt: authorizedAt, issuer: state.issuer }).token,
    refreshToken: state.grants.addRefreshToken(grant),
    tokenType: 'Bearer',
    expiresAt: authorizedAt + lifetimeSeconds,
    scope,
    authorizedAt,
    userId: state.dialect.userId(user),
  }
}

/** By id, or by the whole or first name in any case. */
function userNamed(userName: string, users: readonly EmulatedUser[]): EmulatedUser {
  const wanted = userName.toLowerCase()
  const byId = users.filter((user) => user.id === userName)
  const byName = users.filter((user) => user.name.toLowerCase() === wanted)
  const byFirstName = users.filter((user) => user.name.toLowerCase().split(' ')[0] === wanted)
  const meant = [byId, byName, byFirstName].find((found) => found.length > 0) ?? []
  const [user] = meant
  if (user !== undefined && meant.length === 1) return user
  const problem = user === undefined ? 'There is no user' : 'There are several users'
  const known = users.map(({ id, name }) => `${name} (${id})`).join(', ')
  throw new Error(`${problem} "${userName}". Give the name or the id of one of: ${known}`)
}
