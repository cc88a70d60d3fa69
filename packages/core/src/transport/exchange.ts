import type { Clock } from '../clock.ts'
import { TransportError, type TransportFault } from './transport-error.ts'
import type { Dispatcher } from './undici.ts'

/** What came back, body still encoded. */
export interface RawResponse {
  readonly status: number
  /** Lower-case names; repeated fields are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** One request and its answer on a dispatcher: capped, and over when the deadline is. */
export class Exchange {
  readonly #url: URL
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  readonly #cancelDeadline: () => void
  readonly response: Promise<RawResponse>
  #resolve!: (response: RawResponse) => void
  #reject!: (error: TransportError) => void
  #controller: Dispatcher.DispatchController | undefined
  #started = false
  #ended = false
  #length = 0
  #status = 0
  #headers: Readonly<Record<string, string>> = {}

  constructor(request: {
    readonly url: URL
    readonly maxBytes: number
    readonly deadlineMs: number
    readonly clock: Clock
  }) {
    this.#url = request.url
    this.#maxBytes = request.maxBytes
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#cancelDeadline = request.clock.after(request.deadlineMs, () => this.#fail('timeout'))
  }

  /** The callbacks that undici drives. */
  get handler(): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => this.#start(controller),
      onResponseStart: (controller, status, headers) => this.#receiveHead(controller, status, headers),
      onResponseData: (_controller, chunk) => this.#receive(chunk),
      onResponseEnd: () => this.#finish(),
      onResponseError: (_controller, error) => this.fail(error),
    }
  }

  /** Ends the exchange with an error of the dispatcher's. */
  fail(error: unknown): void {
    this.#fail('cut', systemCodeOf(error))
  }

  // undici calls this right before it writes. Until then nothing was sent, whatever goes wrong.
  #start(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#ended) controller.abort(new Error('The deadline passed before a connection was there.'))
    else this.#started = true
  }

  #receiveHead(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: NodeJS.Dict<string | string[]>,
  ): void {
    this.#controller = controller
    if (status < 200) return
    this.#status = status
    this.#headers = joinHeaders(headers)
    if (Number(this.#headers['content-length']) > this.#maxBytes) this.#fail('too_large')
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return
    this.#length += chunk.length
    if (this.#length > this.#maxBytes) this.#fail('too_large')
    else this.#chunks.push(chunk)
  }

  #finish(): void {
    if (!this.#end()) return
    this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) })
  }

  #fail(fault: TransportFault, systemCode?: string): void {
    if (!this.#end()) return
    this.#chunks.length = 0
    this.#reject(new TransportError(this.#started ? fault : 'connect', this.#url, systemCode))
    // Destroys the socket: a half-read answer must not reach the next request.
    this.#controller?.abort(new Error('Latchkey gave this exchange up.'))
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#cancelDeadline()
    return true
  }
}

function joinHeaders(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const joined: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return joined
}

/** Only codes in capitals: nothing that came from outside can look like one. */
function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(error.code) ? error.code : undefined
}
