import { Exchange, type Reply } from '@latchkey/core/adapter'
import type { Request, Response } from 'express'

/** A request with its original URL, whatever it is mounted under, and its response. */
export class ExpressExchange extends Exchange {
  readonly native: Request
  readonly rawResponse: Response

  constructor(req: Request, res: Response) {
    super()
    this.native = req
    this.rawResponse = res
  }

  get url(): string {
    return this.native.originalUrl
  }

  get rawRequest(): Request {
    return this.native
  }

  get parsedBody(): unknown {
    return this.native.body
  }

  get isAnswered(): boolean {
    return this.rawResponse.headersSent
  }

  addCookie(setCookie: string): void {
    this.rawResponse.append('Set-Cookie', setCookie)
  }

  protected expose(oauth: object): void {
    this.native.oauth = oauth as Request['oauth'] // the app registers this instance's ids, or none
  }

  write({ status, headers, setCookies, body }: Reply): void {
    this.rawResponse.status(status).set(headers)
    for (const cookie of setCookies) this.addCookie(cookie)
    this.rawResponse.end(body)
  }
}
