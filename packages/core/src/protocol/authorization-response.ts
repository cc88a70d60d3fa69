import { AuthorizationResponseError, validateAuthResponse } from 'oauth4webapi'
import { type ErrorCode, LatchkeyError } from '../errors.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import type { ServerMetadata } from './metadata.ts'
import { oauthErrorFields } from './oauth-error.ts'
import type { Provider } from './provider.ts'
import { scopeList } from './scope-parameter.ts'

/** What an authorization response brings. */
export interface AuthorizationResponse {
  readonly code: string
  /** The granted scope, where the server says it here. */
  readonly scope?: readonly string[]
  /** How the server describes the user here; nobody has signed it. */
  readonly user?: JsonObject
}

/** The parameters that an authorization response may have once (RFC 6749 §3.1). */
export const responseParameters: readonly string[] = [
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
  'response',
  'id_token',
  'token',
  'access_token',
]
const longestCode = 8 * 1024
const longestUser = 4 * 1024

/**
 * What an authorization response brings that belongs to our request. `parameters` come from the raw query or body.
 *
 * @throws {LatchkeyError} `invalid_callback` with `reason`, or what the server's own error means.
 * @see RFC 6749 §4.1.2, RFC 9207 §2.4
 */
export function readAuthorizationResponse(
  provider: Provider,
  metadata: ServerMetadata,
  parameters: URLSearchParams,
  expected: { readonly state: string },
): AuthorizationResponse {
  if (responseParameters.some((name) => parameters.getAll(name).length > 1))
    throw rejected(provider, 'duplicate')
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
  return { code, ...extras(provider, parameters) }
}

function extras(
  provider: Pick<Provider, 'id' | 'authorizationResponseScope' | 'authorizationResponseName'>,
  parameters: URLSearchParams,
): Omit<AuthorizationResponse, 'code'> {
  const only = (name: 'scope' | 'user'): string => {
    const [value = '', ...others] = parameters.getAll(name)
    if (others.length > 0) throw rejected(provider, 'duplicate')
    return value
  }
  const scope = provider.authorizationResponseScope ? scopeList(only('scope')) : undefined
  const text = provider.authorizationResponseName ? only('user') : ''
  const user = text.length <= longestUser ? parseJsonObject(Buffer.from(text)) : undefined
  return { ...(scope && { scope }), ...(user && { user }) }
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

function rejected(provider: Pick<Provider, 'id'>, reason: string): LatchkeyError {
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
