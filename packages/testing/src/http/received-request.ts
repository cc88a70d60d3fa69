import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

const MAX_BODY_BYTES = 4_000_000

/** One request as a server received it. */
export interface ReceivedRequest {
  /** Name of the endpoint that it reached, or `unknown`. */
  readonly endpoint: string
  readonly method: string
  /** Path and query, byte for byte. */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Names and values as sent, in order, one after the other. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
  /** The fields of a form body; empty for any other content type. */
  readonly form: URLSearchParams
  /** Epoch seconds on the clock of the server. */
  readonly at: number
}

/** Reads a request to its end, up to 4 MB of body. */
export async function receive(
  message: IncomingMessage,
  endpoint: string,
  at: number,
): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const target = message.url ?? '/'
  const isForm = mediaType(message.headers) === 'application/x-www-form-urlencoded'
  return {
    endpoint,
    method: message.method ?? 'GET',
    target,
    path: pathOf(target),
    query: new URLSearchParams(target.split('?').slice(1).join('?')),
    headers: message.headers,
    rawHeaders: message.rawHeaders,
    body,
    form: new URLSearchParams(isForm ? body.toString('utf8') : ''),
    at,
  }
}

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  return target.split('?')[0] ?? target
}

/** The content type without parameters, in lower case. */
export function mediaType(headers: IncomingHttpHeaders): string {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** The token of an `Authorization: Bearer` header. The scheme is compared without regard to case (RFC 9110 §11.1). */
export function bearerToken(request: ReceivedRequest): string | undefined {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
}
