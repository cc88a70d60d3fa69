import type { Clock } from '../clock.ts'
import { randomId } from '../crypto/random.ts'
import type { Attempt, GrantRef, LeaseStore } from '../store/store.ts'

/** Longer than both sends of a refresh (10 s + 4 s), so that a living owner never outlives it. */
const leaseSeconds = 15
const extendEveryMs = 5_000
const attemptTtlSeconds = 300

/** The right to refresh one grant: held by one process at a time, extended while the work goes on. */
export class Lease {
  readonly owner: string = randomId(128)
  readonly #leases: LeaseStore
  readonly #ref: GrantRef
  readonly #clock: Clock
  #stopExtending: () => void = () => {}

  constructor(leases: LeaseStore, ref: GrantRef, clock: Clock) {
    this.#leases = leases
    this.#ref = ref
    this.#clock = clock
  }

  /**
   * True when this lease is held afterwards. An unanswered take is settled by reading the owner back.
   * @throws {LatchkeyError} `store_unavailable`: also when nobody holds it, because there is nobody to wait for then.
   */
  async take(): Promise<boolean> {
    const taken = await this.#leases
      .take(this.#ref, this.owner, leaseSeconds)
      .catch(async (error: unknown) => {
        const owner = await this.#leases.owner(this.#ref)
        // Redis still reads where it refuses writes: READONLY, NOREPLICAS, MISCONF, OOM.
        if (owner === undefined) throw error
        return owner === this.owner
      })
    if (taken) this.#extendLater()
    return taken
  }

  /** Notes the attempt in the step that proves the lease. False: the lease is lost, nothing may be sent. */
  async mark(attempt: Omit<Attempt, 'owner'>, coolDownSeconds = 0): Promise<boolean> {
    const ttlSeconds = Math.max(attemptTtlSeconds, coolDownSeconds + 60)
    return this.#leases.writeAttempt(this.#ref, { ...attempt, owner: this.owner }, ttlSeconds)
  }

  /** Gives the lease back. A failure is harmless: it runs out by itself. */
  async release(): Promise<void> {
    this.#stopExtending()
    await this.#leases.release(this.#ref, this.owner).catch(leaseRunsOut)
  }

  async #extend(): Promise<void> {
    const isHeld = await this.#leases.extend(this.#ref, this.owner, leaseSeconds).catch(leaseRunsOut)
    if (isHeld === false) this.#stopExtending()
  }

  #extendLater(): void {
    this.#stopExtending = this.#clock.after(extendEveryMs, () => {
      this.#extendLater()
      void this.#extend()
    })
  }
}

// The store has reported its failure already, and a lease that is neither extended nor released runs out by itself.
function leaseRunsOut(): void {}
