import type { Clock } from '../clock.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type { Arrival } from './arrival.ts'
import { hasPlace, type Replacement, type SessionEndings } from './endings.ts'
import type { Aftermath } from './left-places.ts'
import type { SessionRecord } from './record.ts'
import type { Place } from './session-index.ts'
import type { Session, SessionSlots } from './session-slots.ts'

/** What a sign-in has left in the store so far. */
export interface Attempt {
  readonly places: Place[]
  /** A session that was written, perhaps. */
  unsettled: Replacement | undefined
}

/** A session about to be written with the account that arrives in it. */
export interface SessionChange extends Aftermath {
  /** What stands in its slot. */
  readonly current: Session | undefined
  readonly record: SessionRecord
  readonly arrival: Arrival
}

/** So long a browser with a session waits for a store that is away: half of a sign-in would sign it out. */
const patienceSeconds = 15

/** Writes the sessions of sign-ins, and finds out what became of them where an answer was lost. */
export class SessionWrites {
  readonly #slots: SessionSlots
  readonly #endings: SessionEndings
  readonly #clock: Clock

  constructor(slots: SessionSlots, endings: SessionEndings, clock: Clock) {
    this.#slots = slots
    this.#endings = endings
    this.#clock = clock
  }

  /**
   * The session as it stands in the store now; `moved`: somebody was faster, and nothing was written.
   * @throws {LatchkeyError} `store_unavailable`: `attempt` says what may be there all the same.
   */
  async write(change: SessionChange, attempt: Attempt): Promise<Session | 'moved'> {
    const { current, record, arrival, ended } = change
    const { locator, sealed } = arrival
    const replaced = current?.record.accounts.filter((one) => !record.accounts.includes(one)) ?? []
    const next = this.#slots.seal(locator, record)
    const replacement = { before: current, after: next.session, accounts: replaced }
    attempt.unsettled = replacement
    const ttlSeconds = secondsLeft(record, this.#clock)
    const written = await this.#slots.write({
      current,
      next,
      putGrants: sealed === undefined ? [] : [{ ...sealed, ttlSeconds }],
      deleteGrants: replaced.filter(({ owner }) => owner === 'session').map(({ grantId }) => grantId),
      isVisit: true,
      ...(current && { patienceSeconds }),
    })
    if (written.outcome === 'moved') return this.#moved(change, replacement, written.isUnsure, attempt)
    attempt.unsettled = undefined
    ended(await this.#endings.replaced(replacement, written.deletedGrants, change))
    return next.session
  }

  /** Ours may have been written before its answer was lost, and somebody may have gone on from there or ended it. */
  async #moved(
    change: SessionChange,
    { before, after }: Replacement,
    isUnsure: boolean,
    attempt: Attempt,
  ): Promise<Session | 'moved'> {
    const { record, arrival, ended } = change
    const { locator, account } = arrival
    const standing = await this.#slots.peek(locator)
    const hasOurSecret = standing?.record.secretDigest === record.secretDigest
    const hasOurAccount = account.membership !== undefined && hasPlace(standing, account.membership)
    if (isUnsure || hasOurSecret || hasOurAccount) ended(await this.#endings.gone(before, standing, change))
    attempt.unsettled = undefined
    if (standing !== undefined && hasOurSecret) return standing
    if (standing !== undefined && hasOurAccount) {
      const { secretDigest, completed } = after.record
      const reclaimed = { ...standing.record, secretDigest, completed }
      return this.write(
        { ...change, current: standing, record: reclaimed, arrival: { locator, account } },
        attempt,
      )
    }
    // If it was ended meanwhile, its tokens are revoked.
    if (isUnsure) throw storeUnavailable('contended')
    return 'moved'
  }
}

/** Whole seconds, at least one. A session in use need not use its grants, so they live as long as it may at most. */
export function secondsLeft({ expiresAt }: SessionRecord, clock: Clock): number {
  return Math.max(1, Math.ceil(expiresAt - clock.now()))
}
