import type { ReceivedRequest } from '../http/received-request.ts'
import { html, json, type Reply, text } from '../http/reply.ts'
import { authenticateClient } from './client-auth.ts'
import { consentPage, userCodePage } from './consent-page.ts'
import { withForm } from './form-body.ts'
import { endpointsOf } from './metadata.ts'
import type { ServerState } from './state.ts'

/** `POST device_authorization` (RFC 8628 §3.1): the codes of a device without a browser. */
export async function deviceAuthorization(received: ReceivedRequest, state: ServerState): Promise<Reply> {
  const problem = (description: string): Reply =>
    state.dialect.problem({ status: 400, error: 'invalid_request', description })
  const request = withForm(received, state)
  if (request === undefined) return problem('The body must be a form')
  const caller = await authenticateClient(request, state)
  if ('error' in caller) return state.dialect.problem(caller)
  const scope = (request.form.get('scope') ?? '').split(' ').filter((one) => one !== '')
  const { knownScopes, deviceCodeLifetimeSeconds, deviceIntervalSeconds, verificationUriComplete } =
    state.policy
  if (scope.some((one) => knownScopes !== undefined && !knownScopes.includes(one)))
    return state.dialect.problem({ status: 400, error: 'invalid_scope', description: 'Unknown scope' })
  const audience = request.form.get('audience') ?? undefined
  const { deviceCode, userCode } = state.devices.open({ clientId: caller.client.clientId, scope, audience })
  const { verification } = endpointsOf(state, request)
  return json(200, {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: verification,
    ...(verificationUriComplete
      ? { verification_uri_complete: `${verification}?user_code=${userCode}` }
      : {}),
    expires_in: deviceCodeLifetimeSeconds,
    ...(deviceIntervalSeconds === undefined ? {} : { interval: deviceIntervalSeconds }),
  })
}

/** `GET` and `POST` of the page that the person opens: it asks for the user code, then who agrees. */
export function verification(request: ReceivedRequest, state: ServerState): Reply {
  const { brand, paths } = state.dialect
  const action = paths.verification ?? ''
  const sent = request.method === 'POST'
  const userCode = sent ? request.form.get('request') : request.query.get('user_code')
  if (userCode === null) return html(200, userCodePage({ brand, action }))
  const device = state.devices.byUserCode(userCode)
  if (device === undefined) return html(400, userCodePage({ brand, action, refused: true }))
  if (!sent) {
    const { clientId, scope } = device
    return html(
      200,
      consentPage({ brand, clientId, scope, users: state.users, action, reference: device.userCode }),
    )
  }
  const user = state.users.find((one) => one.id === request.form.get('user'))
  const agreed = user !== undefined && !request.form.has('deny')
  state.devices.decide(device.userCode, agreed ? user.id : undefined)
  return text(200, agreed ? 'Done. You can go back to your device.' : 'Nothing was granted.')
}
