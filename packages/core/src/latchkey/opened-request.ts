import { LatchkeyError } from '../errors.ts'
import type { PlainRequest } from '../flows/http.ts'
import type { OnLogin } from '../flows/settings.ts'
import type { Settings } from '../options.ts'
import {
  type Answer,
  type RequestOAuth,
  requestOAuth,
  type SessionOutcome,
  sessionForLogin,
} from '../request-oauth.ts'
import type { Parts } from './parts.ts'
import { requireUserId } from './user-id.ts'

/** A request whose session is known, or known to be unreadable. */
export interface OpenedRequest {
  readonly request: PlainRequest
  readonly outcome: SessionOutcome
  readonly answer: Answer
  readonly onLook?: (() => void) | undefined
}

/** The `req.oauth` of a request. */
export function oauthOf<Id extends string>(
  { vault, clients, transport, flows }: Parts,
  { request, outcome, answer, onLook = () => {} }: OpenedRequest,
): RequestOAuth<Id> {
  return requestOAuth<Id>({
    outcome,
    answer,
    onLook,
    vault,
    clients,
    dispatcher: transport.dispatcher,
    disconnect: (userId, account) => flows.disconnect(userId, account),
    login: (options) => {
      const { provider, scope, link = false, prompt, params, returnTo } = options
      const asked = { provider, scope, link, prompt, params, returnTo }
      return flows.login(request, sessionForLogin(outcome, options), asked)
    },
    logout: (current, { returnTo, everywhere = false }) =>
      flows.logout(request, current, { returnTo, everywhere }),
  })
}

/** The app's `onLogin` as the flows call it: with a `req.oauth` that says who was signed in before. */
export function onLoginOf({ onLogin }: Settings, parts: () => Parts): OnLogin | undefined {
  if (onLogin === undefined) return undefined
  return async (login, request, session) => {
    request.attach?.(oauthOf(parts(), { request, outcome: { session }, answer: answersNothing }))
    const userId = await onLogin(login, request.native)
    if (userId === undefined || userId === null) return undefined
    requireUserId('The option onLogin returned a user id that cannot be used', userId)
    return userId
  }
}

/** Where nothing can be answered: outside of a route, or in a sign-in that answers itself. */
export async function answersNothing(): Promise<never> {
  throw new LatchkeyError(
    'not_supported',
    'login() and logout() answer a request, and here is none to answer. Call them in a route handler.',
  )
}
