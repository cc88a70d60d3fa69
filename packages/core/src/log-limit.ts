/** While something is broken every request finds it so, and a line for each would say no more. */
const quietSeconds = 60

/** Says when a line is due that comes again and again: each kind once a minute. */
export class LogLimit {
  readonly #now: () => number
  readonly #kinds = new Map<string, { times: number; saidAt: number }>()

  /** @param now epoch seconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * How often this kind has come since its line was due last, this time included. `undefined`: it is not due.
   *
   * @param kind one of few: each is remembered
   */
  due(kind: string): number | undefined {
    const now = this.#now()
    const known = this.#kinds.get(kind) ?? { times: 0, saidAt: Number.NEGATIVE_INFINITY }
    const times = known.times + 1
    // Also a clock that was set back must not silence it for long.
    const isDue = Math.abs(now - known.saidAt) >= quietSeconds
    this.#kinds.set(kind, isDue ? { times: 0, saidAt: now } : { ...known, times })
    return isDue ? times : undefined
  }
}
