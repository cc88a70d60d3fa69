import type { Clock } from '../clock.ts'

/** Work that goes on behind the requests that caused it, and that a graceful shutdown waits for. */
export class BackgroundWork {
  readonly #clock: Clock
  /** What cuts the wait before another try short, for each try that waits. */
  readonly #waiting = new Set<() => void>()
  readonly #underWay = new Set<Promise<void>>()
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The same work, waited for by {@link BackgroundWork.close}. */
  track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
    return tracked
  }

  /** Tries after each of these waits, until `attempt` answers true. False: it never did, and is given up. */
  async tryAgain(afterMs: readonly number[], attempt: () => Promise<boolean>): Promise<boolean> {
    for (const delayMs of afterMs) {
      await this.#wait(delayMs)
      if (await attempt()) return true
      if (this.#isClosed) break
    }
    return false
  }

  /** Lets whatever waits for its next try have it now, as the last one; resolves when all is done. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#underWay.size > 0) {
      for (const endWait of this.#waiting) endWait()
      await Promise.all(this.#underWay)
    }
  }

  #wait(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const endWait = (): void => {
        cancel()
        this.#waiting.delete(endWait)
        resolve()
      }
      const cancel = this.#clock.after(delayMs, endWait)
      this.#waiting.add(endWait)
    })
  }
}
