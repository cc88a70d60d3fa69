import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** One answer as the browser got it. */
export interface PageResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Where it came from, after redirects. */
  readonly url: string
  /** The body as UTF-8. */
  readonly text: string
  readonly bytes: Uint8Array
  /** `Location` as sent. */
  readonly location: string | undefined
  /** `Set-Cookie` values as sent. */
  readonly setCookies: readonly string[]
  /** The redirects that led here, oldest first. */
  readonly history: readonly PageResponse[]
}

/** One request of the browser. */
export interface PageRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: string
  /** Where the server of this origin really listens. Absent: at the port of the URL. */
  readonly origin: string | undefined
  readonly history: readonly PageResponse[]
}

/** Sends one request to 127.0.0.1 and reads the whole answer. @throws Error for an https origin that is not mapped */
export async function send(page: PageRequest): Promise<PageResponse> {
  const message = await exchange(page)
  const chunks: Buffer[] = []
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    url: page.url.href,
    text: bytes.toString('utf8'),
    bytes,
    location: message.headers.location,
    setCookies: message.headers['set-cookie'] ?? [],
    history: [...page.history],
  }
}

function exchange(page: PageRequest): Promise<IncomingMessage> {
  const { url, body } = page
  if (url.protocol !== 'http:' && page.origin === undefined) {
    throw new Error(`${url.origin} is not mapped to a local server: see the option "origins"`)
  }
  const server = page.origin === undefined ? url : new URL(page.origin)
  const headers: Record<string, string> = { host: url.host }
  if (page.origin !== undefined) headers['x-forwarded-proto'] = url.protocol.slice(0, -1)
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body))
  for (const [name, value] of Object.entries(page.headers)) {
    if (value === undefined) delete headers[name]
    else headers[name] = value
  }
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: server.hostname === '[::1]' ? '::1' : '127.0.0.1',
      port: server.port === '' ? 80 : server.port,
      method: page.method,
      path: url.pathname + url.search,
      headers,
      agent: false,
    })
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
