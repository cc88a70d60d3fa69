import { type Clock, systemClock } from '../clock.ts'
import { ExpiringMap } from './expiring-map.ts'
import type {
  AppSessionStore,
  Attempt,
  GrantObservation,
  GrantRef,
  GrantStore,
  LeaseStore,
  SessionDeleteOutcome,
  SessionStore,
  SessionWrite,
  SessionWriteOutcome,
  Store,
  SubjectStore,
  UsedMarkerStore,
  VersionedRecord,
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
    subjects: new MemorySubjects(clock),
    appSessions: new MemoryAppSessions(clock),
    durable: false,
    close: async () => {},
  }
}

function grantKey(ref: GrantRef): string {
  return `${ref.slot}/${ref.id}`
}

class MemoryGrants implements GrantStore {
  readonly records: ExpiringMap<VersionedRecord>
  readonly leases: MemoryLeases

  constructor(clock: Clock) {
    this.records = new ExpiringMap(clock)
    this.leases = new MemoryLeases(clock)
  }

  async read(ref: GrantRef): Promise<VersionedRecord | undefined> {
    return this.records.get(grantKey(ref))
  }

  async observe(ref: GrantRef): Promise<GrantObservation> {
    const key = grantKey(ref)
    return {
      record: this.records.get(key),
      attempt: this.leases.attempts.get(key),
      leaseOwner: this.leases.owners.get(key),
    }
  }

  async commit(
    ref: GrantRef,
    expectedVersion: string,
    record: VersionedRecord,
  ): Promise<'committed' | 'moved' | 'gone'> {
    const key = grantKey(ref)
    const standing = this.records.get(key)
    if (standing === undefined) return 'gone'
    if (standing.version === record.version) return 'committed'
    if (standing.version !== expectedVersion) return 'moved'
    this.records.replace(key, record)
    return 'committed'
  }

  async delete(ref: GrantRef): Promise<VersionedRecord | undefined> {
    return this.remove(ref)
  }

  remove(ref: GrantRef): VersionedRecord | undefined {
    const key = grantKey(ref)
    this.leases.attempts.take(key)
    this.leases.owners.take(key)
    return this.records.take(key)
  }
}

class MemoryLeases implements LeaseStore {
  readonly owners: ExpiringMap<string>
  readonly attempts: ExpiringMap<Attempt>

  constructor(clock: Clock) {
    this.owners = new ExpiringMap(clock)
    this.attempts = new ExpiringMap(clock)
  }

  async take(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    const key = grantKey(ref)
    const holder = this.owners.get(key)
    if (holder === undefined) this.owners.set(key, owner, ttlSeconds)
    return holder === undefined || holder === owner
  }

  async extend(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    if (this.owners.get(grantKey(ref)) !== owner) return false
    this.owners.touch(grantKey(ref), ttlSeconds)
    return true
  }

  async release(ref: GrantRef, owner: string): Promise<void> {
    if (this.owners.get(grantKey(ref)) === owner) this.owners.take(grantKey(ref))
  }

  async owner(ref: GrantRef): Promise<string | undefined> {
    return this.owners.get(grantKey(ref))
  }

  async writeAttempt(ref: GrantRef, attempt: Attempt, ttlSeconds: number): Promise<boolean> {
    if (this.owners.get(grantKey(ref)) !== attempt.owner) return false
    this.attempts.set(grantKey(ref), attempt, ttlSeconds)
    return true
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

  async write(locator: string, write: SessionWrite): Promise<SessionWriteOutcome> {
    const standing = this.#records.get(locator)?.version
    if (standing === write.record.version) return { outcome: 'written', deletedGrants: [] }
    if (standing !== write.expectedVersion) return { outcome: 'moved' }
    this.#records.set(locator, write.record, write.ttlSeconds)
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

/** A subject's sessions by locator, each until it expires. */
class MemorySubjects implements SubjectStore {
  readonly #clock: Clock
  readonly #subjects: ExpiringMap<ExpiringMap<true>>

  constructor(clock: Clock) {
    this.#clock = clock
    this.#subjects = new ExpiringMap(clock)
  }

  async join(subject: string, locator: string, expiresAt: number): Promise<{ readonly now: number }> {
    const now = this.#clock.now()
    const members = this.#subjects.get(subject) ?? new ExpiringMap<true>(this.#clock)
    members.set(locator, true, expiresAt - now)
    const longest = Math.max(this.#subjects.ttlSeconds(subject) ?? 0, expiresAt - now)
    this.#subjects.set(subject, members, longest)
    return { now }
  }

  async leave(subject: string, locator: string): Promise<number> {
    const members = this.#subjects.get(subject)
    members?.take(locator)
    const left = members?.sweep() ?? 0
    if (left === 0) this.#subjects.take(subject)
    return left
  }

  async count(subject: string): Promise<number> {
    return this.#subjects.get(subject)?.sweep() ?? 0
  }
}

/** How long a deleted id stays deleted for writers that began before. */
const tombstoneSeconds = 600

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
    this.#tombstones.set(id, true, tombstoneSeconds)
  }
}
