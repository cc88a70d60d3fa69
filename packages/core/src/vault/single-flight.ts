/** Runs at most one task per key at a time; whoever comes while it runs gets its result. */
export class SingleFlight<Result> {
  readonly #flights = new Map<string, Promise<Result>>()

  /** Joins the task that runs for `key`, or starts one. A task belongs to nobody: no caller can cancel it. */
  run(key: string, task: () => Promise<Result>): Promise<Result> {
    const running = this.#flights.get(key)
    if (running !== undefined) return running
    const flight = task().finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  has(key: string): boolean {
    return this.#flights.has(key)
  }

  /** Resolves when every task that runs now has ended, well or badly. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#flights.values())
  }
}
