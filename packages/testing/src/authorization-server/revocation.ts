import type { ReceivedRequest } from '../http/received-request.ts'
import { type Reply, text } from '../http/reply.ts'
import { authenticateClient } from './client-auth.ts'
import { withForm } from './form-body.ts'
import type { ServerState } from './state.ts'

/** `POST revoke` (RFC 7009): a refresh token ends its grant, an access token ends alone, an unknown token is fine. */
export async function revoke(received: ReceivedRequest, state: ServerState): Promise<Reply> {
  const request = withForm(received, state) ?? received
  const caller = await authenticateClient(request, state)
  if ('error' in caller) return state.dialect.problem(caller)
  const token = request.form.get('token')
  if (token === null) {
    return state.dialect.problem({ status: 400, error: 'invalid_request', description: 'token is missing' })
  }
  const grant = state.grants.byToken(token)
  const access = grant?.accessTokens.find((entry) => entry.token === token)
  if (grant === undefined || !state.grants.belongsTo(grant, caller.client.clientId)) return text(200, '')
  if (access === undefined) state.grants.end(grant)
  else access.dead = true
  return text(200, '')
}
