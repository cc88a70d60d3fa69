/** What went wrong between us and a server. */
export type TransportFault =
  /** The request was surely not sent: refused, unknown host, failed TLS handshake, or no connection in time. */
  | 'connect'
  /** The connection broke after the request may have been written. */
  | 'cut'
  /** The deadline passed after the request may have been written. */
  | 'timeout'
  /** The answer is longer than the cap, before or after decompression. */
  | 'too_large'
  /** The answer's `Content-Encoding` is unknown, nested, or not what the body is. */
  | 'encoding'

/**
 * Thrown by {@link Transport.send}. Callers in `protocol/` translate it; it never leaves core.
 * Holds neither the URL's query nor anything of the request or answer.
 */
export class TransportError extends Error {
  override readonly name: string = 'TransportError'
  readonly fault: TransportFault
  /** The system's or TLS layer's own code (`ECONNREFUSED`, `CERT_HAS_EXPIRED`), where there is one. */
  readonly systemCode?: string

  constructor(fault: TransportFault, url: URL, systemCode?: string) {
    const code = systemCode === undefined ? '' : ` (${systemCode})`
    super(`${url.origin}${url.pathname}: ${descriptions[fault]}${code}.`)
    this.fault = fault
    if (systemCode !== undefined) this.systemCode = systemCode
  }
}

const descriptions: Record<TransportFault, string> = {
  connect: 'no connection',
  cut: 'the connection broke before the answer was complete',
  timeout: 'no complete answer in time',
  too_large: 'the answer is too long',
  encoding: 'the answer is compressed in a way that cannot be read',
}
