import type { Clock } from '../clock.ts'
import { ExpiringMap } from './expiring-map.ts'
import { grantKey, type MemoryGrants } from './memory-grants.ts'
import type { Admission, AdmissionOutcome, Joined, Member, SubjectStore, VersionedRecord } from './store.ts'

/** Sessions by subject and by user, each until it expires, and when all of them were ended last. */
export class MemorySubjects implements SubjectStore {
  readonly #clock: Clock
  readonly #grants: MemoryGrants
  readonly #members: ExpiringMap<ExpiringMap<true>>
  readonly #notBefore: ExpiringMap<number>

  constructor(clock: Clock, grants: MemoryGrants) {
    this.#clock = clock
    this.#grants = grants
    this.#members = new ExpiringMap(clock)
    this.#notBefore = new ExpiringMap(clock)
  }

  async join(key: string, member: Member): Promise<Joined> {
    return this.#join(key, member)
  }

  async admit(key: string, admission: Admission): Promise<AdmissionOutcome> {
    const { grantId, expectedVersion, record, ttlSeconds, member } = admission
    const name = grantKey({ slot: key, id: grantId })
    const standing = this.#grants.records.get(name)?.version
    if (standing !== record.version && standing !== expectedVersion) return { outcome: 'moved' }
    const longest = Math.max(this.#grants.records.ttlSeconds(name) ?? 0, ttlSeconds)
    this.#grants.records.set(name, record, longest)
    return { outcome: 'written', ...this.#join(key, member) }
  }

  async leave(
    key: string,
    memberId: string,
    grantId?: string,
  ): Promise<{ readonly left: number; readonly deletedGrant?: VersionedRecord }> {
    const members = this.#members.get(key)
    members?.take(memberId)
    const left = members?.sweep() ?? 0
    if (left > 0) return { left }
    this.#members.take(key)
    const deletedGrant = grantId === undefined ? undefined : this.#grants.remove({ slot: key, id: grantId })
    return deletedGrant === undefined ? { left } : { left, deletedGrant }
  }

  async count(key: string): Promise<number> {
    return this.#members.get(key)?.sweep() ?? 0
  }

  async end(
    key: string,
    ttlSeconds: number,
  ): Promise<{ readonly notBefore: number; readonly memberIds: readonly string[] }> {
    const notBefore = this.#clock.now()
    this.#notBefore.set(key, notBefore, ttlSeconds)
    return { notBefore, memberIds: await this.members(key) }
  }

  async notBefore(key: string): Promise<number | undefined> {
    return this.#notBefore.get(key)
  }

  async members(key: string): Promise<readonly string[]> {
    return this.#members.get(key)?.keys() ?? []
  }

  #join(key: string, member: Member | undefined): Joined {
    const now = this.#clock.now()
    if (member !== undefined) this.#add(key, member, now)
    return { now }
  }

  #add(key: string, { id, expiresAt }: Member, now: number): void {
    const members = this.#members.get(key) ?? new ExpiringMap<true>(this.#clock)
    members.set(id, true, expiresAt - now)
    const longest = Math.max(this.#members.ttlSeconds(key) ?? 0, expiresAt - now)
    this.#members.set(key, members, longest)
  }
}
