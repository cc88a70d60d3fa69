import type { EmulatedUser } from '../authorization-server/client.ts'
import { type Dialect, type OAuthProblem, plainDialect, rfcProblem } from '../authorization-server/dialect.ts'
import type { Grant, MintAccessToken } from '../authorization-server/grants.ts'
import type { Policy } from '../authorization-server/policy.ts'
import type { ServerState } from '../authorization-server/state.ts'
import type { Reply } from '../http/reply.ts'

/** What is not known about Auth0's tenants. All can be changed at any time. */
export interface Auth0Switches {
  /** Where the namespaced claim with the user's name stands. @default 'id_token' */
  usernameIn: 'id_token' | 'both'
}

/** What one tenant has of its own. */
export interface Tenant {
  readonly name: string
  /** The claim that names the user, a URL. Absent: there is none. */
  readonly usernameClaim?: string
}

/** Device polls and refusals as Auth0 answers them: 403 where RFC 6749 and RFC 8628 say 400. */
export const AUTH0_POLICY: Partial<Policy> = {
  accessTokenLifetimeSeconds: 86_400,
  refreshTokens: 'offline_access',
  reuseKillsFamily: true,
  deviceErrorStatuses: {
    authorization_pending: 403,
    slow_down: 429,
    access_denied: 403,
    expired_token: 403,
    invalid_grant: 403,
  },
  deviceExpiredOnce: true,
  responseIss: 'none',
  advertisesResponseIss: false,
}

/** One tenant of Auth0. */
export function auth0Dialect({ name, usernameClaim }: Tenant, switches: Auth0Switches): Dialect {
  const username = (user: EmulatedUser): Readonly<Record<string, unknown>> =>
    usernameClaim === undefined ? {} : { [usernameClaim]: user.username ?? user.name.toLowerCase() }
  return {
    ...plainDialect('', true),
    brand: { name, background: '#1e212a', panel: '#ffffff', ink: '#1e212a', accent: '#635dff' },
    paths: {
      authorization: '/authorize',
      token: '/oauth/token',
      userinfo: '/userinfo',
      revocation: '/oauth/revoke',
      deviceAuthorization: '/oauth/device/code',
      verification: '/device',
      jwks: '/.well-known/jwks.json',
      discovery: '/.well-known/openid-configuration',
    },
    problem: auth0Problem,
    userinfo: (user, grant) => ({
      ...claims(user, grant),
      ...(switches.usernameIn === 'both' ? username(user) : {}),
    }),
    idTokenClaims: username,
    userId: subject,
  }
}

/** For an audience a JWT that its API can read; else an opaque token, good for userinfo. */
export function auth0AccessToken(state: ServerState): MintAccessToken {
  return (grant, issuedAt, lifetimeSeconds) => {
    const { audience, clientId, scope, userId } = grant
    if (audience === undefined) return state.marks.mint('access_token')
    const now = Math.floor(issuedAt)
    const payload = {
      iss: state.issuer,
      sub: userId === undefined ? `${clientId}@clients` : subject(state.user(userId)),
      aud: scope.includes('openid') ? [audience, `${state.issuer}userinfo`] : audience,
      iat: now,
      exp: now + lifetimeSeconds,
      azp: clientId,
      scope: scope.join(' '),
      // Two of one second would be the same text.
      jti: `${grant.id}-${grant.accessTokens.length}`,
    }
    const token = state.keys.signRs256({ typ: 'JWT', alg: 'RS256', kid: state.keys.kid }, payload)
    state.marks.add('access_token', token)
    return token
  }
}

function auth0Problem(problem: OAuthProblem): Reply {
  if (problem.refusedRefreshToken === true)
    return rfcProblem({ ...problem, status: 403, description: 'Unknown or invalid refresh token.' })
  return rfcProblem(problem.error === 'invalid_grant' ? { ...problem, status: 403 } : problem)
}

function claims(user: EmulatedUser, { scope }: Pick<Grant, 'scope'>): Readonly<Record<string, unknown>> {
  const { name, email, email_verified = true } = user
  return {
    sub: subject(user),
    ...(scope.includes('profile') ? { name, nickname: name.toLowerCase() } : {}),
    ...(scope.includes('email') && email !== undefined ? { email, email_verified } : {}),
  }
}

function subject({ id }: EmulatedUser): string {
  return `auth0|${id}`
}
