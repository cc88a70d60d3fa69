/** The machine's clock, which can be set forward. Timers do not notice. */
export class MovableClock {
  #aheadSeconds = 0

  now(): number {
    return Date.now() / 1000 + this.#aheadSeconds
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  }

  advance(seconds: number): void {
    this.#aheadSeconds += seconds
  }
}
