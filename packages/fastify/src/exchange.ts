import type { IncomingMessage, ServerResponse } from 'node:http'
import { Exchange, type Reply } from '@latchkey/core/adapter'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A request with its original URL, whatever scope it is answered in, and its reply. */
export class FastifyExchange extends Exchange {
  readonly native: FastifyRequest
  readonly reply: FastifyReply

  constructor(request: FastifyRequest, reply: FastifyReply) {
    super()
    this.native = request
    this.reply = reply
  }

  get url(): string {
    return this.native.originalUrl
  }

  get rawRequest(): IncomingMessage {
    return this.native.raw
  }

  get rawResponse(): ServerResponse {
    return this.reply.raw
  }

  get parsedBody(): unknown {
    return this.native.body
  }

  get isAnswered(): boolean {
    return this.reply.sent || this.reply.raw.headersSent
  }

  addCookie(setCookie: string): void {
    this.reply.header('set-cookie', setCookie)
  }

  protected expose(oauth: object): void {
    this.native.oauth = oauth as FastifyRequest['oauth'] // the app registers this instance's ids, or none
  }

  /** Resolves when it is on its way, so that nothing else is sent in its place. */
  async write({ status, headers, setCookies, body }: Reply): Promise<void> {
    this.reply.code(status).headers(headers)
    for (const cookie of setCookies) this.addCookie(cookie)
    await this.reply.send(body)
  }
}
