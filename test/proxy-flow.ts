import type { Socket } from 'node:net'

/** What happens to the bytes of one direction. Bytes are counted from the moment of the switch, for each connection. */
export interface FlowFault {
  /** Each chunk arrives so much later. */
  readonly delayMs?: number
  /** One byte at a time, with this gap. */
  readonly trickleGapMs?: number
  /** Both sides are cut (reset) once so many bytes have passed. */
  readonly cutAfterBytes?: number
  /** The direction ends, as if the sender had finished, once so many bytes have passed. */
  readonly truncateAfterBytes?: number
  /** Bytes wait until the switch is changed, as in a partition that heals: nothing is lost. */
  readonly stall?: boolean
  /** Bytes vanish; the connections stay open and are of no use any more, even after the switch is changed. */
  readonly blackHole?: boolean
}

interface Waiting {
  readonly chunk: Buffer
  readonly arrivedAt: number
}

const mostWaitingBytes = 1_048_576

/** One direction of one connection. */
export class ProxyFlow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #queue: Waiting[] = []
  /** Looks at a chunk before it leaves, and says how much of it may; what may not is dropped with both sockets. */
  readonly #allows: (chunk: Buffer) => number
  readonly #count: (bytes: number) => void
  #fault: FlowFault
  #passedBytes = 0
  #waitingBytes = 0
  #hasEnded = false
  #isVoid = false
  #isPumping = false
  #wake: () => void = () => {}

  constructor(
    from: Socket,
    to: Socket,
    fault: FlowFault,
    on: { readonly allows: (chunk: Buffer) => number; readonly count: (bytes: number) => void },
  ) {
    this.#from = from
    this.#to = to
    this.#fault = fault
    this.#allows = on.allows
    this.#count = on.count
    from.on('data', (chunk: Buffer) => this.#arrive(chunk))
    from.once('end', () => {
      this.#hasEnded = true
      void this.#pump()
    })
    this.set(fault)
  }

  /** Changes what happens from now on. */
  set(fault: FlowFault): void {
    this.#fault = fault
    this.#passedBytes = 0
    this.#isVoid ||= fault.blackHole === true
    this.#wake()
    this.#endWhenDue()
    void this.#pump()
  }

  #arrive(chunk: Buffer): void {
    this.#queue.push({ chunk, arrivedAt: performance.now() })
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > mostWaitingBytes) this.#from.pause()
    void this.#pump()
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (!this.#to.destroyed && this.#fault.stall !== true) {
      const next = this.#queue.shift()
      if (next === undefined) break
      await this.#deliver(next)
    }
    this.#isPumping = false
    const isDone = this.#hasEnded && this.#queue.length === 0 && this.#fault.stall !== true
    if (isDone && !this.#isVoid && !this.#to.destroyed) this.#to.end()
  }

  async #deliver(waiting: Waiting): Promise<void> {
    const { chunk, arrivedAt } = waiting
    const { delayMs = 0, trickleGapMs } = this.#fault
    await this.#rest(arrivedAt + delayMs - performance.now())
    // Stalled meanwhile: it keeps its place.
    if (this.#fault.stall === true) return void this.#queue.unshift(waiting)
    this.#waitingBytes -= chunk.length
    if (this.#waitingBytes <= mostWaitingBytes) this.#from.resume()
    if (this.#isVoid) return
    const allowed = this.#allows(chunk)
    if (trickleGapMs === undefined) this.#send(chunk.subarray(0, allowed))
    else await this.#trickle(chunk.subarray(0, allowed))
    if (allowed < chunk.length) this.#cut()
  }

  async #trickle(chunk: Buffer): Promise<void> {
    for (const [index] of chunk.entries()) {
      // The switch may change in the middle of a chunk.
      await this.#rest(this.#fault.trickleGapMs ?? 0)
      if (this.#isVoid) return
      this.#send(chunk.subarray(index, index + 1))
    }
  }

  #send(chunk: Buffer): void {
    const left = Math.min(...this.#limits()) - this.#passedBytes
    const part = chunk.subarray(0, Math.max(left, 0))
    this.#passedBytes += part.length
    this.#count(part.length)
    if (part.length > 0 && this.#to.writable) this.#to.write(part)
    this.#endWhenDue()
  }

  /** Carries out a cut or truncation whose byte has come. */
  #endWhenDue(): void {
    const [cutAfter, truncateAfter] = this.#limits()
    if (this.#isVoid) return
    if (this.#passedBytes >= cutAfter) {
      this.#cut()
    } else if (this.#passedBytes >= truncateAfter) {
      this.#isVoid = true
      this.#to.end()
    }
  }

  /** Resets both sides once what was sent before has left. */
  #cut(): void {
    this.#isVoid = true
    const reset = (): void => {
      for (const socket of [this.#to, this.#from]) if (!socket.destroyed) socket.resetAndDestroy()
    }
    if (this.#to.writable) this.#to.write('', reset)
    else reset()
  }

  #limits(): readonly [cutAfter: number, truncateAfter: number] {
    const { cutAfterBytes = Infinity, truncateAfterBytes = Infinity } = this.#fault
    return [cutAfterBytes, truncateAfterBytes]
  }

  /** Waits, but not past the next change of the switch. */
  #rest(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
