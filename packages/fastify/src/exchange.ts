import type { IncomingMessage, ServerResponse } from 'node:http'
import { Exchange, type Reply } from '@latchkey/core/adapter'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A request with its original URL, whatever scope it is answered in, and its reply. */
export class FastifyExchange extends Exchange {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply

  constructor(request: FastifyRequest, reply: FastifyReply) {
    super()
    this.#request = request
    this.#reply = reply
  }

  get native(): FastifyRequest {
    return this.#request
  }

  get reply(): FastifyReply {
    return this.#reply
  }

  get method(): string {
    return this.#request.method
  }

  get url(): string {
    return this.#request.originalUrl
  }

  get headers(): FastifyRequest['headers'] {
    return this.#request.headers
  }

  get rawRequest(): IncomingMessage {
    return this.#request.raw
  }

  get rawResponse(): ServerResponse {
    return this.#reply.raw
  }

  get parsedBody(): unknown {
    return this.#request.body
  }

  get isAnswered(): boolean {
    return this.#reply.sent || this.#reply.raw.headersSent
  }

  addCookie(setCookie: string): void {
    this.#reply.header('set-cookie', setCookie)
  }

  protected expose(oauth: object): void {
    this.#request.oauth = oauth as FastifyRequest['oauth'] // the app registers this instance's ids, or none
  }

  /** Resolves when it is on its way, so that nothing else is sent in its place. */
  async write({ status, headers, setCookies, body }: Reply): Promise<void> {
    this.#reply.code(status).headers(headers)
    for (const cookie of setCookies) this.addCookie(cookie)
    await this.#reply.send(body)
  }
}
