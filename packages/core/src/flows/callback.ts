import { digest } from '../crypto/digest.ts'
import { LatchkeyError } from '../errors.ts'
import { safeReturnTo } from '../session/return-to.ts'
import type { Session } from '../session/sessions.ts'
import { type OpenTransaction, transactionId, usedMarkerSeconds } from '../session/transaction.ts'
import { isUnreadable } from '../store/guarded-store.ts'
import { baseUrlOf } from './addresses.ts'
import { parseAuthorizationResponse, rawQuery } from './authorization-response.ts'
import { type CallbackRoute, complete, reject } from './complete.ts'
import type { FlowContext } from './context.ts'
import { failureReply, methodNotAllowed, type WayOn } from './error-reply.ts'
import { openRelayedForm, relayForm } from './form-post-relay.ts'
import type { PlainRequest, Reply } from './http.ts'
import { redirect } from './replies.ts'
import { headerOf } from './request-headers.ts'
import { isFirstUse } from './used-marker.ts'

export type { CallbackRoute } from './complete.ts'

/**
 * `GET` or `POST` on a callback path. Answers failures itself, because a spent login's cookie goes with them.
 * Rejects only with errors that are about the program.
 */
export async function callback(
  context: FlowContext,
  request: PlainRequest,
  route: CallbackRoute,
): Promise<Reply> {
  try {
    return await receive(context, request, route)
  } catch (error) {
    return failure(context, request, error)
  }
}

/** Sorts out how the answer comes: in the query, as a form to relay, or as a form that was relayed. */
async function receive(context: FlowContext, request: PlainRequest, route: CallbackRoute): Promise<Reply> {
  const { settings } = context
  const isForm = route.clients.some(({ provider }) => provider.responseMode === 'form_post')
  const isQuery = route.clients.some(({ provider }) => provider.responseMode === 'query')
  if (request.method === 'POST' && isForm) {
    return relayForm(request, route.path, baseUrlOf(request, settings).path + route.path, context)
  }
  const allow = [isQuery && 'GET', isForm && 'POST'].filter(Boolean).join(', ')
  if (request.method !== 'GET') return methodNotAllowed(request, allow, settings)
  const query = parseAuthorizationResponse(rawQuery(request.url))
  const relayed = isForm ? query.get('p') : null
  if (relayed !== null) {
    return settle(
      context,
      request,
      route,
      parseAuthorizationResponse(openRelayedForm(relayed, route.path, context)),
    )
  }
  return isQuery ? settle(context, request, route, query) : methodNotAllowed(request, allow, settings)
}

/** Finds the login that the answer belongs to, and spends it. Up to the used marker nothing is changed. */
async function settle(
  context: FlowContext,
  request: PlainRequest,
  route: CallbackRoute,
  parameters: URLSearchParams,
): Promise<Reply> {
  const cookies = headerOf(request, 'cookie')
  const state = parameters.get('state') ?? ''
  const transaction = context.transactions.open(cookies, state)
  const session = await replaceableSession(context, cookies)
  if (transaction === undefined) {
    return completedBefore(context, request, session, state) ?? reject('state_mismatch', 'no_transaction')
  }
  const isFirst = await isFirstUse(context, digest('used transaction', transaction.id), usedMarkerSeconds)
  try {
    const reply = isFirst
      ? await complete(context, request, route, { transaction, session, parameters, state })
      : (completedBefore(context, request, session, state) ?? reject('invalid_callback', 'used'))
    return { ...reply, setCookies: [...reply.setCookies, transaction.clearCookie] }
  } catch (error) {
    return failure(context, request, error, transaction)
  }
}

/** A session that only another secret or version could read does not keep its browser from signing in anew. */
async function replaceableSession(
  { sessions }: FlowContext,
  cookies: string | undefined,
): Promise<Session | undefined> {
  return sessions.resume(cookies).catch((error: unknown) => {
    if (isUnreadable(error)) return undefined
    throw error
  })
}

/** Back or reload after a completed sign-in: the browser has the session that this very transaction made. */
function completedBefore(
  { settings, log }: FlowContext,
  request: PlainRequest,
  session: Session | undefined,
  state: string,
): Reply | undefined {
  const completed = session?.record.completed
  if (completed === undefined || completed.transaction !== transactionId(state)) return undefined
  const baseUrl = baseUrlOf(request, settings)
  return redirect(303, baseUrl.path + safeReturnTo(completed.returnTo, { baseUrl, log }))
}

/** Whoever was signed in all along goes back to where the link or consent was begun. */
function wayOnFrom(
  { settings, log }: FlowContext,
  request: PlainRequest,
  spent: OpenTransaction | undefined,
): WayOn {
  if (spent === undefined) return {}
  if (spent.purpose === 'sign-in') return { returnTo: spent.returnTo }
  const baseUrl = baseUrlOf(request, settings)
  return { back: baseUrl.path + safeReturnTo(spent.returnTo, { baseUrl, log }) }
}

/** The answer to a failed callback, and one log line. A spent login's cookie is removed; a pending one's stays. */
function failure(
  context: FlowContext,
  request: PlainRequest,
  error: unknown,
  spent?: OpenTransaction,
): Reply {
  const reply = LatchkeyError.is(error)
    ? failureReply(error, request, context.settings, wayOnFrom(context, request, spent))
    : undefined
  if (!LatchkeyError.is(error) || reply === undefined) throw error
  const { code, reason, provider, oauth } = error
  // The server's own words are cut and cleaned before they get into an error.
  const said = { oauthError: oauth?.error, oauthDescription: oauth?.description }
  const fields = { event: 'callback.rejected', code, reason: reason ?? code, provider, ...said }
  const level = code === 'as_misconfigured' ? 'error' : 'warn'
  context.log[level](fields, `A callback brought no sign-in. ${error.message}`)
  return spent === undefined ? reply : { ...reply, setCookies: [...reply.setCookies, spent.clearCookie] }
}
