/** A command that was written and has no reply yet. */
export interface AwaitedReply {
  /** On the process's own clock, in milliseconds. */
  readonly writtenAt: number
  onOverdue(): void
}

/**
 * Tells who has waited too long for a reply. One timer serves all: what was written first is due first, and mostly
 * nothing is late, so that a timer for each command would be wasted.
 */
export class OverdueReplies {
  readonly #timeoutMs: number
  readonly #awaited = new Set<AwaitedReply>()
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** To be called in the order of writing. */
  add(awaited: AwaitedReply): void {
    this.#awaited.add(awaited)
    this.#timer ??= this.#checkIn(this.#timeoutMs)
  }

  delete(awaited: AwaitedReply): void {
    this.#awaited.delete(awaited)
  }

  /** What has arrived is read first, also in a process that was busy when the time passed. */
  #checkIn(delayMs: number): NodeJS.Timeout {
    // The connection itself keeps the process alive while somebody waits.
    return setTimeout(() => setImmediate(() => this.#check()), Math.max(1, delayMs)).unref()
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const awaited of this.#awaited) {
      const leftMs = awaited.writtenAt + this.#timeoutMs - now
      if (leftMs > 0) {
        this.#timer = this.#checkIn(leftMs)
        return
      }
      this.#awaited.delete(awaited)
      awaited.onOverdue()
    }
  }
}
