import type { TokenSet } from '../protocol/token.ts'
import { type Dispatcher, request as undiciRequest } from '../transport/undici.ts'
import { abortable } from './abortable.ts'
import { parseTarget } from './allowed-origins.ts'
import type { HeaderRecord } from './credentials.ts'
import { type OutgoingBody, outgoingBody } from './replayable-body.ts'
import type { TokenBearer } from './token-bearer.ts'

/** The response of {@link ApiAccess.request}: undici's, with `statusCode`, `headers` and a `body` to be read. */
export type ResponseData = Dispatcher.ResponseData

/** Options of {@link ApiAccess.request}: those of undici's `request` that concern one call. */
export interface RequestOptions {
  /** @default 'GET', and 'PUT' with a body, as in undici */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Strings, bytes, forms and blobs can be sent again after a 401; streams cannot. */
  readonly body?:
    | string
    | Uint8Array
    | ArrayBuffer
    | URLSearchParams
    | FormData
    | Blob
    | AsyncIterable<Uint8Array>
    | null
  /** Appended to the URL's query. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** Aborts this call only; a refresh that it waits for goes on. */
  readonly signal?: AbortSignal | null
  /** Milliseconds to wait for the response's head. @default 300000 */
  readonly headersTimeout?: number
  /** Milliseconds between two pieces of the response's body. @default 300000 */
  readonly bodyTimeout?: number
}

/**
 * undici's `request` under the rules of {@link authorizedFetch}, for hot paths.
 *
 * @param bearerFor whose token a request to the parsed target gets. A promise only where somebody must be asked.
 * @throws {LatchkeyError} `origin_not_allowed`, `login_required`, `as_unavailable`, …: no request went out without a token.
 * @throws {TypeError} An argument that is not the caller's to set.
 */
export async function authorizedRequest(
  bearerFor: (url: URL) => TokenBearer | Promise<TokenBearer>,
  target: string | URL,
  options: RequestOptions = {},
): Promise<ResponseData> {
  refuseDispatcher(options)
  const url = parseTarget(target)
  const found = bearerFor(url)
  const bearer = found instanceof Promise ? await found : found
  const origin = bearer.origins.require(url)
  const path = pathWithQuery(url, options.query)
  const signal = options.signal ?? undefined
  signal?.throwIfAborted()
  const headers = bearer.credentials.callerHeaders(Object.entries(options.headers ?? {}))
  const body = options.body == null ? noBytes : await encodedBody(options.body, headers)
  const send = (tokens: TokenSet, bytes: unknown): Promise<ResponseData> =>
    undiciRequest(bearer.dispatcher, {
      origin,
      path,
      method: options.method ?? (options.body == null ? 'GET' : 'PUT'),
      signal: signal ?? null,
      headersTimeout: options.headersTimeout ?? null,
      bodyTimeout: options.bodyTimeout ?? null,
      headers: bearer.credentials.authorize(headers, tokens, origin),
      // undici takes any async iterable, though its types name only Node's streams.
      body: bytes as Buffer | null,
    })

  const tokens = await abortable(bearer.fresh(), signal)
  const response = await send(tokens, body.body)
  if (response.statusCode !== 401) return response
  const renewed = await abortable(bearer.fresh(tokens.accessToken), signal).catch((error: unknown) => {
    discard(response)
    throw error
  })
  if (renewed.accessToken === tokens.accessToken || body.again === undefined) return response
  discard(response)
  return send(renewed, body.again())
}

const noBytes: OutgoingBody = outgoingBody(null)

/** The URL's path, and `query` behind the query that it has. */
function pathWithQuery(url: URL, query: RequestOptions['query'] = {}): string {
  for (const [name, value] of Object.entries(query)) {
    for (const item of [value].flat()) url.searchParams.append(name, String(item))
  }
  return url.pathname + url.search
}

/**
 * undici encodes only forms and blobs of its own classes, so the platform does it, which also names the content type.
 */
async function encodedBody(
  body: NonNullable<RequestOptions['body']>,
  headers: HeaderRecord,
): Promise<OutgoingBody> {
  const isEncoded = body instanceof URLSearchParams || body instanceof FormData || body instanceof Blob
  if (!isEncoded) return outgoingBody(body)
  const encoded = new Response(body)
  const contentType = encoded.headers.get('content-type')
  if (contentType !== null) headers['content-type'] ??= contentType
  return outgoingBody(await encoded.arrayBuffer())
}

function refuseDispatcher(options: object): void {
  if ('dispatcher' in options && options.dispatcher !== undefined) {
    throw new TypeError('The dispatcher is set once for all calls: as the option "dispatcher" of latchkey().')
  }
}

/** Reads what little a 401 holds, so that its connection can be used again. */
function discard(response: ResponseData): void {
  response.body.dump({ limit: 65_536 }).catch(() => {})
}
