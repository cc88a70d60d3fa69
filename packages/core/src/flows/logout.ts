import type { Session } from '../session/sessions.ts'
import { baseUrlOf, ownOrigins, returnToOf } from './addresses.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { jsonReply, redirect } from './replies.ts'
import { headerOf, isFromScript } from './request-headers.ts'
import { requireSameOrigin } from './same-origin.ts'

/** How long a sign-out waits for the authorization servers; they are told in the background after that. */
const revocationWaitMs = 2_000

/**
 * `POST /logout`.
 * @throws {LatchkeyError} `cross_site_request`; `store_unavailable`: still signed in, for all we know.
 */
export async function logoutRoute(context: FlowContext, request: PlainRequest): Promise<Reply> {
  requireSameOrigin(request, ownOrigins(context.settings), context.log)
  const session = await context.sessions.resume(headerOf(request, 'cookie'))
  return signOut(context, request, session, undefined)
}

/**
 * Ends the session and its tokens, then tells the authorization servers, then answers: a redirect for a page load,
 * `{ location }` for a script.
 * @throws {LatchkeyError} `store_unavailable`: the session may or may not be there still; the cookie stays.
 */
export async function signOut(
  context: FlowContext,
  request: PlainRequest,
  session: Session | undefined,
  returnTo: string | undefined,
): Promise<Reply> {
  const { settings, sessions, events, log } = context
  if (session !== undefined) {
    const ended = await sessions.end(session)
    events.emit('logout', { userId: session.record.userId })
    await context.revocations.revoke(ended, revocationWaitMs)
  }
  const baseUrl = baseUrlOf(request, settings)
  const wanted = returnTo ?? settings.routes.afterLogout
  const location = baseUrl.path + returnToOf(wanted, settings, baseUrl, log)
  const more = { setCookies: [sessions.clearCookie()], appSession: 'destroy' } as const
  if (isFromScript(request)) return { ...jsonReply(200, { location }), ...more }
  return redirect(303, location, more)
}
