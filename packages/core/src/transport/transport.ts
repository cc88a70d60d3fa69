import type { Clock } from '../clock.ts'
import { decodeBody } from './decode-body.ts'
import { Exchange } from './exchange.ts'
import { TransportError } from './transport-error.ts'
import { Agent, type Dispatcher } from './undici.ts'

export { type ReceivedAnswer, TransportError, type TransportFault } from './transport-error.ts'

/** One call to an authorization server or userinfo endpoint. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** For everything: connecting, headers and the whole body. */
  readonly deadlineMs: number
  /** Cap of the body, before and after decompression. */
  readonly maxBytes: number
  /** Lets the error of a 2xx answer that cannot be read hold what came of it. @default false */
  readonly keepReceived?: boolean
}

/** An answer as it came, decompressed. Untrusted. */
export interface TransportResponse {
  readonly status: number
  /** Lower-case names; repeated fields are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** How long {@link Transport.close} waits for responses that somebody may still be reading. */
const closingMs = 5_000

const defaultHeaders = { accept: 'application/json', 'user-agent': 'latchkey' } as const

/**
 * The one way to an authorization server: one deadline on the injected clock, no redirects, capped bodies, and faults
 * that say whether the request can have arrived.
 */
export class Transport {
  /** Also for the app's own API calls. */
  readonly dispatcher: Dispatcher
  readonly #ownAgent: InstanceType<typeof Agent> | undefined
  readonly #connected = new Set<Dispatcher>()
  readonly #clock: Clock

  /** @param options.dispatcher the app's own; without it one is made here, and closed by {@link Transport.close}. */
  constructor(options: { readonly dispatcher?: Dispatcher | undefined; readonly clock: Clock }) {
    this.#clock = options.clock
    this.#ownAgent = options.dispatcher === undefined ? this.#makeAgent() : undefined
    this.dispatcher = options.dispatcher ?? (this.#ownAgent as Dispatcher) // one of the two is there
  }

  /**
   * Sends once and reads the whole answer, whatever its status.
   *
   * @throws {TransportError} with a `fault`; `connect` alone means that the request was surely not sent.
   */
  async send(request: TransportRequest): Promise<TransportResponse> {
    const url = new URL(request.url)
    const { deadlineMs, maxBytes, keepReceived } = request
    const exchange = new Exchange({ url, deadlineMs, maxBytes, keepReceived, clock: this.#clock })
    try {
      this.dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          headers: { ...defaultHeaders, ...request.headers },
          body: request.body ?? null,
          // Ours is the only deadline, and it runs on the injected clock.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        exchange.handler,
      )
    } catch (error) {
      exchange.fail(error)
    }
    const received = await exchange.response
    const { status, headers } = received
    const decoded = await decodeBody(received.body, headers['content-encoding'], maxBytes)
    if (typeof decoded !== 'string') return { status, headers, body: decoded }
    const kept = keepReceived && status >= 200 && status < 300
    throw new TransportError(decoded, url, kept ? { received } : {})
  }

  /**
   * Closes the connections that this instance opened; never a dispatcher that was passed in. A response that nobody
   * reads to its end is cut after 5 seconds.
   */
  async close(): Promise<void> {
    const agent = this.#ownAgent
    if (agent === undefined) return
    let cancel = (): void => {}
    const late = new Promise<true>((resolve) => {
      cancel = this.#clock.after(closingMs, () => resolve(true))
    })
    try {
      // A closing agent has forgotten its connections, so that its own destroy() would reach none of them.
      if (await Promise.race([agent.close(), late])) this.#cutConnections()
    } finally {
      cancel()
    }
  }

  #makeAgent(): InstanceType<typeof Agent> {
    const agent = new Agent()
    // The targets lead from the agent to the one connection.
    agent.on('connect', (_origin, targets) => this.#connected.add(targets.at(-1) ?? agent))
    agent.on('disconnect', (_origin, targets) => this.#connected.delete(targets.at(-1) ?? agent))
    return agent
  }

  #cutConnections(): void {
    for (const connection of this.#connected) connection.destroy().catch(() => {})
  }
}
