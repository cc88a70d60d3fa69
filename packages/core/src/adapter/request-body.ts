import type { IncomingMessage } from 'node:http'
import { LatchkeyError } from '../errors.ts'

/**
 * A request's body as text: what a parser made of it, where one was faster, else what the socket brings.
 * @param parsed what a body parser left, `undefined` for none.
 * @throws {LatchkeyError} `invalid_callback` with status 413: it is longer than `maxBytes`.
 */
export async function bodyText(req: IncomingMessage, parsed: unknown, maxBytes: number): Promise<string> {
  const text = parsed === undefined ? await readStream(req, maxBytes) : parsedText(parsed)
  if (Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes)
  return text
}

async function readStream(req: IncomingMessage, maxBytes: number): Promise<string> {
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

/** What a parser for forms, text or bytes, or a host's own, made of a body. */
function parsedText(body: unknown): string {
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
