import type { SlotChanges } from '../store/slot-changes.ts'
import type { GrantRef, GrantStore, VersionedRecord } from '../store/store.ts'

/**
 * How old an answer may be that was asked for before it was wanted, in seconds: so long may another process have deleted
 * the grant already.
 */
const longestAgeSeconds = 0.1

/** What {@link EarlyRead} works with. */
export interface EarlyReadParts {
  readonly grants: Pick<GrantStore, 'read'>
  readonly changes: SlotChanges
  /** Epoch seconds. */
  now(): number
}

/**
 * A grant that was read before anybody asked for it, in one round trip with something else. What this process has changed
 * since is never missed.
 */
export class EarlyRead {
  readonly #ref: GrantRef
  readonly #parts: EarlyReadParts
  readonly #sentAt: number
  readonly #changesBefore: number
  #reading: Promise<VersionedRecord | undefined> | undefined

  /** Asks. @param keepSeconds the grant's time to live becomes that at once. */
  constructor(parts: EarlyReadParts, ref: GrantRef, keepSeconds?: number) {
    this.#ref = ref
    this.#parts = parts
    this.#sentAt = parts.now()
    this.#changesBefore = parts.changes.count
    this.#reading = parts.grants.read(ref, keepSeconds)
    // Most failures are told to whoever takes it; of one that nobody takes nobody hears.
    this.#reading.catch(() => {})
  }

  /** The answer, once; `undefined` for another grant, and when it would be too old to go by. */
  take({ slot, id }: GrantRef): Promise<VersionedRecord | undefined> | undefined {
    const reading = this.#reading
    if (id !== this.#ref.id || slot !== this.#ref.slot || this.#isStale()) return undefined
    this.#reading = undefined
    return reading
  }

  #isStale(): boolean {
    const { now, changes } = this.#parts
    const age = now() - this.#sentAt
    return age < 0 || age > longestAgeSeconds || changes.hasChangedSince(this.#ref.slot, this.#changesBefore)
  }
}
