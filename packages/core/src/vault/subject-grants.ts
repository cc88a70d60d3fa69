import { type Clock, Deadline, sleep } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { TokenSet } from '../protocol/token.ts'
import { askAgain, askPatiently } from '../store/ask-again.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type { AdmissionOutcome, GrantRef, Joined, Member, Store, VersionedRecord } from '../store/store.ts'
import type { GrantCodec } from './codec.ts'
import type { Grant, LiveGrant } from './grant.ts'
import type { GrantRecords, OpenedGrant, StandingGrant } from './grant-records.ts'
import { Lease } from './lease.ts'
import { waitForSignInSeconds } from './refresh-failure.ts'
import { isSameGrant } from './token-set.ts'

/** As long as a refresh may hold the lease. */
const waitForLeaseMs = 15_000
const attempts = 8
const pollEveryMs = 100

/** A token set of a sign-in on its way into its subject's slot. */
export interface BroughtTokens {
  readonly ref: GrantRef
  readonly tokens: TokenSet
  /** The scope that was asked for. */
  readonly requestedScope: readonly string[]
  /** The user who keeps the account; absent: it ends with its last session. */
  readonly holder: string | undefined
  /** The session that brings it; absent: none does, and the grant must stand already. */
  readonly member: Member | undefined
  /** The grant lives at least so long from now. */
  readonly ttlSeconds: number
  /**
   * Present where a new token set kills all earlier ones: asks the authorization server whether this one still lives.
   */
  readonly isAlive: (() => Promise<boolean>) | undefined
  /**
   * Where nothing live stands, a token set that is dead is not stored either: the device that killed it is gone again.
   * Absent: nobody is asked about it.
   */
  readonly mustLive?: true
  /** Epoch seconds of the user's authorization. */
  readonly authorizedAt: number
  /** A live grant that stands there stays, whatever this one is worth; not where this one has killed it. */
  readonly yields?: true
  /** This one was stored there before: whatever stands there has come after it, and nothing means that it was ended. */
  readonly isStored?: true
  /**
   * For so long a store that goes away is asked again, each time: a lost answer about lease or commit is settled by that.
   * Absent: not at all.
   */
  readonly patienceSeconds?: number
}

/** How {@link SubjectGrants.bring} went. */
export type Brought =
  | ({
      readonly stored: 'ours' | 'theirs'
      /** The token set that is stored for nobody now: ours when theirs stays, theirs when ours took its place. */
      readonly leftOver?: TokenSet
      /** Ours is the first that stands there. */
      readonly isFirst: boolean
    } & Joined)
  /** No session brings it and none stands there; or it is dead or was ended, and nothing else lives there. */
  | { readonly stored: 'nothing' }

/** What {@link SubjectGrants} works with. */
export interface SubjectGrantParts {
  readonly store: Pick<Store, 'subjects' | 'leases'>
  readonly records: GrantRecords
  readonly codec: GrantCodec
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Grants that lie in their subject's own slot, shared by all sessions of the subject or kept for a user. A sign-in
 * stores its token set and its session in one step; of two sign-ins at once the one whose tokens still live wins.
 */
export class SubjectGrants {
  readonly #parts: SubjectGrantParts

  constructor(parts: SubjectGrantParts) {
    this.#parts = parts
  }

