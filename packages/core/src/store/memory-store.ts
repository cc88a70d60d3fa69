import { type Clock, systemClock } from '../clock.ts'
import { ExpiringMap } from './expiring-map.ts'
import { grantKey, MemoryGrants } from './memory-grants.ts'
import { MemorySubjects } from './memory-subjects.ts'
import {
  type AppSessionStore,
  appSessionTombstoneSeconds,
  type SessionDeleteOutcome,
  type SessionStore,
  type SessionWrite,
  type SessionWriteOutcome,
  type Store,
  type UsedMarkerStore,
  type UserStore,
  type VersionedRecord,
} from './store.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** @default the machine's clock */
  readonly clock?: Clock
}

/**
 * Keeps everything in this process: for development, tests and single-process programs that may forget on restart.
 * Expired entries are dropped as new ones arrive.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const clock = options.clock ?? systemClock
  const grants = new MemoryGrants(clock)
  return {
    sessions: new MemorySessions(clock, grants),
    grants,
    leases: grants.leases,
    usedMarkers: new MemoryUsedMarkers(clock),
    subjects: new MemorySubjects(clock, grants),
    users: new MemoryUsers(clock),
    appSessions: new MemoryAppSessions(clock),
    durable: false,
    close: async () => {},
  }
}

class MemorySessions implements SessionStore {
  readonly #records: ExpiringMap<VersionedRecord>
  readonly #grants: MemoryGrants

  constructor(clock: Clock, grants: MemoryGrants) {
    this.#records = new ExpiringMap(clock)
    this.#grants = grants
  }

  async read(locator: string, idleTtlSeconds: number): Promise<VersionedRecord | undefined> {
    this.#records.touch(locator, idleTtlSeconds)
    return this.#records.get(locator)
  }

  async peek(locator: string): Promise<VersionedRecord | undefined> {
    return this.#records.get(locator)
  }

  async write(locator: string, write: SessionWrite): Promise<SessionWriteOutcome> {
    const standing = this.#records.get(locator)?.version
    if (standing === write.record.version) return { outcome: 'written', deletedGrants: [] }
    if (standing !== write.expectedVersion) return { outcome: 'moved' }
    if (write.ttlSeconds === undefined) this.#records.replace(locator, write.record)
    else this.#records.set(locator, write.record, write.ttlSeconds)
    const deletedGrants = write.deleteGrants.map((id) => this.#grants.remove({ slot: locator, id }))
    for (const grant of write.putGrants) {
      this.#grants.records.set(grantKey({ slot: locator, id: grant.id }), grant.record, grant.ttlSeconds)
    }
    return { outcome: 'written', deletedGrants }
  }

  async delete(
    locator: string,
    expectedVersion: string,
    grantIds: readonly string[],
  ): Promise<SessionDeleteOutcome> {
    const standing = this.#records.get(locator)?.version
    if (standing !== undefined && standing !== expectedVersion) return { outcome: 'moved' }
    this.#records.take(locator)
    const deletedGrants = grantIds.map((id) => this.#grants.remove({ slot: locator, id }))
    return { outcome: 'deleted', deletedGrants }
  }
}

class MemoryUsedMarkers implements UsedMarkerStore {
  readonly #markers: ExpiringMap<string>

  constructor(clock: Clock) {
    this.#markers = new ExpiringMap(clock)
  }

  async take(key: string, value: string, ttlSeconds: number): Promise<string> {
    const standing = this.#markers.get(key)
    if (standing !== undefined) return standing
    this.#markers.set(key, value, ttlSeconds)
    return value
  }
}

class MemoryUsers implements UserStore {
  readonly #records: ExpiringMap<VersionedRecord>

  constructor(clock: Clock) {
    this.#records = new ExpiringMap(clock)
  }

  async read(user: string, ttlSeconds: number): Promise<VersionedRecord | undefined> {
    this.#records.touch(user, ttlSeconds)
    return this.#records.get(user)
  }

  async write(
    user: string,
    expectedVersion: string | undefined,
    record: VersionedRecord,
    ttlSeconds: number,
  ): Promise<'written' | 'moved'> {
    const standing = this.#records.get(user)?.version
    if (standing === record.version) return 'written'
    if (standing !== expectedVersion) return 'moved'
    this.#records.set(user, record, ttlSeconds)
    return 'written'
  }
}

class MemoryAppSessions implements AppSessionStore {
  readonly #values: ExpiringMap<string>
  readonly #tombstones: ExpiringMap<true>

  constructor(clock: Clock) {
    this.#values = new ExpiringMap(clock)
    this.#tombstones = new ExpiringMap(clock)
  }

  async read(id: string, idleTtlSeconds: number): Promise<string | undefined> {
    this.#values.touch(id, idleTtlSeconds)
    return this.#values.get(id)
  }

  async write(id: string, value: string, ttlSeconds: number): Promise<void> {
    if (this.#tombstones.get(id) === undefined) this.#values.set(id, value, ttlSeconds)
  }

  async delete(id: string): Promise<void> {
    this.#values.take(id)
    this.#tombstones.set(id, true, appSessionTombstoneSeconds)
  }
}
