import { type Clock, Deadline, sleep } from '../clock.ts'
import { SealError } from '../crypto/seal.ts'
import type { Logger } from '../log.ts'
import { isUnreadable, recordUnreadable, storeUnavailable } from '../store/guarded-store.ts'
import { LruMap } from '../store/lru-map.ts'
import type { GrantObservation, GrantRef, GrantStore, VersionedRecord } from '../store/store.ts'
import type { GrantCodec } from './codec.ts'
import { type Grant, type GrantHandle, grantName } from './grant.ts'
import type { HeldCommits } from './held-commits.ts'
import { loginRequired } from './refresh-failure.ts'

/** How many opened grants a process remembers. */
const capacity = 5_000
const pollEveryMs = 100

/** A grant as it was read, with the version it is compared by. */
export interface OpenedGrant {
  readonly version: string
  readonly grant: Grant
  /** 0.8 to 1.2, drawn once per version: spreads refreshes ahead over grants and processes. */
  readonly jitter: number
}

/** A grant record, and the grant in it where it opens. */
export interface StandingGrant {
  readonly record: VersionedRecord
  /** Absent: it was tampered with, or is unreadable. */
  readonly opened?: OpenedGrant
  /** Another process may open it: this one lacks the secret or the version. */
  readonly isUnreadable: boolean
}

/** A grant with the attempt and the lease beside it. */
export interface ObservedGrant extends Omit<GrantObservation, 'record'> {
  readonly opened: OpenedGrant
}

/**
 * Reads grants: opens each version once per process, and prefers a token set that this process holds because the
 * store has not confirmed it yet.
 */
export class GrantRecords {
  readonly #store: GrantStore
  readonly #codec: GrantCodec
  readonly #held: HeldCommits
  readonly #clock: Clock
  readonly #log: Logger
  readonly #opened = new LruMap<OpenedGrant>(capacity)

  constructor(store: GrantStore, codec: GrantCodec, held: HeldCommits, clock: Clock, log: Logger) {
    this.#store = store
    this.#codec = codec
    this.#held = held
    this.#clock = clock
    this.#log = log
  }

  /**
   * The grant as it stands; `undefined` when it is gone, another user's, or does not open. `keepSeconds` renews its
   * time to live.
   */
  async find({
    ref,
    keepSeconds,
    holder,
    early,
  }: Pick<GrantHandle, 'ref' | 'keepSeconds' | 'holder' | 'early'>): Promise<OpenedGrant | undefined> {
    const held = this.#held.get(ref)
    const reading = early?.take(ref) ?? this.#store.read(ref, keepSeconds)
    const record = await (held === undefined ? reading : reading.catch(() => held.record))
    if (record === undefined) return undefined
    return ofHolder(holder, this.open(ref, record.version === held?.expectedVersion ? held.record : record))
  }

  /**
   * The grant as it stands. One that the client mints by itself begins here, empty.
   * @throws {LatchkeyError} `login_required`: the grant is gone or does not open.
   */
  current(handle: GrantHandle): Promise<OpenedGrant> {
    return this.find(handle).then((found) => found ?? this.#begin(handle))
  }

  /** @throws {LatchkeyError} `login_required`: the grant is gone or does not open. */
  async observe(handle: GrantHandle): Promise<ObservedGrant> {
    const { record, attempt, leaseOwner } = await this.#store.observe(handle.ref)
    const opened =
      ofHolder(handle.holder, record && this.open(handle.ref, record)) ?? (await this.#begin(handle))
    return { opened, attempt, leaseOwner }
  }

  /** What stands in the store, whether or not it opens. */
  async standing(ref: GrantRef): Promise<StandingGrant | undefined> {
    const record = await this.#store.read(ref)
    if (record === undefined) return undefined
    try {
      const opened = this.open(ref, record)
      return { record, isUnreadable: false, ...(opened && { opened }) }
    } catch (error) {
      if (isUnreadable(error)) return { record, isUnreadable: true }
      throw error
    }
  }

  /** Waits for another version than `seen`; looks at least once. */
  async moved(handle: GrantHandle, seen: OpenedGrant, seconds: number): Promise<OpenedGrant | undefined> {
    const deadline = new Deadline(this.#clock, seconds * 1_000)
    try {
      for (;;) {
        const standing = await this.current(handle)
        if (standing.version !== seen.version) return standing
        if (seconds === 0 || deadline.isOver) return undefined
        await sleep(this.#clock, pollEveryMs)
      }
    } finally {
      deadline.cancel()
    }
  }

  /**
   * The grant in a record; `undefined` when the record was tampered with: it is kept for whoever looks into it.
   * @throws {LatchkeyError} `store_unavailable`: another process's secret or version is needed to open it.
   */
  open(ref: GrantRef, record: VersionedRecord): OpenedGrant | undefined {
    const known = this.#opened.get(grantName(ref))
    if (known?.version === record.version) return known
    try {
      return this.remember(ref, record.version, this.#codec.open(ref, record))
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      this.#log.error({ event: 'vault.corrupt', fault: error.fault }, 'A stored grant does not open.')
      if (error.fault === 'corrupt') return undefined
      throw recordUnreadable(error.fault)
    }
  }

  /** Spares the next reader the opening of what was just sealed. */
  remember(ref: GrantRef, version: string, grant: Grant): OpenedGrant {
    const opened = { version, grant, jitter: 0.8 + Math.random() * 0.4 }
    this.#opened.set(grantName(ref), opened)
    return opened
  }

  forget(ref: GrantRef): void {
    this.#opened.delete(grantName(ref))
  }

  async #begin(handle: GrantHandle, attempts = 3): Promise<OpenedGrant> {
    const { ref, client, account, keepSeconds } = handle
    if (client.obtain === undefined || keepSeconds === undefined)
      throw loginRequired(client.provider, 'signed_out', account)
    const empty: Grant = { state: 'empty', authorizedAt: this.#clock.now(), refreshCount: 0 }
    const record = this.#codec.seal(ref, empty)
    const standing = await this.#store.create(ref, record, keepSeconds)
    const opened = this.open(ref, standing)
    if (opened !== undefined) return opened
    // Tampered with, and nobody's but the client's own: a new one in its place loses nothing.
    const end = await this.#store.commit(ref, standing.version, record)
    if (end === 'committed') return this.remember(ref, record.version, empty)
    // Somebody else was faster: with a new one that is good, but for one who goes on tampering.
    if (attempts > 1) return (await this.find(handle)) ?? this.#begin(handle, attempts - 1)
    throw storeUnavailable('corrupt')
  }
}

function ofHolder(holder: string | undefined, opened: OpenedGrant | undefined): OpenedGrant | undefined {
  return holder === undefined || opened?.grant.holder === holder ? opened : undefined
}
