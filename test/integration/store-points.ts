import type { Store } from '@latchkey/express'
import type { StorePoint } from './app-messages.ts'
import { aroundStore } from './around-store.ts'

interface Held {
  left: number
  readonly released: Promise<void>
  readonly release: () => void
}

/**
 * Points before and after each command of a store at which commands can be held. After: the store has carried the
 * command out, and the process does not know it yet.
 */
export class StorePoints {
  /** How often the store was called. */
  calls = 0
  readonly #held = new Map<StorePoint, Held>()
  readonly #onArrival: (point: StorePoint) => void

  constructor(onArrival: (point: StorePoint) => void) {
    this.#onArrival = onArrival
  }

  /** The same store, with these points on the way. */
  along(store: Store): Store {
    return aroundStore(store, async (command, run) => {
      this.calls += 1
      await this.#pass(`${command} before`)
      try {
        return await run()
      } finally {
        await this.#pass(`${command} after`)
      }
    })
  }

  /** The next so many commands wait at this point until it is released. */
  hold(point: StorePoint, calls: number): void {
    this.release(point)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#held.set(point, { left: calls, released, release })
  }

  /** Lets go what waits there, and what comes later. */
  release(point: StorePoint): void {
    this.#held.get(point)?.release()
    this.#held.delete(point)
  }

  async #pass(point: StorePoint): Promise<void> {
    const held = this.#held.get(point)
    if (held === undefined || held.left === 0) return
    held.left -= 1
    this.#onArrival(point)
    await held.released
  }
}
