/** A command that was written and has no reply yet. */
export interface AwaitedReply {
  /** On the process's own clock, in milliseconds. */
  readonly writtenAt: number
  /** Those written just before and just after it, where they are awaited too. */
  earlier: AwaitedReply | undefined
  later: AwaitedReply | undefined
  onOverdue(): void
}

/**
 * Tells who has waited too long for a reply. One timer serves all: what was written first is due first, and mostly
 * nothing is late, so that a timer for each command would be wasted. The commands are linked: in a `Set`, which lives
 * long and changes with each, they cost about 3 us of a request's 117.
 */
export class OverdueReplies {
  readonly #timeoutMs: number
  #oldest: AwaitedReply | undefined
  #newest: AwaitedReply | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** To be called in the order of writing. */
  add(awaited: AwaitedReply): void {
    awaited.earlier = this.#newest
    if (this.#newest === undefined) this.#oldest = awaited
    else this.#newest.later = awaited
    this.#newest = awaited
    this.#timer ??= this.#checkIn(this.#timeoutMs)
  }

  delete(awaited: AwaitedReply): void {
    const { earlier, later } = awaited
    const isAwaited = earlier !== undefined || awaited === this.#oldest
    if (!isAwaited) return
    if (earlier === undefined) this.#oldest = later
    else earlier.later = later
    if (later === undefined) this.#newest = earlier
    else later.earlier = earlier
    awaited.earlier = undefined
    awaited.later = undefined
  }

  /** What has arrived is read first, also in a process that was busy when the time passed. */
  #checkIn(delayMs: number): NodeJS.Timeout {
    // The connection itself keeps the process alive while somebody waits.
    return setTimeout(() => setImmediate(() => this.#check()), Math.max(1, delayMs)).unref()
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    for (let awaited = this.#oldest; awaited !== undefined; awaited = this.#oldest) {
      const leftMs = awaited.writtenAt + this.#timeoutMs - now
      if (leftMs > 0) {
        this.#timer = this.#checkIn(leftMs)
        return
      }
      this.delete(awaited)
      awaited.onOverdue()
    }
  }
}
