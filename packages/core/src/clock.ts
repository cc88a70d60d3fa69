/** Where Latchkey takes the time from; replaced in tests. */
export interface Clock {
  /** Epoch seconds, with fractions (RFC 7519 NumericDate). */
  now(): number
  /** Calls `run` once after `delayMs` milliseconds, unless the returned function is called first. */
  after(delayMs: number, run: () => void): () => void
}

/** Longest delay that `setTimeout` keeps; anything longer would fire at once. */
const longestDelayMs = 2 ** 31 - 1

/** The machine's clock. Every timer of Latchkey's is short and has somebody waiting, so they keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), longestDelayMs))
    return () => clearTimeout(timer)
  },
}

/** Resolves after `delayMs` on `clock`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}

/** A span of time that passes once. It is measured, so setting the wall clock neither lengthens nor shortens it. */
export class Deadline {
  readonly #cancel: () => void
  #isOver = false

  constructor(clock: Clock, delayMs: number) {
    this.#cancel = clock.after(delayMs, () => {
      this.#isOver = true
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Frees the timer of a deadline that nobody looks at any more. */
  cancel(): void {
    this.#cancel()
  }
}
