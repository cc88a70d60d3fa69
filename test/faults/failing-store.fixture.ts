import { memoryStore } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'

type Store = ReturnType<typeof memoryStore>

/** What becomes of the store's commands from the k-th on. `lost`: carried out, but the answer never arrives. */
export type Outage = 'one refused' | 'one lost' | 'refused from here on' | 'lost from here on'

const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const

/** A memory store that fails at a chosen command. */
export class FailingStore {
  readonly store: Store
  #outage: { readonly kind: Outage; readonly at: number } | undefined
  #commands = 0
  #failed: string | undefined

  constructor(clock: TestClock) {
    const inner = memoryStore({ clock })
    const failing = Object.fromEntries(ports.map((port) => [port, this.#failing(port, inner[port])]))
    this.store = { ...inner, ...failing }
  }

  /** Fails at the command with this number, counted from now. */
  begin(kind: Outage, at: number): void {
    this.#outage = { kind, at }
    this.#commands = 0
    this.#failed = undefined
  }

  /** The store is well again. Names the command that failed first; `undefined`: there were not so many. */
  end(): string | undefined {
    this.#outage = undefined
    return this.#failed
  }

  #failing<Port extends object>(port: string, inner: Port): Port {
    return new Proxy(inner, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property)
        if (typeof method !== 'function') return method
        return async (...args: readonly unknown[]): Promise<unknown> => {
          const fails = this.#counts(`${port}.${String(property)}`)
          if (fails?.startsWith('one refused') || fails?.startsWith('refused'))
            throw new Error('no connection')
          const answer: unknown = await Reflect.apply(method, target, args)
          if (fails !== undefined) throw new Error('the answer was lost')
          return answer
        }
      },
    })
  }

  #counts(command: string): Outage | undefined {
    if (this.#outage === undefined) return undefined
    const { kind, at } = this.#outage
    const number = this.#commands
    this.#commands += 1
    if (number < at || (kind.startsWith('one') && number > at)) return undefined
    this.#failed ??= command
    return kind
  }
}