  /** Who keeps the account; `undefined`: nobody. @throws {LatchkeyError} `store_unavailable` */
  async holder(ref: GrantRef): Promise<string | undefined> {
    return keeperOf(await this.#parts.records.standing(ref))
  }

  /**
   * Stores the token set over whatever stands there, unless that is newer or grants more. One that is dead by now waits
   * up to 3 seconds for the one that killed it.
   * @throws {LatchkeyError} `account_in_use`: another user keeps the account. `store_unavailable`; and what `isAlive`
   *   throws.
   */
  async bring(brought: BroughtTokens): Promise<Brought> {
    if (brought.isAlive === undefined) return this.#bring(brought)
    const outcome = await this.#bringUnderLease(brought)
    if (outcome.stored !== 'nothing' || brought.member === undefined) return outcome
    // Whoever has killed ours is about to store its own, unless that device is gone again.
    return (await this.#someoneStores(brought.ref)) ? this.#bringUnderLease(brought) : outcome
  }

  async #bringUnderLease(brought: BroughtTokens): Promise<Brought> {
    const lease = new Lease(this.#parts.store.leases, brought.ref, this.#parts.clock)
    try {
      // A refresh that runs is left to end. Without the lease the commit still compares, so it is tried all the same.
      await this.#take(lease, brought)
      return await this.#bring(brought)
    } finally {
      await lease.release()
    }
  }

  async #someoneStores(ref: GrantRef): Promise<boolean> {
    const { clock, records } = this.#parts
    const deadline = new Deadline(clock, waitForSignInSeconds * 1_000)
    try {
      for (;;) {
        if (isLive(await records.standing(ref))) return true
        if (deadline.isOver) return false
        await sleep(clock, pollEveryMs)
      }
    } finally {
      deadline.cancel()
    }
  }

  async #take(lease: Lease, brought: BroughtTokens): Promise<void> {
    const { clock, log } = this.#parts
    const deadline = new Deadline(clock, waitForLeaseMs)
    try {
      while (!(await this.#ask(brought, () => lease.take()))) {
        if (deadline.isOver) {
          log.warn(
            { event: 'sign_in.lease_busy' },
            'A sign-in did not get the lease of its grant and goes on without.',
          )
          return
        }
        await sleep(clock, 50 + Math.random() * 50)
      }
    } finally {
      deadline.cancel()
    }
  }

  async #bring(brought: BroughtTokens): Promise<Brought> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const standing = await this.#ask(brought, () => this.#parts.records.standing(brought.ref))
      if (standing === undefined && brought.member === undefined && brought.holder === undefined)
        return { stored: 'nothing' }
      if (standing === undefined && brought.isStored) return { stored: 'nothing' }
      requireSameHolder(standing, brought)
      if (!isLive(standing) && (await isDead(brought))) return { stored: 'nothing' }
      const keepsTheirs = standing?.opened !== undefined && (await keeps(standing.opened, brought))
      const outcome = keepsTheirs
        ? await this.#adopt(brought, standing.record, standing.opened)
        : await this.#replace(brought, standing)
      if (outcome !== 'moved') return outcome
    }
    throw storeUnavailable('contended')
  }

  /**
   * The standing grant stays, and so does its version: a refresh that runs must be able to store what it brings. Only a
   * new holder makes a new version, which happens under the lease alone.
   */
  async #adopt(
    brought: BroughtTokens,
    standing: VersionedRecord,
    { grant }: OpenedGrant,
  ): Promise<Brought | 'moved'> {
    const { ref, holder } = brought
    const isKept = holder === undefined || grant.holder === holder
    const record = isKept ? standing : this.#parts.codec.seal(ref, { ...grant, holder })
    const outcome = await this.#admit(brought, standing.version, record)
    if (outcome.outcome === 'moved') return 'moved'
    return { stored: 'theirs', isFirst: false, ...leftOver(brought.tokens, grant), now: outcome.now }
  }

  async #replace(brought: BroughtTokens, standing: StandingGrant | undefined): Promise<Brought | 'moved'> {
    const { codec, records } = this.#parts
    const { ref, holder } = brought
    const kept = holder ?? standing?.opened?.grant.holder
    const grant: LiveGrant = {
      state: 'live',
      ...renewable(brought, standing?.opened?.grant),
      refreshCount: 0,
      ...(kept === undefined ? {} : { holder: kept }),
    }
    const record = codec.seal(ref, grant)
    const outcome = await this.#admit(brought, standing?.record.version, record)
    if (outcome.outcome === 'moved') return 'moved'
    records.remember(ref, record.version, grant)
    const before = standing?.opened?.grant
    const left = before?.state === 'live' ? leftOver(before.tokens, grant) : {}
    return { stored: 'ours', isFirst: standing === undefined, ...left, now: outcome.now }
  }

  /** Asked for once more when the answer is lost: the store answers the same for the same record. */
  #admit(
    brought: BroughtTokens,
    expectedVersion: string | undefined,
    record: VersionedRecord,
  ): Promise<AdmissionOutcome> {
    const { ref, ttlSeconds, member } = brought
    const { subjects } = this.#parts.store
    const admission = { grantId: ref.id, expectedVersion, record, ttlSeconds, ...(member && { member }) }
    return this.#ask(brought, () => askAgain(() => subjects.admit(ref.slot, admission)))
  }

  #ask<Result>({ patienceSeconds }: BroughtTokens, ask: () => Promise<Result>): Promise<Result> {
    return patienceSeconds === undefined ? ask() : askPatiently(this.#parts.clock, patienceSeconds, ask)
  }
}

