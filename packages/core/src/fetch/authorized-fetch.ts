import type { TokenSet } from '../protocol/token.ts'
import type { Dispatcher } from '../transport/undici.ts'
import { abortable } from './abortable.ts'
import { parseTarget } from './allowed-origins.ts'
import type { HeaderRecord } from './credentials.ts'
import { type LeanCall, type LeanMethod, leanFetch, leanMethods } from './lean-fetch.ts'
import { isNodesFetch } from './nodes-fetch.ts'
import { type FetchBody, type OutgoingBody, outgoingBody, requestBody } from './replayable-body.ts'
import type { TokenBearer } from './token-bearer.ts'

/** What the global fetch takes as its first argument. */
export type FetchInput = string | URL | Request

/** Options of fetch that are handed on as they are. */
const carriedOptions = [
  'method',
  'cache',
  'credentials',
  'integrity',
  'keepalive',
  'mode',
  'referrer',
  'referrerPolicy',
] as const

/** What fetch follows no redirect by. It makes text of anything else, lists and objects too. */
const keptRedirects: ReadonlySet<unknown> = new Set(['manual', 'error'])

/** The absolute URL that a call of fetch is about. @throws {LatchkeyError} `origin_not_allowed` */
export function fetchTarget(input: FetchInput): URL {
  return parseTarget(addressOf(input))
}

function addressOf(input: FetchInput): string | URL {
  return input instanceof Request ? input.url : input
}

/**
 * The platform's `fetch` with the bearer's token. Redirects are returned, not followed. A 401 is answered by one
 * refresh and one replay; a body that cannot be sent again leaves it at the refresh, and the 401 is returned.
 *
 * @throws {LatchkeyError} `origin_not_allowed`, `login_required`, `as_unavailable`, …: no request went out without a token.
 * @throws {TypeError} An argument that is not the caller's to set, and whatever fetch itself throws.
 */
export async function authorizedFetch(
  bearer: TokenBearer,
  input: FetchInput,
  init: RequestInit = {},
): Promise<Response> {
  const call = await prepare(bearer, input, init)
  const tokens = await abortable(bearer.fresh(), call.signal)
  const response = await send(bearer, call, tokens, call.body.body)
  if (response.status !== 401) return response

  const renewed = await renew(bearer, call, tokens.accessToken, response)
  if (renewed === undefined || call.body.again === undefined) return response
  discard(response)
  return send(bearer, call, renewed, call.body.again())
}

/** Everything that does not change between the first request and its replay. */
interface PreparedCall {
  readonly url: URL
  readonly signal: AbortSignal | undefined
  readonly body: OutgoingBody
  readonly headers: HeaderRecord
  readonly options: RequestInit
}

function prepare(
  bearer: TokenBearer,
  input: FetchInput,
  init: RequestInit,
): PreparedCall | Promise<PreparedCall> {
  refuseOptions(init)
  const url = bearer.origins.check(addressOf(input))
  const request = input instanceof Request ? input : undefined
  const signal = (init.signal === undefined ? request?.signal : init.signal) ?? undefined
  signal?.throwIfAborted()
  const headers = bearer.credentials.callerHeaders(headerEntries(init.headers ?? request?.headers))
  const withBody = (body: OutgoingBody): PreparedCall => {
    return { url, signal, body, headers, options: carried(init, request, body.streams) }
  }
  if (init.body == null && request) return requestBody(request, signal).then(withBody)
  return withBody(outgoingBody(init.body))
}

function carried(init: RequestInit, request: Request | undefined, streams: boolean): RequestInit {
  const options: Record<string, unknown> = {}
  for (const name of carriedOptions) {
    const value = init[name] ?? request?.[name]
    if (value !== undefined) options[name] = value
  }
  // A Request says 'follow' unless told otherwise, so only its 'error' is a wish.
  options.redirect = init.redirect ?? (request?.redirect === 'error' ? 'error' : 'manual')
  if (streams) options.duplex = 'half'
  return options
}

/** The tokens for a replay, or `undefined` when there was no refresh and the 401 is the answer. */
async function renew(
  bearer: TokenBearer,
  call: PreparedCall,
  rejectedToken: string,
  response: Response,
): Promise<TokenSet | undefined> {
  try {
    const tokens = await abortable(bearer.fresh(rejectedToken), call.signal)
    return tokens.accessToken === rejectedToken ? undefined : tokens
  } catch (error) {
    discard(response)
    throw error
  }
}

function send(
  bearer: TokenBearer,
  call: PreparedCall,
  tokens: TokenSet,
  body: FetchBody | null,
): Promise<Response> {
  const headers = bearer.credentials.authorize(call.headers, tokens, call.url.origin)
  const lean = leanCall(call, headers, body)
  if (lean !== undefined && isNodesFetch(globalThis.fetch)) return leanFetch(bearer.dispatcher, lean)
  const init: FetchOptions = {
    ...call.options,
    headers: pairs(headers),
    body,
    signal: call.signal ?? null,
    dispatcher: bearer.dispatcher,
  }
  // Node's types know the dispatcher of the undici that is built in; ours is a compatible one of another release.
  return globalThis.fetch(call.url.href, init as unknown as RequestInit)
}

/** The call as one that fetch is not needed for; `undefined` when it asks for something that only fetch has. */
function leanCall(
  { url, options, signal }: PreparedCall,
  headers: readonly string[],
  body: FetchBody | null,
): LeanCall | undefined {
  const { method = 'GET', redirect, ...others } = options
  if (redirect !== 'manual' || Object.keys(others).length > 0) return undefined
  if (!isLeanMethod(method) || !isLeanBody(body)) return undefined
  if (body !== null && (method === 'GET' || method === 'HEAD')) return undefined
  if (signal !== undefined && !(signal instanceof AbortSignal)) return undefined
  return { url, method, headers, body, signal }
}

function isLeanMethod(method: string): method is LeanMethod {
  return (leanMethods as readonly string[]).includes(method)
}

function isLeanBody(body: FetchBody | null): body is LeanCall['body'] {
  return (
    body === null || typeof body === 'string' || body instanceof Uint8Array || body instanceof URLSearchParams
  )
}

function pairs(headers: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let index = 0; index < headers.length; index += 2) {
    list.push([headers[index] ?? '', headers[index + 1] ?? ''])
  }
  return list
}

type FetchOptions = Omit<RequestInit, 'dispatcher'> & { readonly dispatcher: Dispatcher }

function refuseOptions(init: RequestInit): void {
  if (!keptRedirects.has(init.redirect ?? 'manual')) {
    throw new TypeError(
      "redirect takes 'manual' and 'error': a redirect that is followed could carry the token elsewhere. " +
        'The 3xx response is returned: follow its location with a second call.',
    )
  }
  // The dispatcher is not in the platform's documented options, but Node's fetch takes it.
  if ((init as { readonly dispatcher?: unknown }).dispatcher !== undefined) {
    throw new TypeError('The dispatcher is set once for all calls: as the option "dispatcher" of latchkey().')
  }
}

function headerEntries(headers: RequestInit['headers']): Iterable<readonly [string, string]> {
  if (headers === undefined || headers === null) return []
  // A list of pairs, a Headers object or a record: each entry is checked for what it is by Credentials.
  if (Symbol.iterator in headers) return headers as Iterable<readonly [string, string]>
  return Object.entries(headers as Readonly<Record<string, string>>)
}

/** Lets the connection go: nobody reads the body of this response. */
function discard(response: Response): void {
  response.body?.cancel().catch(() => {})
}
