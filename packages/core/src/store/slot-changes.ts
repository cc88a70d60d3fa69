import { LruMap } from './lru-map.ts'
import type { Store } from './store.ts'

/** More slots than this are not changed while one answer is awaited. */
const remembered = 5_000

/** What this process has changed in the store, so that an answer from before a change is known as such. */
export class SlotChanges {
  readonly #latest = new LruMap<number>(remembered)
  #count = 0

  /** How many there were until now. */
  get count(): number {
    return this.#count
  }

  /** True when the slot was changed since there were `count`. */
  hasChangedSince(slot: string, count: number): boolean {
    return this.#count > count && (this.#latest.get(slot) ?? 0) > count
  }

  /** Counts a change twice: whatever is asked for before it, or while it is on its way, may come from before it. */
  async during<T>(slot: string, change: () => Promise<T>): Promise<T> {
    this.#note(slot)
    try {
      return await change()
    } finally {
      this.#note(slot)
    }
  }

  #note(slot: string): void {
    this.#count += 1
    this.#latest.set(slot, this.#count)
  }
}

/**
 * The same store, with every command that takes a grant away, or puts another in its place, noted.
 *
 * @param store its ports hold plain functions
 */
export function notingChanges(store: Store, changes: SlotChanges): Store {
  const { sessions, grants, subjects } = store
  return {
    ...store,
    sessions: {
      ...sessions,
      write: (locator, write) => changes.during(locator, () => sessions.write(locator, write)),
      delete: (locator, ...which) => changes.during(locator, () => sessions.delete(locator, ...which)),
    },
    grants: {
      ...grants,
      commit: (ref, ...what) => changes.during(ref.slot, () => grants.commit(ref, ...what)),
      delete: (ref, ...which) => changes.during(ref.slot, () => grants.delete(ref, ...which)),
    },
    subjects: {
      ...subjects,
      leave: (key, ...who) => changes.during(key, () => subjects.leave(key, ...who)),
      end: (key, ...since) => changes.during(key, () => subjects.end(key, ...since)),
    },
  }
}
