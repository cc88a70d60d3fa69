import { bodyText, type PlainRequest, type Reply, responseBegun } from '@latchkey/core/adapter'
import type { Request, Response } from 'express'

/** The request as core sees it: the original URL, whatever it is mounted under. */
export class ExpressRequest implements PlainRequest {
  readonly native: Request
  readonly method: string
  readonly url: string
  readonly headers: PlainRequest['headers']

  constructor(req: Request) {
    this.native = req
    this.method = req.method
    this.url = req.originalUrl
    this.headers = req.headers
  }

  readBody(maxBytes: number): Promise<string> {
    return bodyText(this.native, this.native.body, maxBytes)
  }

  attach(oauth: object): void {
    this.native.oauth = oauth as Request['oauth'] // what core makes for this very instance
  }
}

/** @throws {LatchkeyError} `not_supported`: the response has begun, so nothing of ours would get through. */
export function requireUnanswered(res: Response): void {
  if (res.headersSent) throw responseBegun()
}

/** Writes a reply of core's as it is. */
export function writeReply(res: Response, { status, headers, setCookies, body }: Reply): void {
  res.status(status).set(headers)
  for (const cookie of setCookies) res.append('Set-Cookie', cookie)
  res.end(body)
}
