import type { Store } from '@latchkey/express'
import type { StorePoint } from './app-messages.ts'

const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const

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
    const watched = ports.map((port) => [port, this.#alongPort(port, store[port])] as const)
    const { durable } = store
    return { ...(Object.fromEntries(watched) as unknown as Store), durable, close: () => store.close() } // all its ports
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

  #alongPort<Port extends object>(name: string, port: Port): Port {
    return new Proxy({} as Port, {
      get: (_target, property) => {
        const member: unknown = Reflect.get(port, property)
        if (typeof member !== 'function') return member
        return async (...args: readonly unknown[]): Promise<unknown> => {
          this.calls += 1
          const command = `${name}.${String(property)}` as const
          await this.#pass(`${command} before`)
          try {
            return await Reflect.apply(member, port, args)
          } finally {
            await this.#pass(`${command} after`)
          }
        }
      },
    })
  }

  async #pass(point: StorePoint): Promise<void> {
    const held = this.#held.get(point)
    if (held === undefined || held.left === 0) return
    held.left -= 1
    this.#onArrival(point)
    await held.released
  }
}
