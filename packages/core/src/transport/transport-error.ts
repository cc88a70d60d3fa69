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

/** What came of a 2xx answer that could not be read. May hold tokens. */
export interface ReceivedAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Still encoded, and no longer than the cap. */
  readonly body: Uint8Array
}

/**
 * Thrown by {@link Transport.send}. Callers in `protocol/` translate it; it never leaves core.
 * Nothing that a log or an inspection shows of it comes from the URL's query, the request or the answer.
 */
export class TransportError extends Error {
  override readonly name: string = 'TransportError'
  readonly fault: TransportFault
  /** The system's or TLS layer's own code (`ECONNREFUSED`, `CERT_HAS_EXPIRED`), where there is one. */
  readonly systemCode?: string
  // A private field behind a getter of the class: neither inspection nor serialization sees it.
  readonly #received: ReceivedAnswer | undefined

  constructor(
    fault: TransportFault,
    url: URL,
    {
      systemCode,
      received,
    }: { readonly systemCode?: string | undefined; readonly received?: ReceivedAnswer | undefined } = {},
  ) {
    const code = systemCode === undefined ? '' : ` (${systemCode})`
    super(`${url.origin}${url.pathname}: ${descriptions[fault]}${code}.`)
    this.fault = fault
    this.#received = received
    if (systemCode !== undefined) this.systemCode = systemCode
  }

  /** Only where the request asked to keep it; for saving what would otherwise be lost. */
  get received(): ReceivedAnswer | undefined {
    return this.#received
  }
}

const descriptions: Record<TransportFault, string> = {
  connect: 'no connection',
  cut: 'the connection broke before the answer was complete',
  timeout: 'no complete answer in time',
  too_large: 'the answer is too long',
  encoding: 'the answer is compressed in a way that cannot be read',
}
