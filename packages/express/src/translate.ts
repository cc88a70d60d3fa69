import { LatchkeyError } from '@latchkey/core'
import type { PlainRequest, Reply } from '@latchkey/core/adapter'
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
    return readBody(this.native, maxBytes)
  }

  attach(oauth: object): void {
    this.native.oauth = oauth as Request['oauth'] // what core makes for this very instance
  }
}

/** @throws {LatchkeyError} `not_supported`: the response has begun, so nothing of ours would get through. */
export function requireUnanswered(res: Response): void {
  if (!res.headersSent) return
  throw new LatchkeyError(
    'not_supported',
    'login() and logout() answer the request, but its response has begun already: call them before sending anything.',
  )
}

/** Writes a reply of core's as it is. */
export function writeReply(res: Response, { status, headers, setCookies, body }: Reply): void {
  res.status(status).set(headers)
  for (const cookie of setCookies) res.append('Set-Cookie', cookie)
  res.end(body)
}

/** The body as text: what a parser made of it, where one was faster, else what the socket brings. */
async function readBody(req: Request, maxBytes: number): Promise<string> {
  const text = req.body === undefined ? await readStream(req, maxBytes) : parsedBody(req.body)
  if (Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes)
  return text
}

async function readStream(req: Request, maxBytes: number): Promise<string> {
  if (Number(req.headers['content-length']) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Buffer[] = []
  let length = 0
  // Without this, leaving the loop would destroy the socket that the 413 has to go through.
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    // Whoever called req.setEncoding() before us made text of it.
    const bytes: Buffer =
      typeof chunk === 'string' ? Buffer.from(chunk, req.readableEncoding ?? 'utf8') : chunk
    length += bytes.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What express.urlencoded(), express.text(), express.raw() or a host's own parser left in `req.body`. */
function parsedBody(body: unknown): string {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8')
  if (typeof body !== 'object' || body === null) return ''
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(body)) {
    // A repeated field became a list; it must stay repeated, because core refuses those.
    for (const item of [value].flat())
      form.append(name, typeof item === 'string' ? item : JSON.stringify(item))
  }
  return form.toString()
}

function tooLarge(maxBytes: number): LatchkeyError {
  const message = `The request body is longer than ${maxBytes} bytes.`
  return new LatchkeyError('invalid_callback', message, { status: 413, reason: 'too_long' })
}
