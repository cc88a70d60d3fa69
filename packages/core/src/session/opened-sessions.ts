import { randomId } from '../crypto/random.ts'
import { SealError, type Sealer } from '../crypto/seal.ts'
import type { Logger } from '../log.ts'
import { recordUnreadable } from '../store/guarded-store.ts'
import { LruMap } from '../store/lru-map.ts'
import type { VersionedRecord } from '../store/store.ts'
import { decodeSessionRecord, encodeSessionRecord, type SessionRecord } from './record.ts'

/** How many opened records a process remembers. */
const capacity = 10_000

interface OpenedSession {
  readonly version: string
  readonly record: SessionRecord
}

/** Seals session records, and opens each version only once per process. */
export class OpenedSessions {
  readonly #sealer: Sealer
  readonly #log: Logger
  readonly #opened = new LruMap<OpenedSession>(capacity)

  constructor(sealer: Sealer, log: Logger) {
    this.#sealer = sealer
    this.#log = log
  }

  /** Seals a record under a fresh random version. */
  seal(locator: string, record: SessionRecord): VersionedRecord {
    const version = randomId(128)
    const binding = { kind: 'session', name: locator, version } as const
    return { version, sealed: this.#sealer.seal(binding, encodeSessionRecord(record)) }
  }

  /**
   * The record inside; `undefined` when it was tampered with: it is kept for whoever looks into it.
   * @throws {LatchkeyError} `store_unavailable`: another process's secret or version is needed to open it.
   */
  open(locator: string, { version, sealed }: VersionedRecord): SessionRecord | undefined {
    const known = this.#opened.get(locator)
    if (known?.version === version) return known.record
    try {
      const record = decodeSessionRecord(
        this.#sealer.open({ kind: 'session', name: locator, version }, sealed),
      )
      this.#opened.set(locator, { version, record })
      return record
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      this.#log.error(
        { event: 'vault.corrupt', fault: error.fault },
        'A stored sign-in session does not open. With unknown_key it was sealed under a value that is missing in secret.',
      )
      if (error.fault === 'corrupt') return undefined
      throw recordUnreadable(error.fault)
    }
  }

  /** The record of a session as this process opened it last. */
  known(locator: string): SessionRecord | undefined {
    return this.#opened.peek(locator)?.record
  }

  forget(locator: string): void {
    this.#opened.delete(locator)
  }
}
