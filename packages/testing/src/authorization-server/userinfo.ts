import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import type { AccessToken } from './grants.ts'
import type { ServerState } from './state.ts'

/** `GET userinfo` with a bearer token of a user. */
export function userinfo(request: ReceivedRequest, state: ServerState): Reply {
  const accepted = acceptedToken(request, state)
  const userId = accepted?.grant.userId
  if (accepted === undefined || userId === undefined) {
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    return state.dialect.problem({
      status: 401,
      error: 'invalid_token',
      description: 'The token is invalid',
      headers,
    })
  }
  return json(200, state.dialect.userinfo(state.user(userId), accepted.grant))
}

/** The access token of a request, if the server would accept it now. */
export function acceptedToken(request: ReceivedRequest, state: ServerState): AccessToken | undefined {
  return state.grants.accessToken(bearerToken(request) ?? '')
}
