import type { GrantRef, VersionedRecord } from '../store/store.ts'

/** How old an answer may be that was asked for before it was wanted, in seconds. */
const longestAgeSeconds = 0.1

/** A grant that was read before anybody asked for it, in one round trip with something else. */
export class EarlyRead {
  readonly #ref: GrantRef
  readonly #sentAt: number
  #reading: Promise<VersionedRecord | undefined> | undefined

  /** @param sentAt epoch seconds. */
  constructor(ref: GrantRef, reading: Promise<VersionedRecord | undefined>, sentAt: number) {
    this.#ref = ref
    this.#sentAt = sentAt
    this.#reading = reading
    // Most failures are told to whoever takes it; of one that nobody takes nobody hears.
    reading.catch(() => {})
  }

  /** The answer, once; `undefined` for another grant, and when it would be too old to go by. */
  take({ slot, id }: GrantRef, now: number): Promise<VersionedRecord | undefined> | undefined {
    const reading = this.#reading
    const age = now - this.#sentAt
    if (id !== this.#ref.id || slot !== this.#ref.slot || age < 0 || age > longestAgeSeconds) return undefined
    this.#reading = undefined
    return reading
  }
}
