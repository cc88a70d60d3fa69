import { type Clock, Deadline, sleep } from '../clock.ts'
import type { RecordSealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../log.ts'
import type { TokenSet } from '../protocol/token.ts'
import { LruMap } from '../store/lru-map.ts'
import type { GrantRef, Store, VersionedRecord } from '../store/store.ts'
import { GrantCodec } from './codec.ts'
import { ExpiryNotices } from './expiry-notices.ts'
import { type EmptyGrant, type Grant, type GrantHandle, grantName, type LiveGrant } from './grant.ts'
import { GrantRecords, type OpenedGrant } from './grant-records.ts'
import { HeldCommits } from './held-commits.ts'
import { Lease } from './lease.ts'
import { Refresh, type RefreshParts } from './refresh.ts'
import { failureError, isBeingSettled, loginRequired, waitForSignInSeconds } from './refresh-failure.ts'
import { type RefreshOutcome, renewableGrant, settledBy } from './refresh-outcome.ts'
import { Refusals } from './refusals.ts'
import { SingleFlight } from './single-flight.ts'
import { SubjectGrants } from './subject-grants.ts'
import { assess, isUsable, type Need, type Verdict } from './token-set.ts'

const waitForOtherMs = 15_000
/** After a refresh ahead that brought nothing, the next one waits this long. */
const quietSeconds = 1
const rememberedQuiet = 5_000
/** So long after its caller a refresh ahead begins: at once it would take processor time from the call that it must not hold up. */
const aheadPauseMs = 25
/** A caller looks at the result of each refresh anew, but not for ever. */
const mostTurns = 3

/** What a refresher does when somebody else holds the lease. */
type WhenTaken = 'wait' | 'leave_it_to_them'

/** What a vault is made of. */
export interface VaultParts {
  /** Guarded: every failure of it is `store_unavailable`. */
  readonly store: Store
  readonly sealer: RecordSealer
  readonly clock: Clock
  readonly events: Events
  readonly log: Logger
}

/**
 * Keeps grants fresh: a refresh token is never spent twice and never lost, however many requests, processes and
 * machines use it at once.
 *
 * The refresh protocol in ten steps. This file has 1 to 4, who refreshes and when; `refresh.ts` has 5 to 10, the
 * refresh itself:
 *  1. one refresh per grant in this process;  2. decide by the record alone;  3. refresh ahead of expiry;
 *  4. one refresh per grant in the cluster;  5. look again inside the lease;  6. mark, then send;
 *  7. compare and store;  8. what ends a grant and what does not;  9. the store is gone;  10. the answer is lost.
 */
export class Vault {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Logger
  readonly #codec: GrantCodec
  readonly #held: HeldCommits
  readonly #records: GrantRecords
  readonly #parts: RefreshParts
  readonly #refreshes = new SingleFlight<RefreshOutcome>()
  readonly #signInsElsewhere = new SingleFlight<OpenedGrant | undefined>()
  readonly #refreshesToBegin = new Set<() => void>()
  readonly #quietUntil = new LruMap<number>(rememberedQuiet)
  /** Grants that lie in their subject's slot: how sign-ins get into them. */
  readonly subjectGrants: SubjectGrants
  readonly #notices: ExpiryNotices
  #isClosed = false

  constructor({ store, sealer, clock, events, log }: VaultParts) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#codec = new GrantCodec(sealer)
    this.#held = new HeldCommits(store.grants, clock)
    this.#records = new GrantRecords(store.grants, this.#codec, this.#held, clock, log)
    this.#parts = {
      grants: store.grants,
      subjects: store.subjects,
      records: this.#records,
      codec: this.#codec,
      held: this.#held,
      refusals: new Refusals(clock),
      clock,
      events,
      log,
    }
    this.#notices = new ExpiryNotices({ usedMarkers: store.usedMarkers, clock, events })
    this.subjectGrants = new SubjectGrants({ store, records: this.#records, codec: this.#codec, clock, log })
  }

  /**
   * Returns a token set that stays valid for `minTtlSeconds`, refreshing it at most once.
   * Safe across requests and processes: one caller refreshes, the others wait for its result.
   * With `rejectedToken` the same token may come back: then no refresh was possible and the refusal stands.
   *
   * @throws {LatchkeyError} `login_required`: signed out meanwhile, or the authorization server ended or refused the grant.
   * @throws {LatchkeyError} `as_unavailable`: timeout, network, 5xx, 429 or garbage. The stored token set is kept.
   * @throws {LatchkeyError} `as_misconfigured`: the server refuses the client. No user loses anything.
   * @throws {LatchkeyError} `store_unavailable`: nothing was deleted.
   * @see RFC 6749 §6, RFC 9700 §4.14
   */
  async fresh(handle: GrantHandle, need: Need): Promise<TokenSet> {
    let opened = await this.#records.current(handle)
    for (let turn = 0; turn < mostTurns; turn += 1) {
      // 2. Decide by the record alone.
      const grant = renewableGrant(handle, opened)
      const verdict = this.#assess(handle, grant, need, opened.jitter)
      if (grant.state === 'live') {
        const { tokens } = grant
        this.#notices.look(handle, grant)
        if (verdict === 'dead') throw loginRequired(handle.client.provider, 'grant_ended', handle.account)
        if (verdict === 'use') return tokens
        if (verdict === 'use_as_it_is') {
          const moved = await this.#movedBySignIn(handle, opened, tokens, need)
          if (moved === undefined) return tokens
          opened = moved
          continue
        }
        // 3. Near its end: hand it out now, refresh beside it. Unless the refresh would kill what is handed out.
        if (verdict === 'use_and_refresh_ahead' && !handle.client.provider.refreshEndsAccessToken) {
          this.#refreshAhead(handle, opened)
          return tokens
        }
      }
      const outcome = await this.#refreshOnce(handle, opened, 'wait')
      if (outcome.kind === 'failed') return bearFailure(outcome, grant, need, this.#clock.now())
      opened = outcome.opened
    }
    const grant = renewableGrant(handle, opened)
    if (grant.state === 'live' && isUsable(grant.tokens, need, this.#clock.now())) return grant.tokens
    throw failureError({ code: 'as_unavailable', reason: 'contention' }, handle.client.provider)
  }

  /** The grant as it stands; `undefined` when it is gone, another user's, or was tampered with. Never refreshes. */
  async read(
    handle: Pick<GrantHandle, 'ref' | 'keepSeconds' | 'holder' | 'early'>,
  ): Promise<Grant | undefined> {
    return (await this.#records.find(handle))?.grant
  }

  /** Seals a new grant for the step that writes it. */
  seal(ref: GrantRef, grant: Grant): VersionedRecord {
    return this.#codec.seal(ref, grant)
  }

  /** The grant in a record that was taken out of the store; `undefined` when it does not open. */
  open(ref: GrantRef, record: VersionedRecord): Grant | undefined {
    const opened = this.#records.open(ref, record)
    this.#records.forget(ref)
    return opened?.grant
  }

  /** For a graceful shutdown: no refresh is asked for any more; those that were end, and what is not saved yet is saved. */
  async close(): Promise<void> {
    for (const begin of [...this.#refreshesToBegin]) begin()
    this.#isClosed = true
    await this.#refreshes.settled()
    await this.#notices.settled()
    await this.#held.flush()
  }

  #assess(handle: GrantHandle, grant: LiveGrant | EmptyGrant, need: Need, jitter: number): Verdict {
    if (grant.state === 'empty') return 'refresh'
    const canRefresh = handle.client.canRefresh(grant.tokens)
    return assess(grant.tokens, need, this.#clock.now(), { canRefresh, jitter })
  }

  /**
   * A young token was refused. Where a new token set kills all earlier ones, another device may be signing in just now:
   * then its token set is about to be stored. Whoever is refused later waits no longer than the first, and looks no
   * more often.
   */
  async #movedBySignIn(
    handle: GrantHandle,
    opened: OpenedGrant,
    tokens: TokenSet,
    need: Need,
  ): Promise<OpenedGrant | undefined> {
    if (!handle.client.provider.exclusive || tokens.accessToken !== need.rejectedToken) return undefined
    return this.#signInsElsewhere.run(`${grantName(handle.ref)} ${opened.version}`, () =>
      this.#records.moved(handle, opened, waitForSignInSeconds),
    )
  }

  // 1. In this process one refresh per grant at a time. It belongs to no caller, so none can cancel it.
  async #refreshOnce(handle: GrantHandle, seen: OpenedGrant, whenTaken: WhenTaken): Promise<RefreshOutcome> {
    if (this.#isClosed) {
      const error = failureError({ code: 'as_unavailable', reason: 'closing' }, handle.client.provider)
      return { kind: 'failed', error, sent: false }
    }
    return this.#refreshes.run(grantName(handle.ref), () =>
      this.#refresh(handle, seen, whenTaken).catch((error: unknown) => {
        if (!LatchkeyError.is(error)) throw error
        return { kind: 'failed', error, sent: true }
      }),
    )
  }

  // 3. Nobody waits for this one, and a lease that is taken is left to its owner.
  #refreshAhead(handle: GrantHandle, seen: OpenedGrant): void {
    const name = grantName(handle.ref)
    const quiet = (this.#quietUntil.get(name) ?? 0) - this.#clock.now()
    // More quiet left than there ever was: the clock was set back.
    if (this.#refreshes.has(name) || (quiet > 0 && quiet <= quietSeconds)) return
    this.#quietUntil.set(name, this.#clock.now() + quietSeconds)
    const begin = (): void => {
      cancel()
      this.#refreshesToBegin.delete(begin)
      this.#refreshOnce(handle, seen, 'leave_it_to_them').catch(() => {
        this.#log.error(
          { event: 'refresh.ahead_failed' },
          'A refresh ahead of expiry broke; the token is still valid.',
        )
      })
    }
    const cancel = this.#clock.after(aheadPauseMs, begin)
    this.#refreshesToBegin.add(begin)
  }

  // 4. Across processes one refresh per grant at a time: never without the lease.
  async #refresh(handle: GrantHandle, seen: OpenedGrant, whenTaken: WhenTaken): Promise<RefreshOutcome> {
    const lease = new Lease(this.#store.leases, handle.ref, this.#clock)
    const deadline = new Deadline(this.#clock, waitForOtherMs)
    try {
      for (;;) {
        const isTaken = !(await lease.take())
        if (isTaken && whenTaken === 'leave_it_to_them') return { kind: 'grant', opened: seen }
        const outcome = isTaken
          ? await this.#waitForOther(handle, seen, deadline)
          : ((await this.#refreshUnder(lease, handle, seen)) ??
            (await this.#waitForOther(handle, seen, deadline)))
        if (outcome !== undefined) return outcome
      }
    } finally {
      deadline.cancel()
    }
  }

  /** `undefined`: another process found the token set dead and waits whether a sign-in replaces it. */
  async #refreshUnder(
    lease: Lease,
    handle: GrantHandle,
    seen: OpenedGrant,
  ): Promise<RefreshOutcome | undefined> {
    try {
      return await new Refresh(this.#parts, handle, seen, lease).run()
    } finally {
      await lease.release()
    }
  }

  /** Waits until the other owner is done; `undefined` when the lease vanished without a result. */
  async #waitForOther(
    handle: GrantHandle,
    seen: OpenedGrant,
    deadline: Deadline,
  ): Promise<RefreshOutcome | undefined> {
    while (!deadline.isOver) {
      const observed = await this.#records.observe(handle)
      const settled = settledBy(handle, seen, observed, this.#clock.now())
      if (settled !== undefined) return settled.kind === 'failed' ? { ...settled, sent: true } : settled
      await sleep(this.#clock, 50 + Math.random() * 100)
      const isOpen = isBeingSettled(observed.attempt, seen.version, this.#clock.now())
      if (observed.leaseOwner === undefined && !isOpen) return undefined
    }
    const error = failureError({ code: 'as_unavailable', reason: 'timeout' }, handle.client.provider)
    return { kind: 'failed', error, sent: true }
  }
}

/** A valid token carries its caller over any failure that does not end the grant. */
function bearFailure(
  { error, sent }: Extract<RefreshOutcome, { kind: 'failed' }>,
  grant: LiveGrant | EmptyGrant,
  need: Need,
  now: number,
): TokenSet {
  if (grant.state === 'empty') throw error
  const { tokens } = grant
  const isFinal = error.code === 'login_required' && error.reason !== 'refused'
  if (!isFinal && isUsable(tokens, need, now)) return tokens
  // Nothing was tried because a cool-down runs: the resource server's refusal stands.
  if (!isFinal && !sent && tokens.accessToken === need.rejectedToken) return tokens
  throw error
}
