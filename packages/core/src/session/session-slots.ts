import type { Clock } from '../clock.ts'
import type { Sealer } from '../crypto/seal.ts'
import type { Logger } from '../log.ts'
import { askAgain, askPatiently } from '../store/ask-again.ts'
import type {
  GrantWrite,
  SessionDeleteOutcome,
  SessionStore,
  SessionWriteOutcome,
  VersionedRecord,
} from '../store/store.ts'
import { OpenedSessions } from './opened-sessions.ts'
import type { SessionRecord } from './record.ts'

/** A sign-in session as it stood in the store a moment ago. */
export interface Session {
  readonly locator: string
  readonly version: string
  readonly record: SessionRecord
}

/** A session about to be stored. */
export interface SealedSession {
  /** What it is once it is stored. */
  readonly session: Session
  readonly sealed: VersionedRecord
}

/** One change of a session's slot, all of it or nothing. */
export interface SlotChange {
  /** What must stand there now; `undefined`: nothing may. */
  readonly current: Session | undefined
  readonly next: SealedSession
  readonly putGrants: readonly GrantWrite[]
  readonly deleteGrants: readonly string[]
  /** A change that is no visit of the user's leaves the idle time as it is. */
  readonly isVisit: boolean
  /** For so long it is asked for again while the store is away. Absent: once. */
  readonly patienceSeconds?: number
}

/** How a change of a slot went. */
export type SlotOutcome =
  | {
      readonly outcome: 'written'
      readonly deletedGrants: readonly (VersionedRecord | undefined)[]
    }
  | {
      readonly outcome: 'moved'
      /** An answer was lost before this one: it may have been written all the same, and have been changed since. */
      readonly isUnsure: boolean
    }

/** Session records in the store: sealed on the way in, opened and refused past their time on the way out. */
export class SessionSlots {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #idleSeconds: number
  readonly #opened: OpenedSessions

  constructor(parts: {
    readonly store: SessionStore
    readonly sealer: Sealer
    readonly clock: Clock
    readonly log: Logger
    readonly idleSeconds: number
  }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#idleSeconds = parts.idleSeconds
    this.#opened = new OpenedSessions(parts.sealer, parts.log)
  }

  /**
   * The session in a slot, its idle time renewed.
   * @param known see {@link SessionSlots.known}
   * @throws {LatchkeyError} `store_unavailable`: the store failed, or the record needs a key or version we lack.
   */
  load(
    locator: string,
    known: SessionRecord | undefined = this.known(locator),
  ): Promise<Session | undefined> {
    const ttlSeconds = this.#ttlSeconds(known?.expiresAt)
    return this.#store.read(locator, ttlSeconds).then((found) => this.#open(locator, found))
  }

  /** What this process saw there last; it may have changed since. */
  known(locator: string): SessionRecord | undefined {
    return this.#opened.known(locator)
  }

  /** The session in a slot, for a look that is no visit of its user's. @throws as {@link SessionSlots.load} */
  async peek(locator: string): Promise<Session | undefined> {
    return this.#open(locator, await this.#store.peek(locator))
  }

  seal(locator: string, record: SessionRecord): SealedSession {
    const sealed = this.#opened.seal(locator, record)
    return { sealed, session: { locator, version: sealed.version, record } }
  }

  /** Changes a slot, if what stands there is what the change was made for. */
  async write(change: SlotChange): Promise<SlotOutcome> {
    const { current, next, putGrants, deleteGrants, isVisit, patienceSeconds } = change
    const { locator, record } = next.session
    const write = {
      expectedVersion: current?.version,
      record: next.sealed,
      ...(isVisit ? { ttlSeconds: this.#ttlSeconds(record.expiresAt) } : {}),
      putGrants,
      deleteGrants,
    }
    let isUnsure = false
    const ask = (): Promise<SessionWriteOutcome> =>
      this.#store.write(locator, write).catch((error: unknown) => {
        isUnsure = true
        throw error
      })
    const asking =
      patienceSeconds === undefined ? askAgain(ask) : askPatiently(this.#clock, patienceSeconds, ask)
    const written = await asking
    return written.outcome === 'moved' ? { ...written, isUnsure } : written
  }

  /** Deletes the session as it stood, with the named grants of its slot. */
  async delete({ locator, version }: Session, grantIds: readonly string[]): Promise<SessionDeleteOutcome> {
    const deleted = await askAgain(() => this.#store.delete(locator, version, grantIds))
    if (deleted.outcome === 'deleted') this.#opened.forget(locator)
    return deleted
  }

  #open(locator: string, found: VersionedRecord | undefined): Session | undefined {
    const record = found && this.#opened.open(locator, found)
    if (found === undefined || record === undefined || record.expiresAt <= this.#clock.now()) return undefined
    return { locator, version: found.version, record }
  }

  /** The idle time, or what is left until `expiresAt` when that is less. */
  #ttlSeconds(expiresAt: number | undefined): number {
    if (expiresAt === undefined) return this.#idleSeconds
    return Math.max(1, Math.min(this.#idleSeconds, Math.ceil(expiresAt - this.#clock.now())))
  }
}
