import { memoryStore, type Store } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'
import { aroundStore } from '../integration/around-store.ts'

/** What becomes of the store's commands from the k-th on. `lost`: carried out, but the answer never arrives. */
export type Outage = 'one refused' | 'one lost' | 'refused from here on' | 'lost from here on'

/** A memory store that fails at a chosen command. */
export class FailingStore {
  readonly store: Store
  #outage: { readonly kind: Outage; readonly at: number } | undefined
  #commands = 0
  #failed: string | undefined

  constructor(clock: TestClock) {
    this.store = aroundStore(memoryStore({ clock }), async (command, run) => {
      const fails = this.#counts(command)
      if (fails?.startsWith('one refused') || fails?.startsWith('refused')) throw new Error('no connection')
      const answer = await run()
      if (fails !== undefined) throw new Error('the answer was lost')
      return answer
    })
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
