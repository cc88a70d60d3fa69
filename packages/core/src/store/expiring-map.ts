import type { Clock } from '../clock.ts'

interface Entry<Value> {
  readonly value: Value
  readonly expiresAt: number
}

/** A map whose entries all have a time to live on the given clock. Expired entries are swept as new ones arrive. */
export class ExpiringMap<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #clock: Clock
  #writesSinceSweep = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Value | undefined {
    return this.#live(key)?.value
  }

  /** Seconds until the entry expires. */
  ttlSeconds(key: string): number | undefined {
    const entry = this.#live(key)
    return entry && entry.expiresAt - this.#clock.now()
  }

  set(key: string, value: Value, ttlSeconds: number): void {
    this.#sweepNowAndThen()
    this.#entries.set(key, { value, expiresAt: this.#clock.now() + ttlSeconds })
  }

  /** Replaces the value and keeps its expiry. Does nothing when the key is gone. */
  replace(key: string, value: Value): void {
    const entry = this.#live(key)
    if (entry) this.#entries.set(key, { value, expiresAt: entry.expiresAt })
  }

  /** Gives a living entry a new time to live. */
  touch(key: string, ttlSeconds: number): void {
    const entry = this.#live(key)
    if (entry) this.#entries.set(key, { value: entry.value, expiresAt: this.#clock.now() + ttlSeconds })
  }

  /** Removes the entry and returns its value. */
  take(key: string): Value | undefined {
    const entry = this.#live(key)
    this.#entries.delete(key)
    return entry?.value
  }

  /** The keys of all living entries. One pass over all of them. */
  keys(): readonly string[] {
    this.sweep()
    return [...this.#entries.keys()]
  }

  /** Drops what has expired and says how many entries are left. One pass over all of them. */
  sweep(): number {
    this.#writesSinceSweep = 0
    const now = this.#clock.now()
    for (const [key, entry] of this.#entries) if (entry.expiresAt <= now) this.#entries.delete(key)
    return this.#entries.size
  }

  #live(key: string): Entry<Value> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAt > this.#clock.now()) return entry
    this.#entries.delete(key)
    return undefined
  }

  // A sweep costs one pass, so it waits until as many writes have come in as it has entries to look at.
  #sweepNowAndThen(): void {
    this.#writesSinceSweep += 1
    if (this.#writesSinceSweep <= this.#entries.size + 100) return
    this.sweep()
  }
}
