import type { Route } from '../http/emulator-server.ts'
import { text } from '../http/reply.ts'
import { authorize, CONSENT_PATH, consent } from './authorize.ts'
import { deviceAuthorization, verification } from './device-authorization.ts'
import { discovery, jwks } from './metadata.ts'
import { revoke } from './revocation.ts'
import type { ServerState } from './state.ts'
import { type AuthorizationServerBehaviour, token } from './token.ts'
import { userinfo } from './userinfo.ts'

/** Names of the endpoints, for faults, counters and the request log. */
export type AuthorizationServerEndpoint =
  | 'authorize'
  | 'consent'
  | 'token'
  | 'userinfo'
  | 'revoke'
  | 'jwks'
  | 'discovery'
  | 'deviceAuthorization'
  | 'verification'
  | 'api'

/** What the server answers, and where. */
export function routesOf(
  state: ServerState,
): readonly Route<AuthorizationServerEndpoint, AuthorizationServerBehaviour>[] {
  const { paths } = state.dialect
  // A path that cannot be requested keeps the endpoint's counter and answers 404 on the wire.
  const at = (path: string | undefined): string => path ?? ' '
  return [
    { endpoint: 'api', methods: [], path: at(undefined), handle: () => text(404, 'Not Found') },
    {
      endpoint: 'authorize',
      methods: ['GET'],
      path: paths.authorization,
      handle: (r) => authorize(r, state),
    },
    { endpoint: 'consent', methods: ['POST'], path: CONSENT_PATH, handle: (r) => consent(r, state) },
    { endpoint: 'token', methods: ['POST'], path: paths.token, handle: (r, b) => token(r, state, b) },
    {
      endpoint: 'userinfo',
      methods: ['GET', 'POST'],
      path: at(paths.userinfo),
      handle: (r) => userinfo(r, state),
    },
    { endpoint: 'revoke', methods: ['POST'], path: at(paths.revocation), handle: (r) => revoke(r, state) },
    { endpoint: 'jwks', methods: ['GET'], path: at(paths.jwks), handle: () => jwks(state) },
    {
      endpoint: 'discovery',
      methods: ['GET'],
      path: at(paths.discovery),
      handle: (r) => discovery(r, state),
    },
    {
      endpoint: 'deviceAuthorization',
      methods: ['POST'],
      path: at(paths.deviceAuthorization),
      handle: (r) => deviceAuthorization(r, state),
    },
    {
      endpoint: 'verification',
      methods: ['GET', 'POST'],
      path: at(paths.verification),
      handle: (r) => verification(r, state),
    },
  ]
}
