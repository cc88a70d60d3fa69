import { digest } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import type { Logger } from '../log.ts'
import { askAgain } from '../store/ask-again.ts'
import type { Joined, Member, SubjectStore, VersionedRecord } from '../store/store.ts'
import type { Membership, SessionAccount } from './record.ts'

/** A place in an index, taken before it is known whether there will be such a session. */
export interface Place {
  /** Key of the index. */
  readonly key: string
  readonly member: Member
  /** The account whose grant ends with its last place. Absent: no grant ends with the places of this index. */
  readonly sharing?: Pick<SessionAccount, 'provider' | 'id' | 'subject'>
}

/** Key of the index of a user's sessions. Names nobody in clear. */
export function userKey(userId: string): string {
  return digest('user', userId)
}

/** A new place in the indexes for the session at `locator`. */
export function newMember(locator: string, expiresAt: number): Member {
  return { id: `${locator}.${randomId(128)}`, expiresAt }
}

/** The locator of the session that a member of an index is. */
export function locatorOf(memberId: string): string {
  return memberId.split('.', 1)[0] ?? memberId
}

/** What is left of an index after a session left it. */
export interface Left {
  /** Infinity when nobody knows, because the store was away. */
  readonly count: number
  readonly deletedGrant?: VersionedRecord
}

/** Which sessions a subject or a user has. */
export class SessionIndex {
  readonly #subjects: SubjectStore
  readonly #log: Logger

  constructor(subjects: SubjectStore, log: Logger) {
    this.#subjects = subjects
    this.#log = log
  }

  /** Joining twice is joining once. */
  join(key: string, member: Member): Promise<Joined> {
    return askAgain(() => this.#subjects.join(key, member))
  }

  /** True when all sessions of the index were ended after this one joined it. */
  async hasEnded(key: string, { joinedAt }: Membership): Promise<boolean> {
    const notBefore = await askAgain(() => this.#subjects.notBefore(key))
    return notBefore !== undefined && joinedAt <= notBefore
  }

  /** Leaving twice is leaving once. @throws {LatchkeyError} `store_unavailable` */
  async leave(key: string, { id }: Pick<Membership, 'id'>, grantId?: string): Promise<Left> {
    const { left, ...rest } = await askAgain(() => this.#subjects.leave(key, id, grantId))
    return { count: left, ...rest }
  }

  /** After the end of a session, which a store failure does not undo. */
  leaveIfPossible(key: string, membership: Pick<Membership, 'id'>, grantId?: string): Promise<Left> {
    return this.leave(key, membership, grantId).catch(() => {
      const message =
        'The index of sessions was not told of an end: for a while this account may not be revoked.'
      this.#log.warn({ event: 'revocation.failed', reason: 'index' }, message)
      return { count: Number.POSITIVE_INFINITY }
    })
  }

  /** Refuses every session that joined until now, and says which joined. */
  end(key: string, ttlSeconds: number): Promise<{ notBefore: number; memberIds: readonly string[] }> {
    return askAgain(() => this.#subjects.end(key, ttlSeconds))
  }

  members(key: string): Promise<readonly string[]> {
    return this.#subjects.members(key)
  }

  count(key: string): Promise<number> {
    return this.#subjects.count(key)
  }
}