/**
 * What was brought; where it has no refresh token, with the one that stands there and the authorization that it is from.
 * Some servers issue a refresh token at the first consent alone.
 */
function renewable(
  { tokens, authorizedAt, isAlive }: BroughtTokens,
  standing: Grant | undefined,
): Pick<LiveGrant, 'tokens' | 'authorizedAt'> {
  const killsEarlierOnes = isAlive !== undefined
  if (tokens.refreshToken !== undefined || killsEarlierOnes || standing?.state !== 'live')
    return { tokens, authorizedAt }
  const { refreshToken, refreshTokenExpiresAt } = standing.tokens
  if (refreshToken === undefined) return { tokens, authorizedAt }
  const kept = { refreshToken, ...(refreshTokenExpiresAt !== undefined && { refreshTokenExpiresAt }) }
  return { tokens: { ...tokens, ...kept }, authorizedAt: standing.authorizedAt }
}

/** True when what stands there is to stay: it is newer, or grants more than a plain sign-in asked for. */
async function keeps({ grant }: OpenedGrant, brought: BroughtTokens): Promise<boolean> {
  if (brought.isStored) return true
  if (grant.state !== 'live') return false
  // Where only one token set lives and ours does, what stands there is dead.
  if (brought.isAlive !== undefined) return isOurs(grant, brought) || !(await brought.isAlive())
  if (brought.yields) return true
  const { tokens, requestedScope } = brought
  const gotWhatItAsked = requestedScope.every((item) => tokens.scope.includes(item))
  return gotWhatItAsked && grant.tokens.scope.some((item) => !tokens.scope.includes(item))
}

function isLive(standing: StandingGrant | undefined): boolean {
  return standing?.opened?.grant.state === 'live'
}

/** The same token set, brought before, or what a refresh has made of it: its refresh token is the one that lives. */
function isOurs(grant: LiveGrant, { tokens, authorizedAt }: BroughtTokens): boolean {
  if (grant.tokens.accessToken === tokens.accessToken) return true
  return grant.refreshCount > 0 && grant.authorizedAt === authorizedAt
}

/** True when the server says so: without its word there is nothing to lose by storing it. */
async function isDead({ isAlive, mustLive }: BroughtTokens): Promise<boolean> {
  if (!mustLive || isAlive === undefined) return false
  const isLiving = await isAlive().catch((error: unknown) => {
    if (!LatchkeyError.is(error)) throw error
    return true
  })
  return !isLiving
}

function requireSameHolder(standing: StandingGrant | undefined, { holder }: BroughtTokens): void {
  if (holder === undefined) return
  const keeper = keeperOf(standing)
  if (keeper !== undefined && keeper !== holder) throw accountInUse()
}

/** A grant that was tampered with says nothing any more; one that another process can read may be anybody's. */
function keeperOf(standing: StandingGrant | undefined): string | undefined {
  if (standing?.isUnreadable) throw storeUnavailable('unreadable')
  return standing?.opened?.grant.holder
}

/** The error for an account that another user keeps. */
export function accountInUse(): LatchkeyError {
  const message =
    'Another user of this app keeps this account. Sign in with it, or disconnect it there first.'
  return new LatchkeyError('account_in_use', message)
}

/** `tokens`, unless the grant that stands has them. */
function leftOver(tokens: TokenSet, standing: Grant): { readonly leftOver?: TokenSet } {
  const isInUse = standing.state === 'live' && isSameGrant(standing.tokens, tokens)
  return isInUse ? {} : { leftOver: tokens }
}
