import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import { isFresh } from '../session/is-fresh.ts'
import type { Session } from '../session/sessions.ts'
import { baseUrlOf, loginLink, requestedAddress, returnToOf } from './addresses.ts'
import type { FlowContext } from './context.ts'
import { type FailureText, failureText } from './failure-text.ts'
import type { PlainRequest, Reply } from './http.ts'
import { startLogin } from './login.ts'
import { pageReply, primaryLink } from './page.ts'
import { jsonReply, redirect } from './replies.ts'
import { headerOf, isNavigation } from './request-headers.ts'
import type { FlowSettings } from './settings.ts'

/**
 * The answer to an error of ours: a browser on its way to a page is led through the login and back, a person sees a
 * fixed page, a script gets problem details. `undefined` for errors that are not ours or are about the program.
 * @see RFC 9457
 */
export async function errorReply(
  error: unknown,
  request: PlainRequest,
  session: Session | undefined,
  context: FlowContext,
): Promise<Reply | undefined> {
  if (!LatchkeyError.is(error)) return undefined
  const { settings, log } = context
  const signInHelps = error.code === 'login_required' || error.code === 'insufficient_scope'
  const navigates = request.method === 'GET' && isNavigation(request)
  if (!signInHelps || !navigates || isBackFromLogin(error, session, context.clock)) {
    return failureReply(error, request, settings)
  }
  if (error.scope !== undefined && error.provider !== undefined) {
    return askForScope(error.provider, error.scope, request, session, context)
  }
  const baseUrl = baseUrlOf(request, settings)
  const returnTo = returnToOf(requestedAddress(request), settings, baseUrl, log)
  const providerId = listedProvider(error, settings)
  return redirect(302, loginLink(settings, baseUrl, { providerId, returnTo }))
}

/** Straight to the authorization server: a login link takes no scope. */
async function askForScope(
  provider: string,
  scope: readonly string[],
  request: PlainRequest,
  session: Session | undefined,
  context: FlowContext,
): Promise<Reply | undefined> {
  const returnTo = requestedAddress(request)
  const wanted = { provider, scope, returnTo, prompt: undefined, params: undefined }
  try {
    return await startLogin(context, request, session, wanted)
  } catch (error) {
    return LatchkeyError.is(error) ? failureReply(error, request, context.settings) : undefined
  }
}

/**
 * The answer to an error on one of our own routes: never a redirect. No byte of the request is in it; `returnTo` comes
 * from a sealed transaction that was spent. `undefined` for errors that are about the program.
 */
export function failureReply(
  error: LatchkeyError,
  request: PlainRequest,
  settings: FlowSettings,
  returnTo?: string,
): Reply | undefined {
  const text = failureText(error)
  if (text === undefined) return undefined
  // The address of a spent login leads nowhere any more: its visitor begins again.
  const isSpent = returnTo !== undefined
  const next = isSpent && text.next === 'reload' ? 'sign_in' : text.next
  return explain(error, { ...text, next }, request, settings, returnTo)
}

/** The answer to a method that a route does not take. */
export function methodNotAllowed(request: PlainRequest, allow: string, settings: FlowSettings): Reply {
  const details = { status: 405, reason: 'method', allow }
  const error = new LatchkeyError('invalid_callback', `This address takes ${allow} only.`, details)
  const text = 'This address takes other requests.'
  return explain(error, { title: 'This does not work that way', text, next: 'none' }, request, settings)
}

function explain(
  error: LatchkeyError,
  text: FailureText,
  request: PlainRequest,
  settings: FlowSettings,
  returnTo?: string,
): Reply {
  const providerId = listedProvider(error, settings)
  const login = loginLink(settings, baseUrlOf(request, settings), { providerId, returnTo })
  const forPerson = isNavigation(request) || (headerOf(request, 'accept') ?? '').includes('text/html')
  const reply = forPerson ? failurePage(error, text, login, settings) : problem(error, text, login)
  return { ...reply, headers: { ...reply.headers, ...error.headers } }
}

/** True when the visitor comes from a login that asked for what is missing: another one would bring no more. */
function isBackFromLogin(error: LatchkeyError, session: Session | undefined, clock: Clock): boolean {
  if (session === undefined || !isFresh(session, clock)) return false
  const { accounts, completed } = session.record
  if (error.provider !== undefined && !accounts.some((account) => account.provider === error.provider))
    return false
  return (
    error.code !== 'insufficient_scope' || (error.scope ?? []).every((item) => completed.scope.includes(item))
  )
}

function failurePage(error: LatchkeyError, text: FailureText, login: string, settings: FlowSettings): Reply {
  const name = settings.providers.listed.find(({ provider }) => provider.id === error.provider)?.provider.name
  const signIn = primaryLink(login, name === undefined ? 'Sign in' : `Sign in with ${name}`)
  const actions = { sign_in: signIn, reload: primaryLink('', 'Try again'), none: '' }[text.next]
  return pageReply({ status: error.status, title: text.title, text: text.text, actions })
}

function problem(error: LatchkeyError, { title, text, next }: FailureText, login: string): Reply {
  const { status, code, reason, provider } = error
  const fields = { type: 'about:blank', title, status, detail: text, code, reason, provider }
  const value = next === 'sign_in' ? { ...fields, login } : fields
  return jsonReply(status, value, { type: 'application/problem+json' })
}

/** Only ids that were configured get into links. */
function listedProvider({ provider }: LatchkeyError, { providers }: FlowSettings): string | undefined {
  return providers.listed.some((client) => client.provider.id === provider) ? provider : undefined
}
