import type { Clock } from '../clock.ts'
import { type ReceivedAnswer, TransportError, type TransportFault } from './transport-error.ts'
import type { Dispatcher } from './undici.ts'

/** How long an answer that is too long by its `Content-Length` may bring what can be saved of it. */
const savingMs = 1_000

/** One request and its answer on a dispatcher: capped, and over when the deadline is. */
export class Exchange {
  readonly #url: URL
  readonly #maxBytes: number
  readonly #keepReceived: boolean
  readonly #clock: Clock
  readonly #chunks: Buffer[] = []
  #cancelDeadline: () => void
  readonly response: Promise<ReceivedAnswer>
  #resolve!: (response: ReceivedAnswer) => void
  #reject!: (error: TransportError) => void
  #controller: Dispatcher.DispatchController | undefined
  #started = false
  #declaredTooLong = false
  #ended = false
  #length = 0
  #status = 0
  #headers: Readonly<Record<string, string>> = {}

  constructor(request: {
    readonly url: URL
    readonly maxBytes: number
    readonly deadlineMs: number
    readonly clock: Clock
    readonly keepReceived?: boolean | undefined
  }) {
    this.#url = request.url
    this.#maxBytes = request.maxBytes
    this.#keepReceived = request.keepReceived ?? false
    this.#clock = request.clock
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
    this.#fail(this.#declaredTooLong ? 'too_large' : 'cut', systemCodeOf(error))
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
    if (Number(this.#headers['content-length']) > this.#maxBytes) this.#receiveTooLong()
  }

  // Nothing but an answer worth saving is read any further, and that one not for long.
  #receiveTooLong(): void {
    if (!this.#isWorthKeeping) {
      this.#fail('too_large')
      return
    }
    this.#declaredTooLong = true
    const cancelDeadline = this.#cancelDeadline
    const cancel = this.#clock.after(savingMs, () => this.#fail('too_large'))
    this.#cancelDeadline = () => {
      cancelDeadline()
      cancel()
    }
  }

  get #isWorthKeeping(): boolean {
    return this.#keepReceived && this.#status >= 200 && this.#status < 300
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return
    this.#length += chunk.length
    this.#chunks.push(chunk)
    if (this.#length > this.#maxBytes) this.#fail('too_large')
  }

  #finish(): void {
    if (this.#declaredTooLong) this.#fail('too_large')
    else if (this.#end()) this.#resolve(this.#received())
  }

  #fail(fault: TransportFault, systemCode?: string): void {
    if (!this.#end()) return
    const received = this.#isWorthKeeping ? this.#received() : undefined
    this.#chunks.length = 0
    const shown = this.#started ? fault : 'connect'
    this.#reject(new TransportError(shown, this.#url, { systemCode, received }))
    // Destroys the socket: a half-read answer must not reach the next request.
    this.#controller?.abort(new Error('Latchkey gave this exchange up.'))
  }

  #received(): ReceivedAnswer {
    const body = Buffer.concat(this.#chunks).subarray(0, this.#maxBytes)
    return { status: this.#status, headers: this.#headers, body }
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
