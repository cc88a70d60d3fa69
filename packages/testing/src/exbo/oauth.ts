import { randomBytes } from 'node:crypto'
import type { EmulatedUser } from '../authorization-server/client.ts'
import { type Dialect, type OAuthProblem, plainDialect, rfcProblem } from '../authorization-server/dialect.ts'
import type { Grant, MintAccessToken } from '../authorization-server/grants.ts'
import type { ServerState } from '../authorization-server/state.ts'
import { json, type Reply } from '../http/reply.ts'

/** What is not known about EXBO, each with both variants. All can be changed at any time. */
export interface ExboSwitches {
  /** `expires_in` as a number or as a numeric string. @default 'number' */
  expiresIn: 'number' | 'string'
  /** Body of an error: the two fields of the RFC, or `hint` and `message` as well. @default 'rfc' */
  errorBody: 'rfc' | 'hint'
  /** A refused refresh token: 400 `invalid_grant`, or 401 `invalid_request` "The refresh token is invalid.". @default 'invalid_grant' */
  refusedRefreshToken: 'invalid_grant' | 'invalid_request'
  /** Unit of the API's `x-ratelimit-reset`, a point in time since the epoch. @default 'seconds' */
  rateLimitReset: 'seconds' | 'milliseconds'
  /** Whether a 429 of the API names `Retry-After`. @default false */
  retryAfter: boolean
  /** Accept the client secret as Basic credentials too. @default false */
  basicAuth: boolean
  /** Access tokens that are JWTs, as those of the demo API, or opaque ones. @default 'jwt' */
  accessToken: 'jwt' | 'opaque'
  /** Seconds in `refresh_expires_in` of a token answer with a refresh token; absent: no such field. */
  refreshExpiresIn: number | undefined
  /** Calls that a caller may make to the API per minute. @default 200 */
  rateLimit: number
}

/** Ada, Grace and Linus with what EXBO knows about them. */
export const EXBO_USERS: readonly EmulatedUser[] = [
  exboUser('user-ada', 'Ada', 1001),
  exboUser('user-grace', 'Grace', 1002),
  exboUser('user-linus', 'Linus', 1003),
]

/** The switches at their defaults. */
export function exboSwitches(overrides: Partial<ExboSwitches> = {}): ExboSwitches {
  return {
    expiresIn: 'number',
    errorBody: 'rfc',
    refusedRefreshToken: 'invalid_grant',
    rateLimitReset: 'seconds',
    retryAfter: false,
    basicAuth: false,
    accessToken: 'jwt',
    refreshExpiresIn: undefined,
    rateLimit: 200,
    ...overrides,
  }
}

/** The OAuth host of EXBO. */
export function exboDialect(switches: ExboSwitches): Dialect {
  return {
    ...plainDialect('', false),
    brand: { name: 'EXBO', background: '#16181d', panel: '#22262e', ink: '#f2f2f2', accent: '#f2a33a' },
    paths: { authorization: '/oauth/authorize', token: '/oauth/token', userinfo: '/oauth/user' },
    authMethods: () =>
      switches.basicAuth ? ['client_secret_post', 'client_secret_basic'] : ['client_secret_post'],
    problem: (problem) => exboProblem(problem, switches),
    userinfo: (user) => exboUserinfo(user),
    userId: (user) => String(exboUserinfo(user).id),
    answersScope: () => false,
    expiresIn: (seconds) => (switches.expiresIn === 'string' ? String(seconds) : seconds),
    tokenFields: (grant) =>
      grant.userId === undefined || switches.refreshExpiresIn === undefined
        ? {}
        : { refresh_expires_in: switches.refreshExpiresIn },
  }
}

/**
 * Access tokens that look like EXBO's: RS256, `aud` as a string, an 80 digit `jti`, no `iss`; an application's has no `sub`.
 * They are registered with the marks by their signature. With the switch they are opaque.
 */
export function exboAccessToken(state: ServerState, switches: ExboSwitches): MintAccessToken {
  return (grant: Grant, { issuedAt, lifetimeSeconds }) => {
    if (switches.accessToken === 'opaque') return state.marks.mint('access_token')
    const now = Math.floor(issuedAt)
    const payload = {
      aud: grant.clientId,
      jti: randomBytes(40).toString('hex'),
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      ...(grant.userId === undefined ? {} : { sub: String(exboUserinfo(state.user(grant.userId)).id) }),
    }
    const token = state.keys.signRs256({ typ: 'JWT', alg: 'RS256' }, payload)
    state.marks.add('access_token', token)
    return token
  }
}

function exboProblem(problem: OAuthProblem, switches: ExboSwitches): Reply {
  const league = problem.refusedRefreshToken === true && switches.refusedRefreshToken === 'invalid_request'
  const worded = league
    ? { status: 401, error: 'invalid_request', description: 'The refresh token is invalid.' }
    : problem
  if (switches.errorBody === 'rfc') return rfcProblem(worded)
  const { status, error, description } = worded
  return json(status, {
    error,
    error_description: description,
    hint: problem.description,
    message: description,
  })
}

/** All six keys, always. A user of your own gets what is missing made up from the id. */
function exboUserinfo(user: EmulatedUser): Readonly<Record<string, unknown>> {
  const digits = Buffer.from(user.id).toString('hex').slice(-12).padStart(12, '0')
  return {
    id: user.exboId ?? Number.parseInt(digits.slice(-8), 16),
    uuid: user.uuid ?? `00000000-0000-4000-8000-${digits}`,
    login: user.login ?? user.id,
    display_login: user.display_login === undefined ? user.name : user.display_login,
    distributor: user.distributor ?? 'EXBO',
    distributor_id: user.distributor_id ?? null,
  }
}

function exboUser(id: string, name: string, exboId: number): EmulatedUser {
  return { id, name, exboId, uuid: `00000000-0000-4000-8000-00000000${exboId}`, login: name.toLowerCase() }
}
