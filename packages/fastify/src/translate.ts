import { bodyText, type PlainRequest, type Reply, responseBegun } from '@latchkey/core/adapter'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The request as core sees it: the original URL, whatever scope it is answered in. */
export class PlainFastifyRequest implements PlainRequest {
  readonly native: FastifyRequest
  readonly method: string
  readonly url: string
  readonly headers: PlainRequest['headers']

  constructor(request: FastifyRequest) {
    this.native = request
    this.method = request.method
    this.url = request.originalUrl
    this.headers = request.headers
  }

  readBody(maxBytes: number): Promise<string> {
    return bodyText(this.native.raw, this.native.body, maxBytes)
  }

  attach(oauth: object): void {
    this.native.oauth = oauth as FastifyRequest['oauth'] // what core makes for this very instance
  }
}

/** @throws {LatchkeyError} `not_supported`: the response has begun, so nothing of ours would get through. */
export function requireUnanswered(reply: FastifyReply): void {
  if (reply.sent || reply.raw.headersSent) throw responseBegun()
}

/** Writes a reply of core's as it is. Resolves when it is on its way, so that nothing else is sent in its place. */
export async function writeReply(
  reply: FastifyReply,
  { status, headers, setCookies, body }: Reply,
): Promise<void> {
  reply.code(status).headers(headers)
  for (const cookie of setCookies) reply.header('set-cookie', cookie)
  await reply.send(body)
}
