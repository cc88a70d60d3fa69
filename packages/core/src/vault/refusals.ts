import type { Clock } from '../clock.ts'
import { LruMap } from '../store/lru-map.ts'

/** So many grants refused alike within a minute are not so many users' fault. */
const manyGrants = 5
const withinSeconds = 60
const circuitSeconds = 10
const rememberedClients = 1_000

/** Tells one user's trouble from an operator's: watches refusals across all grants of a client. */
export class Refusals {
  readonly #clock: Clock
  readonly #recent = new LruMap<Map<string, number>>(rememberedClients)
  readonly #openUntil = new LruMap<number>(rememberedClients)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes that the server refused this grant; true when many were refused with the same error within a minute. */
  note(clientIdentity: string, error: string, grant: string): boolean {
    const now = this.#clock.now()
    const key = JSON.stringify([clientIdentity, error])
    const grants = this.#recent.get(key) ?? new Map<string, number>()
    grants.set(grant, now)
    for (const [name, refusedAt] of grants) if (now - refusedAt > withinSeconds) grants.delete(name)
    // Only the count matters, so the set never needs to grow past it.
    if (grants.size > manyGrants) grants.delete(grants.keys().next().value ?? grant)
    this.#recent.set(key, grants)
    return grants.size >= manyGrants
  }

  /** The server refused the client itself: for a while nobody asks it again on this client's behalf. */
  openCircuit(clientIdentity: string): void {
    this.#openUntil.set(clientIdentity, this.#clock.now() + circuitSeconds)
  }

  isCircuitOpen(clientIdentity: string): boolean {
    const until = this.#openUntil.get(clientIdentity)
    if (until === undefined) return false
    const left = until - this.#clock.now()
    // More left than there ever was: the clock was set back.
    return left > 0 && left <= circuitSeconds
  }
}
