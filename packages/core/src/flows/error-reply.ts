import { LatchkeyError } from '../errors.ts'
import type { Session } from '../session/sessions.ts'
import { baseUrlOf, isProviderId, loginLink, requestedAddress, returnToOf } from './addresses.ts'
import { accountAt, hasJustAsked, maySend } from './consent.ts'
import type { FlowContext } from './context.ts'
import { type FailureText, failureText } from './failure-text.ts'
import type { PlainRequest, Reply } from './http.ts'
import { startLogin } from './login.ts'
import { pageReply, primaryLink, secondaryLink } from './page.ts'
import { jsonReply, redirect } from './replies.ts'
import { headerOf, isNavigation } from './request-headers.ts'
import type { FlowSettings } from './settings.ts'
import type { SignInClient } from './sign-in-client.ts'
import { type Step, stepAddress } from './step.ts'
import { stepPage } from './step-route.ts'
import { takeStep } from './take-step.ts'

/**
 * The answer to an error of ours: a browser on its way to a page is led through a login and back, a person sees a fixed
 * page, a script gets problem details. Somebody who is signed in adds the account that is missing, or authorizes anew
 * the one that is not enough, and stays signed in. `undefined` for errors that are not ours or are about the program.
 * Rejects with what keeps the login from helping where that is about the program.
 * @see RFC 9457
 */
export async function errorReply(
  error: unknown,
  request: PlainRequest,
  session: Session | undefined,
  context: FlowContext,
): Promise<Reply | undefined> {
  if (!LatchkeyError.is(error)) return undefined
  const { settings } = context
  const loginHelps = error.code === 'login_required' || error.code === 'insufficient_scope'
  if (!loginHelps) return failureReply(error, request, settings)
  try {
    // Signed out while the request ran: what it knows of its session is out of date.
    const isStale = session !== undefined && error.reason === 'signed_out'
    const current = isStale ? await context.sessions.resume(headerOf(request, 'cookie')) : session
    if (current === undefined) return await leadToLogin(error, request, context)
    return await leadOn(error, request, current, context)
  } catch (failure) {
    const reply = LatchkeyError.is(failure) ? failureReply(failure, request, settings) : undefined
    // What keeps the login from helping is what the program's author must see.
    if (reply === undefined) throw failure
    return reply
  }
}

/** Nobody is signed in. */
async function leadToLogin(
  error: LatchkeyError,
  request: PlainRequest,
  context: FlowContext,
): Promise<Reply | undefined> {
  const { settings, log } = context
  if (!isOnItsWay(request)) return failureReply(error, request, settings)
  const { provider, scope } = error
  if (provider !== undefined && scope !== undefined) {
    // Straight to the authorization server: a login link takes no scope.
    const asked = { provider, scope, prompt: undefined, params: undefined, link: false }
    return startLogin(context, request, undefined, { ...asked, returnTo: requestedAddress(request) })
  }
  const baseUrl = baseUrlOf(request, settings)
  const returnTo = returnToOf(requestedAddress(request), settings, baseUrl, log)
  const providerId = linkableProvider(error, settings)
  return redirect(302, loginLink(settings, baseUrl, { providerId, returnTo }))
}

/** Somebody is signed in, but not with all that it takes. */
async function leadOn(
  error: LatchkeyError,
  request: PlainRequest,
  session: Session,
  context: FlowContext,
): Promise<Reply | undefined> {
  const { settings } = context
  const client = await settings.providers.find(error.provider ?? session.record.user.provider)
  if (client === undefined) return failureReply(error, request, settings)
  const step = stepFor(error, request, session, client, context)
  const baseUrl = baseUrlOf(request, settings)
  const address = stepAddress(context, session, step, baseUrl)
  if (isOnItsWay(request)) {
    if (step.purpose === 'link') return redirect(302, address)
    if (!hasJustAsked(session, step, context.clock) && (await maySend(context, session, step))) {
      return takeStep(context, request, session, client, step)
    }
  }
  if (!isForPerson(request)) return failureReply(error, request, settings, { login: address })
  const text = error.code === 'insufficient_scope' ? failureText(error) : undefined
  return stepPage(context, request, session, client, step, { status: error.status, ...text })
}

