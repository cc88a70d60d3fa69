/** Longest delay that a timer of Node can hold; anything longer would fire after a millisecond. */
const MAX_DELAY_MS = 2_147_483_647

/** What a server of this package reads the time from. `TestClock` and the system time both fit. */
export interface TimeSource {
  /** Epoch seconds, fractional. */
  now(): number
}

/** How a `TestClock` starts. */
export interface TestClockOptions {
  /** Stand still, so that only `advance` and `step` move the time. @default false */
  readonly frozen?: boolean
  /** Epoch seconds to start at. Absent: the system time. */
  readonly startAt?: number
}

interface Timer {
  readonly dueMs: number
  readonly run: () => void
  handle?: NodeJS.Timeout
}

/**
 * A clock that tests move. It runs with real time plus every jump, or stands still when frozen.
 * Give the same one to the code under test and to the emulators, and an hour passes at once.
 */
export class TestClock implements TimeSource {
  readonly #frozen: boolean
  readonly #timers = new Set<Timer>()
  /** Wall time minus elapsed time, so that a step of the wall clock leaves the timers alone. */
  #wallOffsetMs: number
  #jumpedMs = 0

  /** Starts at the system time, or at `startAt`. */
  constructor(options: TestClockOptions = {}) {
    this.#frozen = options.frozen ?? false
    const startMs = options.startAt === undefined ? Date.now() : options.startAt * 1000
    this.#wallOffsetMs = startMs - this.#elapsedMs()
  }

  /** How many timers wait to fire. */
  get pending(): number {
    return this.#timers.size
  }

  /** Epoch seconds, fractional. */
  now(): number {
    return (this.#wallOffsetMs + this.#elapsedMs()) / 1000
  }

  /**
   * Runs `run` once when `delayMs` have passed on this clock; returns what cancels it.
   * A delay above 2^31-1 ms counts as 2^31-1 ms. The process may end while a timer waits.
   */
  after(delayMs: number, run: () => void): () => void {
    const delay = Math.min(Math.max(delayMs, 0), MAX_DELAY_MS)
    const timer: Timer = { dueMs: this.#elapsedMs() + delay, run }
    this.#timers.add(timer)
    this.#arm(timer)
    return () => this.#disarm(timer)
  }

  /**
   * Lets `seconds` pass at once: every timer that became due fires, in order of its due time, the rest keep waiting.
   * Resolves one turn of the event loop later. A negative value is a step back of the wall clock, as `step`.
   */
  async advance(seconds: number): Promise<void> {
    if (seconds < 0) this.step(seconds)
    else this.#jumpedMs += seconds * 1000
    this.#fireDue()
    for (const timer of this.#timers) this.#arm(timer)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** Moves only the wall clock, as an operator or NTP does: timers neither fire nor wait longer. */
  step(seconds: number): void {
    this.#wallOffsetMs += seconds * 1000
  }

  #elapsedMs(): number {
    return this.#jumpedMs + (this.#frozen ? 0 : performance.now())
  }

  #fireDue(): void {
    const nowMs = this.#elapsedMs()
    const due = [...this.#timers].filter((timer) => timer.dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs)
    for (const timer of due) {
      if (!this.#timers.has(timer)) continue
      this.#disarm(timer)
      timer.run()
    }
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.handle)
    if (this.#frozen) return
    timer.handle = setTimeout(
      () => {
        this.#disarm(timer)
        timer.run()
      },
      Math.max(timer.dueMs - this.#elapsedMs(), 0),
    )
    timer.handle.unref()
  }

  #disarm(timer: Timer): void {
    clearTimeout(timer.handle)
    this.#timers.delete(timer)
  }
}
