import type { Clock } from '../clock.ts'
import { ExpiringMap } from './expiring-map.ts'
import type { Attempt, GrantObservation, GrantRef, GrantStore, LeaseStore, VersionedRecord } from './store.ts'

/** Where the memory store keeps a grant. */
export function grantKey(ref: GrantRef): string {
  return `${ref.slot}/${ref.id}`
}

/** Grants of all slots, with their leases and attempts. */
export class MemoryGrants implements GrantStore {
  readonly records: ExpiringMap<VersionedRecord>
  readonly leases: MemoryLeases

  constructor(clock: Clock) {
    this.records = new ExpiringMap(clock)
    this.leases = new MemoryLeases(clock)
  }

  async read(ref: GrantRef, renewTtlSeconds?: number): Promise<VersionedRecord | undefined> {
    const key = grantKey(ref)
    if (renewTtlSeconds !== undefined) this.records.touch(key, renewTtlSeconds)
    return this.records.get(key)
  }

  async create(ref: GrantRef, record: VersionedRecord, ttlSeconds: number): Promise<VersionedRecord> {
    const key = grantKey(ref)
    const standing = this.records.get(key)
    if (standing !== undefined) return standing
    this.records.set(key, record, ttlSeconds)
    return record
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

  async delete(ref: GrantRef, expectedVersion: string): Promise<'deleted' | 'moved'> {
    const standing = this.records.get(grantKey(ref))
    if (standing !== undefined && standing.version !== expectedVersion) return 'moved'
    this.remove(ref)
    return 'deleted'
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
