import { json, type Reply } from '../http/reply.ts'
import { authMethodsOf, type ClientAuthMethod, type EmulatedUser, type RegisteredClient } from './client.ts'
import type { Brand } from './consent-page.ts'
import type { Grant } from './grants.ts'

/** Where the endpoints of a server live. An absent one answers 404. */
export interface EndpointPaths {
  readonly authorization: string
  readonly token: string
  readonly userinfo?: string
  readonly revocation?: string
  readonly jwks?: string
  readonly discovery?: string
  /** Device authorization (RFC 8628), with the page that its user opens. */
  readonly deviceAuthorization?: string
  readonly verification?: string
}

/** An OAuth error before it is worded for the wire. */
export interface OAuthProblem {
  readonly status: number
  readonly error: string
  /** Absent: none is sent. */
  readonly description: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Set when a refresh token was refused. */
  readonly refusedRefreshToken?: boolean
}

/** In what one provider differs from the plain server. */
export interface Dialect {
  readonly brand: Brand
  readonly paths: EndpointPaths
  /** How a client may prove itself. */
  readonly authMethods: (client: RegisteredClient) => readonly ClientAuthMethod[]
  /** Compares the requested redirect URI with the registered ones; returns the page that refuses it. */
  readonly refuseRedirectUri: (client: RegisteredClient, redirectUri: string) => Reply | undefined
  /** The error answer of token, userinfo and revocation endpoint. */
  readonly problem: (problem: OAuthProblem) => Reply
  /** The userinfo answer. */
  readonly userinfo: (user: EmulatedUser, grant: Grant) => Readonly<Record<string, unknown>>
  /** What an ID token says about the user. Absent: what userinfo says. */
  readonly idTokenClaims?: (user: EmulatedUser, grant: Grant) => Readonly<Record<string, unknown>>
  /** What a client takes from the userinfo answer as the user's id, as text. */
  readonly userId: (user: EmulatedUser) => string
  /** Whether a token answer names the scope. */
  readonly answersScope: (grant: Grant) => boolean
  /** How `expires_in` is written. */
  readonly expiresIn: (seconds: number) => number | string
  /** Further fields of a token answer. */
  readonly tokenFields?: (grant: Grant) => Readonly<Record<string, unknown>>
  /** Prefix of opaque access tokens. */
  readonly accessTokenPrefix: string
}

/** The error answer of RFC 6749 §5.2. */
export function rfcProblem(problem: OAuthProblem): Reply {
  const body = { error: problem.error, error_description: problem.description }
  return json(problem.status, body, problem.headers ?? {})
}

/** The dialect of the plain server, its endpoints below `base`. */
export function plainDialect(base: string, oidc: boolean): Dialect {
  return {
    brand: { name: 'Example', background: '#f4f4f5', panel: '#ffffff', ink: '#18181b', accent: '#2563eb' },
    paths: {
      authorization: `${base}/authorize`,
      token: `${base}/token`,
      userinfo: `${base}/userinfo`,
      revocation: `${base}/revoke`,
      deviceAuthorization: `${base}/device_authorization`,
      verification: `${base}/device`,
      ...(oidc ? { jwks: `${base}/jwks`, discovery: `${base}/.well-known/openid-configuration` } : {}),
    },
    authMethods: authMethodsOf,
    refuseRedirectUri: (client, redirectUri) =>
      client.redirectUris.includes(redirectUri)
        ? undefined
        : rfcProblem({
            status: 400,
            error: 'invalid_request',
            description: 'redirect_uri is not registered',
          }),
    problem: rfcProblem,
    userinfo: plainUserinfo,
    userId: (user) => user.id,
    answersScope: (grant) => grant.scope.length > 0,
    expiresIn: (seconds) => seconds,
    accessTokenPrefix: 'at_',
  }
}

/** `sub`, then the user's own claims; `email` and what belongs to it only with the scope `email` when `openid` is asked. */
export function plainUserinfo(user: EmulatedUser, grant: Grant): Readonly<Record<string, unknown>> {
  const { id, ...claims } = user
  const all = Object.entries({ sub: id, ...claims })
  const hidden = grant.scope.includes('openid') && !grant.scope.includes('email')
  return Object.fromEntries(hidden ? all.filter(([name]) => !name.startsWith('email')) : all)
}
