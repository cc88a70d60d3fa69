import type { Clock } from '../clock.ts'
import type { LatchkeyError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../log.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { storeIsAway } from '../store/guarded-store.ts'
import type { Attempt, AttemptFailure, GrantStore, SubjectStore } from '../store/store.ts'
import type { GrantCodec } from './codec.ts'
import { type EmptyGrant, type Grant, type GrantHandle, grantName, type LiveGrant } from './grant.ts'
import type { GrantRecords, OpenedGrant } from './grant-records.ts'
import type { HeldCommitEnd, HeldCommits } from './held-commits.ts'
import type { Lease } from './lease.ts'
import {
  coolDownSeconds,
  type FailedAnswer,
  failureError,
  failureOf,
  isBeingSettled,
  isCutOff,
  isUnknown,
  loginRequired,
  type Refused,
  settlingSeconds,
  waitForSignInSeconds,
} from './refresh-failure.ts'
import { type RefreshOutcome, renewableGrant, settledBy } from './refresh-outcome.ts'
import type { Refusals } from './refusals.ts'

const waitForUnknownCommitSeconds = 3
const firstSendMs = 10_000
const secondSendMs = 4_000
const revocationMs = 2_000

/** What every refresh of a vault works with. */
export interface RefreshParts {
  readonly grants: GrantStore
  readonly subjects: SubjectStore
  readonly records: GrantRecords
  readonly codec: GrantCodec
  readonly held: HeldCommits
  readonly refusals: Refusals
  readonly clock: Clock
  readonly events: Events
  readonly log: Logger
}

/** One refresh of one grant by the process that holds its lease: steps 5 to 10 of the refresh protocol. */
export class Refresh {
  readonly #parts: RefreshParts
  readonly #handle: GrantHandle
  readonly #seen: OpenedGrant
  readonly #grant: LiveGrant | EmptyGrant
  readonly #lease: Lease

  /** @param seen what the caller decided by; it must not have ended. */
  constructor(parts: RefreshParts, handle: GrantHandle, seen: OpenedGrant, lease: Lease) {
    this.#parts = parts
    this.#handle = handle
    this.#seen = seen
    this.#grant = renewableGrant(handle, seen)
    this.#lease = lease
  }

  /**
   * 5. Read again inside the lease: whoever was faster is adopted, whoever failed just now is believed. `undefined`:
   * another process waits whether a sign-in replaces what it found dead; wait with it.
   */
  async run(): Promise<RefreshOutcome | undefined> {
    const { held, records, clock } = this.#parts
    await held.settle(this.#handle.ref)
    const observed = await records.observe(this.#handle)
    const settled = settledBy(this.#handle, this.#seen, observed, clock.now()) ?? this.#circuitOpen()
    if (settled !== undefined) return settled
    if (isBeingSettled(observed.attempt, this.#seen.version, clock.now())) return undefined
    const attempt = observed.attempt?.version === this.#seen.version ? observed.attempt : undefined
    return (await this.#commitOfAnother(attempt)) ?? this.#send(attempt?.sends ?? 0)
  }

  // 6. Another owner sent this refresh token and never said how it went. If it lives, it tries its commit every second.
  async #commitOfAnother(attempt: Attempt | undefined): Promise<RefreshOutcome | undefined> {
    if (attempt === undefined || attempt.failure !== undefined) return undefined
    const moved = await this.#parts.records.moved(this.#handle, this.#seen, waitForUnknownCommitSeconds)
    return moved && { kind: 'grant', opened: moved }
  }

  // 6. The mark is set in the step that proves the lease; only then the refresh token leaves.
  async #send(sendsBefore: number): Promise<RefreshOutcome> {
    const { client, account } = this.#handle
    let sends = sendsBefore + 1
    if (!(await this.#mark(sends))) return { kind: 'grant', opened: this.#seen }
    let answer = await this.#ask(firstSendMs)
    // 10. Perhaps carried out, perhaps not: once more, at once, since servers with a grace window answer again.
    if (sends === 1 && isCutOff(answer) && (await this.#mark(2))) {
      this.#parts.log.warn(
        { event: 'refresh.unknown_outcome', provider: account.provider },
        'A refresh was cut off; the same refresh token is sent once more.',
      )
      sends = 2
      answer = await this.#ask(secondSendMs)
    }
    if (answer.kind === 'token_set') return this.#commit(answer.tokens)
    if (answer.kind === 'identity_changed') return this.#end(answer.kind, sends)
    if (answer.kind === 'dead') {
      // What the client mints by itself has no end: there is nobody who could authorize it anew.
      if (client.obtain !== undefined) return this.#fail({ kind: 'refused', oauth: answer.oauth }, sends - 1)
      return this.#end(answer.oauth.error, sends)
    }
    // A sign-in elsewhere explains any refusal, and how an exclusive provider words it is not always known.
    if (answer.kind === 'refused' && client.provider.exclusive && client.obtain === undefined) {
      const newer = await this.#storedBySignIn(sends)
      if (newer !== undefined) return { kind: 'grant', opened: newer }
      // To note the failure. Not taken: a sign-in is about to store its tokens, and needs no note.
      await this.#lease.take().catch(storeIsAway)
    }
    // A request that was surely not carried out does not count as a send.
    return this.#fail(answer, isUnknown(answer) ? sends : sends - 1)
  }

  async #ask(deadlineMs: number): Promise<TokenAnswer> {
    const { client } = this.#handle
    if (this.#grant.state === 'live') return client.refresh(this.#grant.tokens, { deadlineMs })
    if (client.obtain !== undefined) return client.obtain({ deadlineMs })
    throw new Error('Only grants that their client mints begin empty.')
  }

  // 7. Compare and store.
  async #commit(tokens: TokenSet): Promise<RefreshOutcome> {
    const next = this.#next(tokens)
    const opened = await this.#store(next, () => this.#announce(next))
    return { kind: 'grant', opened: opened ?? (await this.#parts.records.current(this.#handle)) }
  }

  #next(tokens: TokenSet): LiveGrant {
    if (this.#grant.state === 'empty') return { ...this.#grant, state: 'live', tokens }
    return { ...this.#grant, tokens, refreshCount: this.#grant.refreshCount + 1 }
  }

  /**
   * Stores the grant that follows on the one we saw; `undefined` when another one stands there or none. A repeated
   * commit answers the same, because the version that it stores is its id.
   */
  async #store(next: LiveGrant, committed: () => void): Promise<OpenedGrant | undefined> {
    const { grants, records, codec, held } = this.#parts
    const { ref } = this.#handle
    const commit = { ref, expectedVersion: this.#seen.version, record: codec.seal(ref, next) }
    const settle = async (end: HeldCommitEnd): Promise<void> => {
      if (end === 'committed') committed()
      if (end === 'gone') await this.#revokeOrphan(next.tokens)
      if (end === 'lost') this.#saveLost()
    }
    const end = await grants.commit(ref, commit.expectedVersion, commit.record).catch(storeIsAway)
    // 9. The old token is spent, the new one unsaved: this process serves it and keeps trying to save it.
    if (end === undefined) held.hold(commit, (heldEnd) => void settle(heldEnd))
    else await settle(end)
    if (end === 'moved' || end === 'gone') return undefined
    return records.remember(ref, commit.record.version, next)
  }

  // 8. A dead refresh token ends the grant, but only when nobody has stored a newer one.
  async #end(reason: string, sends: number): Promise<RefreshOutcome> {
    const { grants, records, codec, log, events } = this.#parts
    const { ref, client, account } = this.#handle
    const newer = client.provider.exclusive
      ? await this.#storedBySignIn(sends)
      : await records.moved(this.#handle, this.#seen, 0)
    if (newer !== undefined) return { kind: 'grant', opened: newer }
    const { authorizedAt, refreshCount, holder } = this.#grant
    const scope = this.#grant.state === 'live' ? this.#grant.tokens.scope : []
    const kept = holder === undefined ? {} : { holder }
    const ended: Grant = { state: 'ended', reason, scope, authorizedAt, refreshCount, ...kept }
    const end = await grants.commit(ref, this.#seen.version, codec.seal(ref, ended))
    if (end === 'moved') return { kind: 'grant', opened: await records.current(this.#handle) }
    log.warn(
      { event: 'account.ended', provider: account.provider, reason },
      'The authorization server ended a grant.',
    )
    events.emit('account_ended', { ...this.#eventAccount(), reason })
    return { kind: 'failed', error: loginRequired(client.provider, 'grant_ended', account), sent: true }
  }

  /**
   * Another device's sign-in kills this token set before it can store its own. It wants the lease for that, so the
   * lease goes back, with a note that keeps everybody else from sending meanwhile.
   */
  async #storedBySignIn(sends: number): Promise<OpenedGrant | undefined> {
    const { records, clock } = this.#parts
    const now = clock.now()
    const note = { version: this.#seen.version, startedAt: now, sends, coolDownUntil: now + settlingSeconds }
    await this.#lease.mark(note, settlingSeconds).catch(storeIsAway)
    await this.#lease.release()
    return records.moved(this.#handle, this.#seen, waitForSignInSeconds)
  }

  // 8. Everything else ends nothing: the failure is noted for all processes, and a cool-down runs.
  async #fail(answer: FailedAnswer, sends: number): Promise<RefreshOutcome> {
    const { refusals, clock, log, events } = this.#parts
    const { client } = this.#handle
    const version = await this.#salvage(answer)
    const failure = failureOf(answer, this.#whoIsRefused(answer))
    const seconds = coolDownSeconds(answer)
    if (answer.kind === 'client_fault') refusals.openCircuit(client.identity())
    const now = clock.now()
    const attempt = { version, startedAt: now, sends, failure, coolDownUntil: now + seconds }
    await this.#lease.mark(attempt, seconds).catch(storeIsAway)
    const { code, reason } = failure
    const fields = {
      event: 'refresh.failed',
      provider: client.provider.id,
      code,
      reason,
      error: failure.oauth?.error,
    }
    log[answer.kind === 'retry' ? 'warn' : 'error'](fields, 'A refresh failed; the grant is kept.')
    events.emit('refresh_failed', {
      ...this.#eventAccount(),
      code,
      ...(reason === undefined ? {} : { reason }),
    })
    return { kind: 'failed', error: this.#error(failure, seconds), sent: true }
  }

  /** Saves a refresh token that came in an otherwise unusable answer: the old one may be spent. Returns the version. */
  async #salvage(answer: FailedAnswer): Promise<string> {
    if (answer.kind !== 'retry' || answer.refreshToken === undefined) return this.#seen.version
    if (this.#grant.state === 'empty') return this.#seen.version
    const tokens = { ...this.#grant.tokens, refreshToken: answer.refreshToken }
    const saved = await this.#store({ ...this.#grant, tokens }, () => {})
    if (saved !== undefined) return saved.version
    // Signed out meanwhile: this throws. Overtaken by another version: that one has no part in this failure.
    await this.#parts.records.current(this.#handle)
    return this.#seen.version
  }

  #whoIsRefused(answer: FailedAnswer): Refused {
    const { client, ref } = this.#handle
    if (client.obtain !== undefined) return 'client'
    if (answer.kind !== 'refused') return 'user'
    const many = this.#parts.refusals.note(client.identity(), answer.oauth.error, grantName(ref))
    return many ? 'many_users' : 'user'
  }

  #error(failure: AttemptFailure, retryAfterSeconds?: number): LatchkeyError {
    const { client, account } = this.#handle
    return failureError(failure, client.provider, {
      account,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    })
  }

  #circuitOpen(): RefreshOutcome | undefined {
    const { client } = this.#handle
    if (!this.#parts.refusals.isCircuitOpen(client.identity())) return undefined
    const failure = { code: 'as_misconfigured', reason: 'client_fault' } as const
    return { kind: 'failed', error: this.#error(failure), sent: false }
  }

  #mark(sends: number): Promise<boolean> {
    return this.#lease.mark({ version: this.#seen.version, startedAt: this.#parts.clock.now(), sends })
  }

  // 7. Signed out while the answer was on its way: nothing is revived, and the new token is revoked as at a sign-out.
  async #revokeOrphan(tokens: TokenSet): Promise<void> {
    const { records, subjects } = this.#parts
    const { ref, client, account } = this.#handle
    records.forget(ref)
    if (client.obtain !== undefined) return
    if (client.provider.revocation === 'authorization') {
      const left = await subjects.count(subjectKey(client, account.id)).catch(storeIsAway)
      if (left !== 0) return
    }
    await client.revoke(tokens, { deadlineMs: revocationMs })
  }

  #announce(grant: LiveGrant): void {
    this.#parts.events.emit('refresh', { ...this.#eventAccount(), refreshCount: grant.refreshCount })
  }

  #saveLost(): void {
    const fields = { event: 'vault.save_lost', provider: this.#handle.account.provider }
    if (this.#handle.client.obtain !== undefined) {
      this.#parts.log.warn(fields, 'A token of the client could not be saved; the next one is minted anew.')
      return
    }
    this.#parts.log.error(
      fields,
      'A rotated token set could not be saved and is given up: its user must sign in again.',
    )
    this.#parts.events.emit('save_lost', this.#eventAccount())
  }

  #eventAccount(): { readonly provider: string; readonly accountId: string } {
    return { provider: this.#handle.account.provider, accountId: this.#handle.account.id }
  }
}
