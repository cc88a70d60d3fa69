import type { ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import type { ServerState } from './state.ts'

/** The grant type of RFC 8628 §3.4. */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** Where an endpoint is that the server does not have. */
const ABSENT = '/absent'

/** Absolute URLs of the endpoints of a server. */
export interface Endpoints {
  readonly authorization: string
  readonly token: string
  readonly userinfo: string
  readonly revocation: string
  readonly jwks: string
  readonly discovery: string
  readonly deviceAuthorization: string
  /** The page on which the user of a device types its code. */
  readonly verification: string
}

/** The endpoint URLs, at the host that a request named if there is one. One that the server lacks is an address that answers 404. */
export function endpointsOf(state: ServerState, request?: ReceivedRequest): Endpoints {
  const { paths } = state.dialect
  const { origin } = request === undefined ? state : state.addressAt(request)
  const at = (path: string | undefined): string => origin + (path ?? ABSENT)
  return {
    authorization: at(paths.authorization),
    token: at(paths.token),
    userinfo: at(paths.userinfo),
    revocation: at(paths.revocation),
    jwks: at(paths.jwks),
    discovery: at(paths.discovery),
    deviceAuthorization: at(paths.deviceAuthorization),
    verification: at(paths.verification),
  }
}

/** The endpoint URLs without those that the server lacks. */
export function servedEndpoints(endpoints: Endpoints): Readonly<Partial<Endpoints>> {
  return Object.fromEntries(Object.entries(endpoints).filter(([, url]) => new URL(url).pathname !== ABSENT))
}

/** `GET /.well-known/openid-configuration`. */
export function discovery(request: ReceivedRequest, state: ServerState): Reply {
  const endpoints = endpointsOf(state, request)
  const supportsIss = state.policy.advertisesResponseIss
  return json(200, {
    issuer: state.addressAt(request).issuer,
    authorization_endpoint: endpoints.authorization,
    token_endpoint: endpoints.token,
    userinfo_endpoint: endpoints.userinfo,
    revocation_endpoint: endpoints.revocation,
    jwks_uri: endpoints.jwks,
    device_authorization_endpoint: endpoints.deviceAuthorization,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_GRANT],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: state.policy.knownScopes ?? ['openid', 'profile', 'email', 'offline_access'],
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'none',
    ],
    code_challenge_methods_supported: state.policy.pkce === 'ignored' ? undefined : ['S256'],
    ...(supportsIss ? { authorization_response_iss_parameter_supported: true } : {}),
  })
}

/** `GET jwks`. */
export function jwks(state: ServerState): Reply {
  return json(200, state.keys.jwks())
}
