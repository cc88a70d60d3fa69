import { LatchkeyError } from '../errors.ts'
import { isFresh } from '../session/is-fresh.ts'
import type { Session } from '../session/sessions.ts'
import {
  addressUnderBaseUrl,
  baseUrlOf,
  loginLink,
  ownOrigins,
  requestedAddress,
  returnToOf,
} from './addresses.ts'
import { rawQuery } from './authorization-response.ts'
import { type Beginning, begin } from './begin.ts'
import { accountAt } from './consent.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { redirect } from './replies.ts'
import { isForDocument } from './request-headers.ts'
import { requireClient } from './require-client.ts'
import { isUnsafe, requireSameOrigin } from './same-origin.ts'
import type { SignInClient } from './sign-in-client.ts'
import { stepAddress } from './step.ts'
import { takeStep } from './take-step.ts'

/** What code asks of a login; `undefined` wherever it does not care. */
export interface LoginRequest {
  readonly provider: string | undefined
  /** Asked for beside the provider's own scope. Whoever has the account already keeps what was granted before. */
  readonly scope: readonly string[] | undefined
  /** Adds an account to the session of whoever is signed in, instead of signing in anew. */
  readonly link: boolean
  readonly prompt: string | undefined
  readonly params: Readonly<Record<string, string>> | undefined
  /** A path below `baseUrl`; absent: the address of a GET, else `afterLogin`. */
  readonly returnTo: string | undefined
}

/**
 * `GET /login/:provider`: takes `returnTo` and nothing else from the request.
 * @throws {LatchkeyError} `cross_site_request`: the answer is not for a page. `as_unavailable`, `as_misconfigured`.
 */
export async function loginRoute(
  context: FlowContext,
  request: PlainRequest,
  client: SignInClient,
): Promise<Reply> {
  requireDocument(request)
  const elsewhere = addressUnderBaseUrl(request, context.settings)
  if (elsewhere !== undefined) return redirect(303, elsewhere)
  const returnTo = requestedReturnTo(context, request)
  const plain = { scope: [], prompt: undefined, params: undefined }
  return begin(context, request, client, { purpose: 'sign-in', ...plain, returnTo })
}

/**
 * The answer that begins a login for code that asks for one. Without a provider it is the one that signed in, else
 * the only one there is, else the sign-in page lets the user choose. For somebody who is signed in, `link` adds an
 * account and `scope` asks for more of the one that is there: both leave the session as it is.
 * @throws {LatchkeyError} `invalid_options`: no such provider, or something is asked of a provider nobody named.
 * @throws {LatchkeyError} `cross_site_request`: a link is begun by a form without proof of same origin.
 * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`: its metadata cannot be had.
 */
export async function startLogin(
  context: FlowContext,
  request: PlainRequest,
  session: Session | undefined,
  options: LoginRequest,
): Promise<Reply> {
  const { settings, log } = context
  const elsewhere = addressUnderBaseUrl(request, settings)
  if (elsewhere !== undefined) return redirect(303, elsewhere)
  const baseUrl = baseUrlOf(request, settings)
  // A route that does nothing but begin logins would be come back to for ever.
  const comesBack = request.method === 'GET' && !(session && isFresh(session, context.clock))
  const wanted = options.returnTo ?? (comesBack ? requestedAddress(request) : undefined)
  const returnTo = returnToOf(wanted, settings, baseUrl, log)
  if (options.link && options.provider === undefined) requireNothingSpecial(options)
  const client = await clientFor(context, session, options.provider)
  if (client === undefined) {
    requireNothingSpecial(options)
    return redirect(303, loginLink(settings, baseUrl, { returnTo }))
  }
  const { scope = [], prompt, params } = options
  const asked = { prompt, params, returnTo }
  if (session !== undefined && options.link) {
    return startLink(context, request, session, client, { ...asked, scope })
  }
  const account = session && scope.length > 0 ? accountAt(session, client) : undefined
  if (session === undefined || account === undefined) {
    return begin(context, request, client, { purpose: 'sign-in', ...asked, scope })
  }
  const step = { purpose: 'consent', provider: client.provider.id, subject: account.subject } as const
  return takeStep(context, request, session, client, { ...step, ...asked, scope })
}

/** A link begins with a form of our own page; whoever asks in another way is shown that page. */
async function startLink(
  context: FlowContext,
  request: PlainRequest,
  session: Session,
  client: SignInClient,
  asked: Pick<Beginning, 'scope' | 'prompt' | 'params' | 'returnTo'>,
): Promise<Reply> {
  const { settings, log } = context
  if (!isUnsafe(request.method)) {
    const step = { purpose: 'link', provider: client.provider.id, ...asked } as const
    return redirect(303, stepAddress(context, session, step, baseUrlOf(request, settings)))
  }
  requireSameOrigin(request, ownOrigins(settings), log)
  const { locator, record } = session
  return begin(context, request, client, {
    purpose: 'link',
    session: { locator, userId: record.userId },
    ...asked,
  })
}

/** Where the login page or route was told to lead, made safe. */
export function requestedReturnTo({ settings, log }: FlowContext, request: PlainRequest): string {
  const wanted = new URLSearchParams(rawQuery(request.url)).get('returnTo') ?? undefined
  return returnToOf(wanted, settings, baseUrlOf(request, settings), log)
}

/** @throws {LatchkeyError} `cross_site_request`: an image, a frame or a script would be sent through a login. */
export function requireDocument(request: PlainRequest): void {
  if (isForDocument(request)) return
  const message = 'A login begins with a page load, not with a script, an image or a frame. Use a link.'
  throw new LatchkeyError('cross_site_request', message, { reason: 'not_a_document' })
}

async function clientFor(
  { settings: { providers } }: FlowContext,
  session: Session | undefined,
  wanted: string | undefined,
): Promise<SignInClient | undefined> {
  const [only, ...others] = providers.listed
  const fallback = others.length === 0 ? only?.provider.id : undefined
  const id = wanted ?? session?.record.user.provider ?? fallback
  return id === undefined ? undefined : requireClient(providers, id)
}

function requireNothingSpecial({ scope, prompt, params, link }: LoginRequest): void {
  if (scope === undefined && prompt === undefined && params === undefined && !link) return
  const message =
    'login() with scope, link, prompt or params needs to know where: give it the option provider.'
  throw new LatchkeyError('invalid_options', message)
}
