import { connect } from 'node:net'

/** An answer exactly as it came. */
export interface RawResponse {
  /** 0: the server closed the connection without an answer. */
  readonly status: number
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** Everything, byte for byte, as Latin-1. */
  readonly text: string
}

/** One request, written without any help: no URL is parsed, no header is added but `Host` and `Connection`. */
export interface RawRequest {
  /** @default 'GET' */
  readonly method?: string
  /** The request target, byte for byte (Latin-1). */
  readonly target: string
  /** Header lines after the usual ones, `Name: value` each. */
  readonly lines?: readonly string[]
  /** @default the authority of the origin */
  readonly host?: string
  readonly body?: string
}

/** Sends one request over a socket of its own and reads until the server closes it. */
export async function rawRequest(origin: string, request: RawRequest): Promise<RawResponse> {
  const { method = 'GET', target, lines = [], body } = request
  const { host, hostname, port } = new URL(origin)
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${method} ${target} HTTP/1.1`, `Host: ${request.host ?? host}`, 'Connection: close']
  const bytes = Buffer.concat([
    Buffer.from(`${[...head, ...length, ...lines].join('\r\n')}\r\n\r\n`, 'latin1'),
    Buffer.from(body ?? '', 'utf8'),
  ])
  return parsed(await exchange(hostname, Number(port), bytes))
}

/** The values of a header. */
export function valuesOf(response: RawResponse, name: string): readonly string[] {
  return response.headers.filter(([own]) => own === name).map(([, value]) => value)
}

/** What a browser says when somebody opens a page. */
export const navigationLines: readonly string[] = [
  'Accept: text/html',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Site: none',
]

function exchange(host: string, port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host, port }, () => socket.write(bytes))
    const finish = (): void => resolve(Buffer.concat(chunks).toString('latin1'))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.once('end', finish)
    // A server that refuses a request half way closes the connection before it has read the rest.
    socket.once('error', (error) => (chunks.length > 0 ? finish() : reject(error)))
  })
}

function parsed(text: string): RawResponse {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const status = Number(statusLine.split(' ')[1] ?? 0)
  return { status, headers, body: end === -1 ? '' : text.slice(end + 4), text }
}
