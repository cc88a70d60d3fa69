import { subjectKey } from '../protocol/subject-key.ts'
import type { Ending } from '../session/endings.ts'
import { userKey } from '../session/session-index.ts'
import type { Session } from '../session/sessions.ts'
import { baseUrlOf, ownOrigins, returnToOf } from './addresses.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { jsonReply, redirect } from './replies.ts'
import { headerOf, isFromScript } from './request-headers.ts'
import { requireClient } from './require-client.ts'
import { revocationWaitMs } from './revocations.ts'
import { requireSameOrigin } from './same-origin.ts'
import { inBackground } from './when-store-is-back.ts'

/** What code asks of a sign-out. */
export interface LogoutRequest {
  /** A path below `baseUrl`; absent: `afterLogout`. */
  readonly returnTo: string | undefined
  /** Ends every session of the user. */
  readonly everywhere: boolean
}

/**
 * `POST /logout`.
 * @throws {LatchkeyError} `cross_site_request`; `store_unavailable`: still signed in, for all we know.
 */
export async function logoutRoute(context: FlowContext, request: PlainRequest): Promise<Reply> {
  requireSameOrigin(request, ownOrigins(context.settings), context.log)
  const session = await context.sessions.resume(headerOf(request, 'cookie'))
  return signOut(context, request, session, { returnTo: undefined, everywhere: false })
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
  { returnTo, everywhere }: LogoutRequest,
): Promise<Reply> {
  const { settings, sessions, events, log } = context
  if (session !== undefined) {
    const { userId } = session.record
    if (everywhere) await endUser(context, userId)
    const ended = await sessions.endings.end(session, inBackground(context))
    if (!everywhere) events.emit('logout', { userId })
    await context.revocations.revoke(ended, revocationWaitMs)
  }
  const baseUrl = baseUrlOf(request, settings)
  const wanted = returnTo ?? settings.routes.afterLogout
  const location = baseUrl.path + returnToOf(wanted, settings, baseUrl, log)
  const more = { setCookies: [sessions.clearCookie()], appSession: 'destroy' } as const
  if (isFromScript(request)) return { ...jsonReply(200, { location }), ...more }
  return redirect(303, location, more)
}

/**
 * Ends every session of a user; a sign-in that begins later is not affected. Accounts that the user keeps stay.
 * Returns how many there were.
 * @throws {LatchkeyError} `store_unavailable`: some may have ended; ask again.
 */
export async function endUser(context: FlowContext, userId: string): Promise<number> {
  const count = await endAll(context, {
    key: userKey(userId),
    membership: (record) => (record.userId === userId ? record.membership : undefined),
  })
  context.events.emit('logout', { userId })
  return count
}

/**
 * Ends every session that somebody signed in to with this account; sessions that only linked it go on. Returns how many
 * there were.
 * @throws {LatchkeyError} `store_unavailable`: some may have ended; ask again. `invalid_options`: no such provider.
 */
export async function endSessions(
  context: FlowContext,
  account: { readonly provider: string; readonly id: string },
): Promise<number> {
  const client = await requireClient(context.settings.providers, account.provider)
  const subject = subjectKey(client, account.id)
  return endAll(context, {
    key: subject,
    membership: ({ user, accounts }) => {
      if (user.provider !== account.provider || user.id !== account.id) return undefined
      return accounts.find((one) => one.subject === subject)?.membership
    },
  })
}

/** What has ended is revoked, also when some of the sessions could not be ended. */
async function endAll(context: FlowContext, ending: Ending): Promise<number> {
  const { sessions, revocations } = context
  const { count, grants, failure } = await sessions.endings.endAll(ending, inBackground(context))
  await revocations.revoke(grants, revocationWaitMs)
  if (failure !== undefined) throw failure.reason
  return count
}
