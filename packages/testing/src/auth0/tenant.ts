import { randomUUID } from 'node:crypto'
import type { EmulatedUser } from '../authorization-server/client.ts'
import type { Brand } from '../authorization-server/consent-page.ts'
import { type Dialect, type OAuthProblem, plainDialect, rfcProblem } from '../authorization-server/dialect.ts'
import type { Grant, MintAccessToken } from '../authorization-server/grants.ts'
import type { Policy } from '../authorization-server/policy.ts'
import type { ServerState } from '../authorization-server/state.ts'
import type { Reply } from '../http/reply.ts'

/** What is not known about Auth0, each with both variants. All can be changed at any time. */
export interface Auth0Switches {
  /** Status of `invalid_grant` for a code or a device code; a refused refresh token is 403 always. @default 403 */
  invalidGrantStatus: 400 | 403
  /** The claims with URLs as names stand in the userinfo answer too, not in ID tokens alone. @default false */
  customClaimsInUserinfo: boolean
  /** The API looks up the grant, so that an ended one is refused at once, or believes a signed token until it expires. @default 'live' */
  apiAccepts: 'live' | 'signed'
}

/** The switches at their defaults. */
export function auth0Switches(overrides: Partial<Auth0Switches> = {}): Auth0Switches {
  return { invalidGrantStatus: 403, customClaimsInUserinfo: false, apiAccepts: 'live', ...overrides }
}

/** Claims of a user with URLs as names, as a tenant adds them. */
export type CustomClaims = (user: EmulatedUser) => Readonly<Record<string, unknown>>

/** What one tenant is. */
export interface Auth0Tenant {
  readonly name: 'auth0' | 'bitfount'
  readonly brand: Brand
  /** Its real host. */
  readonly domain: string
  /** The API that its tokens are for. */
  readonly audience: string
  /** The real origins of that API. */
  /** What the API takes in the place of a token. */
  readonly apiKey?: { readonly id: string; readonly key: string }
  readonly apiOrigins: readonly string[]
  readonly customClaims: CustomClaims
}

/** What a tenant does of its own accord. Whether a refresh within the leeway brings a new token or the live one is not known. */
export const AUTH0_POLICY: Partial<Policy> = {
  accessTokenLifetimeSeconds: 86_400,
  refreshTokens: 'offline_access',
  reuseKillsFamily: true,
  graceRotates: true,
  deviceErrorStatuses: {
    authorization_pending: 403,
    slow_down: 429,
    access_denied: 403,
    expired_token: 403,
  },
  deviceExpiredOnce: true,
  responseIss: 'none',
  advertisesResponseIss: false,
}

/** The paths, errors and claims of a tenant. */
export function auth0Dialect(tenant: Auth0Tenant, switches: Auth0Switches): Dialect {
  const { brand, customClaims } = tenant
  return {
    ...plainDialect('', true),
    brand,
    paths: {
      authorization: '/authorize',
      token: '/oauth/token',
      userinfo: '/userinfo',
      revocation: '/oauth/revoke',
      jwks: '/.well-known/jwks.json',
      discovery: '/.well-known/openid-configuration',
      deviceAuthorization: '/oauth/device/code',
      verification: '/device',
    },
    problem: (problem) => auth0Problem(problem, switches),
    userinfo: (user, grant) => ({
      ...auth0Claims(user, grant),
      ...(switches.customClaimsInUserinfo ? customClaims(user) : {}),
    }),
    idTokenClaims: (user, grant) => ({ ...auth0Claims(user, grant), ...customClaims(user) }),
    userId: subjectOf,
  }
}

/**
 * An access token: a JWT where the client named an API, for it and with the scope `openid` for userinfo; otherwise opaque.
 * It is registered with the marks.
 */
export function auth0AccessToken(state: ServerState): MintAccessToken {
  return (grant, { issuer, issuedAt, lifetimeSeconds }) => {
    const { audience, clientId, userId, scope } = grant
    if (audience === undefined) return state.marks.mint('access_token')
    const now = Math.floor(issuedAt)
    const token = state.keys.signRs256(
      { alg: 'RS256', typ: 'JWT', kid: state.keys.kid },
      {
        iss: issuer,
        sub: userId === undefined ? `${clientId}@clients` : subjectOf(state.user(userId)),
        aud: scope.includes('openid') ? [audience, `${issuer}userinfo`] : audience,
        azp: clientId,
        iat: now,
        exp: now + lifetimeSeconds,
        scope: scope.join(' '),
        jti: randomUUID(),
      },
    )
    state.marks.add('access_token', token)
    return token
  }
}

function subjectOf(user: EmulatedUser): string {
  return `auth0|${user.id}`
}

/** `sub`, and what the scopes `profile` and `email` ask for. */
function auth0Claims(user: EmulatedUser, { scope }: Grant): Readonly<Record<string, unknown>> {
  const { id: _, ...claims } = user
  const asked = Object.entries(claims).filter(([name]) =>
    scope.includes(name.startsWith('email') ? 'email' : 'profile'),
  )
  return { sub: subjectOf(user), ...Object.fromEntries(asked) }
}

const descriptions: Readonly<Record<string, string>> = {
  authorization_pending: 'User has yet to authorize device code.',
  slow_down: 'You are polling faster than the specified interval of 5 seconds.',
}

function auth0Problem(problem: OAuthProblem, switches: Auth0Switches): Reply {
  if (problem.refusedRefreshToken === true)
    return rfcProblem({ ...problem, status: 403, description: 'Unknown or invalid refresh token.' })
  const status = problem.error === 'invalid_grant' ? switches.invalidGrantStatus : problem.status
  return rfcProblem({ ...problem, status, description: descriptions[problem.error] ?? problem.description })
}