function stepFor(
  error: LatchkeyError,
  request: PlainRequest,
  session: Session,
  client: SignInClient,
  context: FlowContext,
): Step {
  const { settings, log } = context
  const wanted = request.method === 'GET' ? requestedAddress(request) : undefined
  const returnTo = returnToOf(wanted, settings, baseUrlOf(request, settings), log)
  const asked = { provider: client.provider.id, prompt: undefined, params: undefined, returnTo }
  const account = error.reason === 'no_account' ? undefined : accountAt(session, client, error.accountId)
  const { scope = [] } = error
  if (account === undefined) return { purpose: 'link', ...asked, scope }
  return { purpose: 'consent', subject: account.subject, ...asked, scope }
}

/** A browser on its way to a page: it can be sent elsewhere and come back. */
function isOnItsWay(request: PlainRequest): boolean {
  return request.method === 'GET' && isNavigation(request)
}

function isForPerson(request: PlainRequest): boolean {
  return isNavigation(request) || (headerOf(request, 'accept') ?? '').includes('text/html')
}

/** Where a visitor may go on from a failure. */
export interface WayOn {
  /** The login that helps. Absent: the one of the error's provider. */
  readonly login?: string
  /** What a spent login was on its way to: its own address leads nowhere any more. */
  readonly returnTo?: string
  /** Where a link or consent was begun; its visitor is signed in, and goes back there instead of signing in anew. */
  readonly back?: string
}

/**
 * The answer to an error on one of our own routes: never a redirect. No byte of the request is in it; the ways on come
 * from a sealed transaction. `undefined` for errors that are about the program.
 */
export function failureReply(
  error: LatchkeyError,
  request: PlainRequest,
  settings: FlowSettings,
  way: WayOn = {},
): Reply | undefined {
  const text = failureText(error)
  if (text === undefined) return undefined
  const isSpent = way.returnTo !== undefined
  const next = isSpent && text.next === 'reload' ? 'sign_in' : text.next
  return explain(error, { ...text, next }, request, settings, way)
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
  way: WayOn = {},
): Reply {
  const { returnTo, back } = way
  const providerId = linkableProvider(error, settings)
  const baseUrl = baseUrlOf(request, settings)
  const login = way.login ?? loginLink(settings, baseUrl, { providerId, returnTo })
  const reply = isForPerson(request)
    ? failurePage(error, text, { login, back, home: baseUrl.path + settings.routes.afterLogout }, settings)
    : problem(error, text, login)
  return { ...reply, headers: { ...reply.headers, ...error.headers } }
}

function failurePage(
  error: LatchkeyError,
  text: FailureText,
  { login, back, home }: { readonly login: string; readonly back: string | undefined; readonly home: string },
  settings: FlowSettings,
): Reply {
  const page = { status: error.status, title: text.title, text: text.text }
  if (back !== undefined) return pageReply({ ...page, actions: primaryLink(back, 'Go back') })
  const name = settings.providers.listed.find(({ provider }) => provider.id === error.provider)?.provider.name
  const signIn = primaryLink(login, name === undefined ? 'Sign in' : `Sign in with ${name}`)
  const goHome = secondaryLink(home, 'Go to the start page')
  const actions = { sign_in: signIn + goHome, reload: primaryLink('', 'Try again'), none: '' }[text.next]
  return pageReply({ ...page, actions })
}

function problem(error: LatchkeyError, { title, text, next }: FailureText, login: string): Reply {
  const { status, code, reason, provider } = error
  const fields = { type: 'about:blank', title, status, detail: text, code, reason, provider }
  const value = next === 'sign_in' ? { ...fields, login } : fields
  return jsonReply(status, value, { type: 'application/problem+json' })
}

/** Only ids that were configured get into links; where more are found when asked for, what has the shape of one. */
function linkableProvider({ provider }: LatchkeyError, { providers }: FlowSettings): string | undefined {
  if (provider === undefined) return undefined
  const isListed = providers.listed.some((client) => client.provider.id === provider)
  return isListed || (providers.resolvesMore && isProviderId(provider)) ? provider : undefined
}
