import { createHash } from 'node:crypto'
import { LatchkeyError } from '../errors.ts'
import type { ServerMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import { scopeParameter } from './scope-parameter.ts'

/** What one authorization request is made of. */
export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly scope: readonly string[]
  /** `prompt` of OpenID Connect; wins over a `prompt` among the preset's parameters. */
  readonly prompt?: string
  /** Extra parameters; they win over the preset's, and never replace one of ours. */
  readonly params?: Readonly<Record<string, string>>
}

/** Parameters that only Latchkey sets: whoever could set one of these could undo what protects the sign-in. */
export const reservedAuthorizationParams: ReadonlySet<string> = new Set([
  'response_type',
  'response_mode',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
])

/**
 * The URL that the browser is sent to. Keeps the endpoint's own query and carries each of our parameters once.
 *
 * @throws {LatchkeyError} `invalid_options` when an extra parameter is one of ours.
 * @see RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1
 */
export function buildAuthorizationUrl(
  provider: Provider,
  metadata: ServerMetadata,
  request: AuthorizationRequest,
): string {
  const url = new URL(metadata.authorizationEndpoint)
  for (const name of reservedAuthorizationParams) url.searchParams.delete(name)
  for (const [name, value] of Object.entries({ ...provider.params, ...request.params })) {
    if (reservedAuthorizationParams.has(name)) throw reservedParam(provider, name)
    url.searchParams.set(name, value)
  }
  if (request.prompt !== undefined) url.searchParams.set('prompt', request.prompt)
  for (const [name, value] of ourParams(provider, request)) url.searchParams.set(name, value)
  return url.href
}

function ourParams(provider: Provider, request: AuthorizationRequest): [string, string][] {
  const openid = provider.issuer !== undefined
  const scope = scopeParam(provider, request.scope)
  return [
    ['response_type', 'code'],
    ['client_id', provider.clientId],
    ['redirect_uri', request.redirectUri],
    ...(scope === undefined ? [] : [['scope', scope] satisfies [string, string]]),
    ['state', request.state],
    ...(openid ? [['nonce', request.nonce] satisfies [string, string]] : []),
    ...(provider.pkce === 'never' ? [] : pkceParams(request.codeVerifier)),
    ...(provider.responseMode === 'query'
      ? []
      : [['response_mode', provider.responseMode] satisfies [string, string]]),
  ]
}

function scopeParam(provider: Provider, requested: readonly string[]): string | undefined {
  const withOpenid = provider.issuer === undefined ? requested : ['openid', ...requested]
  return scopeParameter(provider, withOpenid).scope
}

function pkceParams(codeVerifier: string): [string, string][] {
  return [
    ['code_challenge', createHash('sha256').update(codeVerifier, 'ascii').digest('base64url')],
    ['code_challenge_method', 'S256'],
  ]
}

function reservedParam(provider: Provider, name: string): LatchkeyError {
  return new LatchkeyError(
    'invalid_options',
    `${provider.id}: params may not set ${name}, which Latchkey sets itself. Remove it.`,
    { provider: provider.id },
  )
}
