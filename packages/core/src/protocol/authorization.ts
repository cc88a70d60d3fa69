import { createHash } from 'node:crypto'
import { AuthorizationResponseError, validateAuthResponse } from 'oauth4webapi'
import { type ErrorCode, LatchkeyError } from '../errors.ts'
import type { ServerMetadata } from './metadata.ts'
import { oauthErrorFields } from './oauth-error.ts'
import type { Provider } from './provider.ts'

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
  const scope = [...new Set(withOpenid)]
  return scope.length > 0 || provider.sendEmptyScope ? scope.join(provider.scopeSeparator) : undefined
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

const responseParams = [
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
  'response',
  'id_token',
  'token',
]
const longestCode = 8 * 1024

/**
 * The code of an authorization response that belongs to our request. `parameters` come from the raw query or body.
 *
 * @throws {LatchkeyError} `invalid_callback` with `reason`, or what the server's own error means.
 * @see RFC 6749 §4.1.2, RFC 9207 §2.4
 */
export function readAuthorizationResponse(
  provider: Provider,
  metadata: ServerMetadata,
  parameters: URLSearchParams,
  expected: { readonly state: string },
): { readonly code: string } {
  if (responseParams.some((name) => parameters.getAll(name).length > 1)) throw rejected(provider, 'duplicate')
  const checked = withoutForeignIssuer(provider, parameters)
  const server = {
    issuer: provider.issuer ?? metadata.tokenEndpoint,
    authorization_response_iss_parameter_supported: metadata.authorizationResponseIss,
  }
  try {
    validateAuthResponse(server, { client_id: provider.clientId }, checked, expected.state)
  } catch (error) {
    // The error of oauth4webapi holds the parameters, code and all: nothing of it goes on.
    if (error instanceof AuthorizationResponseError) throw serverError(provider, parameters)
    throw rejected(provider, rejectionReason(provider, metadata, checked, expected.state))
  }
  const code = parameters.get('code') ?? ''
  if (code === '') throw rejected(provider, 'no_code')
  if (code.length > longestCode) throw rejected(provider, 'code_too_long')
  return { code }
}

// RFC 9207 compares `iss` with the issuer; a server that has none cannot be checked that way, and the name of its
// token endpoint only stands in for it.
function withoutForeignIssuer(provider: Provider, parameters: URLSearchParams): URLSearchParams {
  if (provider.issuer !== undefined && parameters.get('iss') === '') throw rejected(provider, 'iss')
  if (provider.issuer !== undefined) return parameters
  const rest = new URLSearchParams(parameters)
  rest.delete('iss')
  return rest
}

function rejectionReason(
  provider: Provider,
  metadata: ServerMetadata,
  parameters: URLSearchParams,
  state: string,
): string {
  const iss = parameters.get('iss')
  if (iss === null ? metadata.authorizationResponseIss : iss !== provider.issuer) return 'iss'
  return parameters.get('state') === state ? 'unexpected_parameter' : 'state'
}

function rejected(provider: Provider, reason: string): LatchkeyError {
  return new LatchkeyError(
    'invalid_callback',
    `The authorization response of ${provider.id} was refused (${reason}). Start the sign-in again.`,
    { provider: provider.id, reason },
  )
}

/** What each error of RFC 6749 §4.1.2.1 and OpenID Connect Core 1.0 §3.1.2.6 means to the app; others are `invalid_callback`. */
const codeOfError: Readonly<Record<string, ErrorCode>> = {
  access_denied: 'access_denied',
  consent_required: 'access_denied',
  interaction_required: 'access_denied',
  login_required: 'access_denied',
  account_selection_required: 'access_denied',
  // What Apple and LinkedIn say when the user cancels.
  user_cancelled_authorize: 'access_denied',
  user_cancelled_login: 'access_denied',
  unauthorized_client: 'as_misconfigured',
  invalid_client: 'as_misconfigured',
  invalid_scope: 'as_misconfigured',
  invalid_request: 'as_misconfigured',
  invalid_target: 'as_misconfigured',
  unsupported_response_type: 'as_misconfigured',
  unsupported_response_mode: 'as_misconfigured',
  redirect_uri_mismatch: 'as_misconfigured',
  invalid_request_uri: 'as_misconfigured',
  invalid_request_object: 'as_misconfigured',
  request_not_supported: 'as_misconfigured',
  request_uri_not_supported: 'as_misconfigured',
  registration_not_supported: 'as_misconfigured',
  server_error: 'as_unavailable',
  temporarily_unavailable: 'as_unavailable',
}

function serverError(provider: Provider, parameters: URLSearchParams): LatchkeyError {
  const error = parameters.get('error') ?? ''
  const oauth = oauthErrorFields(error, parameters.get('error_description'), [
    parameters.get('code') ?? undefined,
    parameters.get('state') ?? undefined,
  ])
  const code = Object.hasOwn(codeOfError, error) ? codeOfError[error] : undefined
  const known = code ?? 'invalid_callback'
  return new LatchkeyError(
    known,
    `${provider.name} ended the sign-in: ${messages[known] ?? 'unknown error'}.`,
    {
      provider: provider.id,
      // An enum of ours, never the server's own words.
      reason: code === undefined ? 'unknown_error' : error,
      oauth,
    },
  )
}

const messages: Partial<Record<ErrorCode, string>> = {
  access_denied: 'access was denied',
  as_misconfigured: 'it refuses the request of this app; check client id, redirect URI and scope there',
  as_unavailable: 'it is not available',
  invalid_callback: 'it sent an error that is not known',
}
