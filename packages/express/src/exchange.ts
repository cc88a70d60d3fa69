import { Exchange, type Reply } from '@latchkey/core/adapter'
import type { Request, Response } from 'express'

/** A request with its original URL, whatever it is mounted under, and its response. */
export class ExpressExchange extends Exchange {
  readonly #req: Request
  readonly #res: Response

  constructor(req: Request, res: Response) {
    super()
    this.#req = req
    this.#res = res
  }

  get native(): Request {
    return this.#req
  }

  get method(): string {
    return this.#req.method
  }

  get url(): string {
    return this.#req.originalUrl
  }

  get headers(): Request['headers'] {
    return this.#req.headers
  }

  get rawRequest(): Request {
    return this.#req
  }

  get rawResponse(): Response {
    return this.#res
  }

  get parsedBody(): unknown {
    return this.#req.body
  }

  get isAnswered(): boolean {
    return this.#res.headersSent
  }

  addCookie(setCookie: string): void {
    this.#res.append('Set-Cookie', setCookie)
  }

  protected expose(oauth: object): void {
    this.#req.oauth = oauth as Request['oauth'] // the app registers this instance's ids, or none
  }

  write({ status, headers, setCookies, body }: Reply): void {
    this.#res.status(status).set(headers)
    for (const cookie of setCookies) this.addCookie(cookie)
    this.#res.end(body)
  }
}
