/**
 * A map that holds at most `capacity` entries. Whoever was not used while half as many others were makes room: a look at
 * an entry in use costs no more than in any map, which an exact order of use would not allow.
 */
export class LruMap<Value> {
  readonly #generation: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  /** @param capacity at least 2 */
  constructor(capacity: number) {
    this.#generation = Math.floor(capacity / 2)
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const aged = this.#old.get(key)
    if (aged !== undefined) this.set(key, aged)
    return aged
  }

  /** A look that does not count as use. */
  peek(key: string): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: string, value: Value): void {
    this.#old.delete(key)
    if (this.#young.size >= this.#generation && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
