import { LatchkeyError } from '../errors.ts'
import { type Transport, TransportError } from '../transport/transport.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import { retryAfterSeconds } from './retry-after.ts'

/** Cap of metadata and JWKS documents. */
const maxDocumentBytes = 1024 * 1024

/**
 * Fetches a public JSON document of an authorization server (metadata, JWKS).
 *
 * @throws {LatchkeyError} `as_unavailable`: no answer in time, or not a JSON object with status 200.
 */
export async function fetchServerDocument(request: {
  readonly transport: Transport
  readonly url: string
  readonly deadlineMs: number
  readonly provider: string
  readonly now: number
}): Promise<JsonObject> {
  const { transport, url, deadlineMs, provider } = request
  const unavailable = (reason: string, retryAfter?: number): LatchkeyError =>
    new LatchkeyError('as_unavailable', `${provider}: ${originAndPath(url)} cannot be read (${reason}).`, {
      provider,
      reason,
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
    })
  try {
    const response = await transport.send({
      method: 'GET',
      url,
      headers: {},
      deadlineMs,
      maxBytes: maxDocumentBytes,
    })
    if (response.status !== 200) {
      throw unavailable(`status ${response.status}`, retryAfterSeconds(response.headers, request.now))
    }
    const document = parseJsonObject(response.body)
    if (document === undefined) throw unavailable('not a JSON object')
    return document
  } catch (error) {
    if (error instanceof TransportError) throw unavailable(error.fault)
    throw error
  }
}

function originAndPath(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
