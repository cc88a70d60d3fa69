import { memoryStore, type Store } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'
import { aroundStore } from './around-store.ts'

/** One stop on the way to the store. */
export interface Gate {
  /** Resolves when the first command has come to the gate. */
  readonly arrived: Promise<void>
  open(): void
}

/** A store whose commands can be stopped one by one, before they are carried out. */
export class GatedStore {
  readonly store: Store
  readonly #gates = new Map<string, { readonly arrive: () => void; readonly opened: Promise<void> }>()

  /** @param inner absent: a fresh memory store. */
  constructor(clock: TestClock, inner: Store = memoryStore({ clock })) {
    this.store = aroundStore(inner, async (command, run) => {
      await this.#pass(command)
      return run()
    })
  }

  /** Stops the next command with this name, such as `leases.take`, until the gate is opened. */
  stop(command: string): Gate {
    const [arrived, opened] = [signal(), signal()]
    this.#gates.set(command, { arrive: arrived.give, opened: opened.given })
    return { arrived: arrived.given, open: opened.give }
  }

  async #pass(command: string): Promise<void> {
    const gate = this.#gates.get(command)
    if (gate === undefined) return
    this.#gates.delete(command)
    gate.arrive()
    await gate.opened
  }
}

function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}
