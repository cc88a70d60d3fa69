import { LatchkeyError } from '../errors.ts'
import type { BaseUrl } from '../session/base-url.ts'
import { isFresh } from '../session/is-fresh.ts'
import type { Session } from '../session/sessions.ts'
import {
  addressUnderBaseUrl,
  baseUrlOf,
  loginLink,
  redirectUri,
  requestedAddress,
  returnToOf,
} from './addresses.ts'
import { rawQuery } from './authorization-response.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { redirect } from './replies.ts'
import { headerOf, isForDocument } from './request-headers.ts'
import type { SignInClient } from './sign-in-client.ts'

/** What code asks of a login; `undefined` wherever it does not care. */
export interface LoginRequest {
  readonly provider: string | undefined
  /** Asked for beside the provider's own scope. */
  readonly scope: readonly string[] | undefined
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
  return begin(context, request, client, { scope: [], prompt: undefined, params: undefined, returnTo })
}

/**
 * The answer that begins a login for code that asks for one. Without a provider it is the one that signed in, else
 * the only one there is, else the sign-in page lets the user choose.
 * @throws {LatchkeyError} `invalid_options`: no such provider, or something is asked of a provider nobody named.
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
  const client = await clientFor(context, session, options.provider)
  if (client === undefined) {
    requireNothingSpecial(options)
    return redirect(303, loginLink(settings, baseUrl, { returnTo }))
  }
  return begin(context, request, client, { ...options, scope: options.scope ?? [], returnTo })
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

interface Beginning {
  readonly scope: readonly string[]
  readonly prompt: string | undefined
  readonly params: Readonly<Record<string, string>> | undefined
  readonly returnTo: string
}

/** No store command: the pending login is in the browser's cookie alone. */
async function begin(
  context: FlowContext,
  request: PlainRequest,
  client: SignInClient,
  { scope, prompt, params, returnTo }: Beginning,
): Promise<Reply> {
  const baseUrl = baseUrlOf(request, context.settings)
  const target = targetOf(context, client, baseUrl)
  const own = client.provider.scope
  const extra = [...new Set(scope)].filter((item) => !own.includes(item))
  const cookies = headerOf(request, 'cookie')
  const { setCookies, ...secrets } = context.transactions.begin(cookies, { target, scope: extra, returnTo })
  const location = await client.authorizationUrl({
    redirectUri: target.redirectUri,
    ...secrets,
    scope: [...own, ...extra],
    ...(prompt === undefined ? {} : { prompt }),
    ...(params === undefined ? {} : { params }),
  })
  return redirect(303, location, { setCookies })
}

/** What a login at this client is bound to. */
export function targetOf(
  { settings }: Pick<FlowContext, 'settings'>,
  client: SignInClient,
  baseUrl: BaseUrl,
): {
  readonly provider: string
  readonly identity: string
  readonly redirectUri: string
  readonly purpose: 'sign-in'
  readonly responseMode: 'query' | 'form_post'
} {
  const { provider } = client
  return {
    provider: provider.id,
    identity: client.identity(),
    redirectUri: redirectUri(settings, provider, baseUrl),
    purpose: 'sign-in',
    responseMode: provider.responseMode,
  }
}

async function clientFor(
  { settings: { providers } }: FlowContext,
  session: Session | undefined,
  wanted: string | undefined,
): Promise<SignInClient | undefined> {
  const [only, ...others] = providers.listed
  const fallback = others.length === 0 ? only?.provider.id : undefined
  const id = wanted ?? session?.record.accounts[0]?.provider ?? fallback
  if (id === undefined) return undefined
  const client = await providers.find(id)
  if (client !== undefined) return client
  throw new LatchkeyError(
    'invalid_options',
    `There is no provider ${JSON.stringify(id)}. Add it to the option providers.`,
  )
}

function requireNothingSpecial({ scope, prompt, params }: LoginRequest): void {
  if (scope === undefined && prompt === undefined && params === undefined) return
  const message = 'login() with scope, prompt or params needs to know where: give it the option provider.'
  throw new LatchkeyError('invalid_options', message)
}
