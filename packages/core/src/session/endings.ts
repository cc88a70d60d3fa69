import { isStoreAway } from '../store/ask-again.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type { VersionedRecord } from '../store/store.ts'
import { type Aftermath, type EndedGrant, LeftPlaces } from './left-places.ts'
import {
  type Membership,
  type SessionAccount,
  type SessionRecord,
  subjectGrantId,
  subjectRef,
} from './record.ts'
import { locatorOf, type Place, type SessionIndex, userKey } from './session-index.ts'
import type { Session, SessionSlots } from './session-slots.ts'
import { type Settled, settleAll } from './settle-all.ts'

/** Sessions that were ended together. */
export interface EndedSessions extends Pick<Settled<unknown>, 'failure'> {
  readonly count: number
  /** What is to be revoked. */
  readonly grants: readonly EndedGrant[]
}

/** A session that took the place of what its slot held before. */
export interface Replacement {
  readonly before: Session | undefined
  readonly after: Session
  /** Those of `before` that are not in it any more. */
  readonly accounts: readonly SessionAccount[]
}

/** An index whose sessions are ended together. */
export interface Ending {
  readonly key: string
  /** The session's place in that index, if it is one of those to end. */
  readonly membership: (record: SessionRecord) => SessionRecord['membership'] | undefined
}

/** How often a step starts over because the session changed under it. */
const attempts = 4

/** How sessions end: the session's slot first, then the subjects, then the user's index. */
export class SessionEndings {
  readonly #slots: SessionSlots
  readonly #index: SessionIndex
  readonly #places: LeftPlaces
  readonly #absoluteSeconds: number

  constructor(slots: SessionSlots, index: SessionIndex, absoluteSeconds: number) {
    this.#slots = slots
    this.#index = index
    this.#places = new LeftPlaces(index)
    this.#absoluteSeconds = absoluteSeconds
  }

  /**
   * Ends a session. What it returns is to be revoked. A sign-in of the same browser that was faster ends with it.
   * @param aftermath absent: where the store goes away, its indexes are left as they are, and the log says so.
   * @throws {LatchkeyError} `store_unavailable`: the session may or may not be there still.
   */
  async end(session: Session, aftermath?: Aftermath): Promise<readonly EndedGrant[]> {
    let current = session
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const ended = await this.#endForGood(current, aftermath)
      if (ended !== 'moved') return ended
      const moved = await this.#slots.load(current.locator)
      if (moved === undefined) return []
      current = moved
    }
    throw storeUnavailable('contended')
  }

  /** Ends a session unless its browser has signed in anew since. @throws as {@link SessionEndings.end} */
  async endSignIn(
    { locator, record: { membership } }: Session,
    aftermath: Aftermath,
  ): Promise<readonly EndedGrant[]> {
    const isMeant = (record: SessionRecord): boolean => record.membership.id === membership.id
    return (await this.#endIfMeant(locator, isMeant, (session) => this.#endOnce(session, aftermath))) ?? []
  }

  /**
   * Ends a session that was written, perhaps, and whose cookie nobody gets, and what it has replaced then. Returns what
   * stands in its slot afterwards: others may have gone on from there.
   * @throws {LatchkeyError} `store_unavailable`: can be repeated.
   */
  async takeBack(
    { before, after: { locator, record } }: Replacement,
    aftermath: Aftermath,
  ): Promise<Session | undefined> {
    const isMeant = ({ secretDigest }: SessionRecord): boolean => secretDigest === record.secretDigest
    const end = (session: Session) => this.#endForGood(session, aftermath)
    aftermath.ended((await this.#endIfMeant(locator, isMeant, end)) ?? [])
    const standing = await this.#slots.peek(locator)
    aftermath.ended(await this.gone(before, standing, aftermath))
    return standing
  }

  /**
   * Ends every session that is in an index now, and refuses those that are on their way into it: a sign-in that begins
   * later is not affected. With a `failure` some are left: ask again.
   * @param aftermath as of {@link SessionEndings.end}.
   * @throws {LatchkeyError} `store_unavailable`: none has ended.
   */
  async endAll({ key, membership }: Ending, aftermath?: Aftermath): Promise<EndedSessions> {
    const { notBefore, memberIds } = await this.#index.end(key, this.#absoluteSeconds)
    // By the time alone: a consent gives the session another place in the index, but makes it no younger.
    const isMeant = (record: SessionRecord): boolean => {
      const own = membership(record)
      return own !== undefined && own.joinedAt <= notBefore
    }
    const locators = [...new Set(memberIds.map(locatorOf))]
    const { done, ...rest } = await settleAll(locators, (locator) =>
      this.#endIfMeant(locator, isMeant, (session) => this.#endForGood(session, aftermath)),
    )
    const ended = done.filter((one) => one !== undefined)
    return { count: ended.length, grants: ended.flat(), ...rest }
  }

  /**
   * Takes an account out of a session that it was brought to or kept in; `undefined` when it is not there any more.
   * @param isMeant tells the account in the session as it stands at that moment.
   * @param aftermath as of {@link SessionEndings.end}.
   * @throws {LatchkeyError} `store_unavailable`
   */
  async removeAccount(
    locator: string,
    isMeant: (account: SessionAccount, record: SessionRecord) => boolean,
    aftermath?: Aftermath,
  ): Promise<readonly EndedGrant[] | undefined> {
    let perhapsRemoved: SessionAccount | undefined
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const current = await this.#slots.peek(locator)
      const account = current?.record.accounts.find((one) => isMeant(one, current.record))
      if (current === undefined || account === undefined)
        return perhapsRemoved && this.#places.leaveSubjects(locator, [perhapsRemoved], [], aftermath)
      const { accounts } = current.record
      const record = { ...current.record, accounts: accounts.filter((one) => one !== account) }
      const deleteGrants = account.owner === 'session' ? [account.grantId] : []
      const next = this.#slots.seal(locator, record)
      const written = await this.#slots
        .write({ current, next, putGrants: [], deleteGrants, isVisit: false })
        .catch((error: unknown) => {
          if (isStoreAway(error)) aftermath?.later(() => this.#leaveIfRemoved(locator, account, aftermath))
          throw error
        })
      if (written.outcome === 'written')
        return this.#places.leaveSubjects(locator, [account], written.deletedGrants, aftermath)
      if (written.isUnsure) perhapsRemoved = account
    }
    throw storeUnavailable('contended')
  }

  /** The locators of all sessions in a subject's or user's index. */
  async locators(key: string): Promise<readonly string[]> {
    return [...new Set((await this.#index.members(key)).map(locatorOf))]
  }

  /** What ended with the accounts that a write took out of a session. */
  async replaced(
    { before, after, accounts }: Replacement,
    deletedGrants: readonly (VersionedRecord | undefined)[],
    aftermath: Aftermath,
  ): Promise<readonly EndedGrant[]> {
    if (before === undefined) return []
    const { userId, membership } = before.record
    if (membership.id !== after.record.membership.id)
      await this.#places.leave({ key: userKey(userId), membership }, aftermath)
    return this.#places.leaveSubjects(before.locator, accounts, deletedGrants, aftermath)
  }

  /** What ended with a session of which nobody knows what has replaced it, up to what stands in its slot now. */
  async gone(
    before: Session | undefined,
    standing: Session | undefined,
    aftermath: Aftermath,
  ): Promise<readonly EndedGrant[]> {
    if (before === undefined) return []
    const { userId, membership, accounts } = before.record
    if (!hasPlace(standing, membership))
      await this.#places.leave({ key: userKey(userId), membership }, aftermath)
    const left = accounts.filter((one) => one.membership && !hasPlace(standing, one.membership))
    return this.#places.leaveSubjects(before.locator, left, [], aftermath)
  }

  /**
   * Gives places back that no session came to have. What it returns is to be revoked.
   * @throws {LatchkeyError} `store_unavailable`: can be repeated.
   */
  async giveBack(places: readonly Place[]): Promise<readonly EndedGrant[]> {
    const ended = places.map(async ({ key, member, sharing }) => {
      const { deletedGrant } = await this.#index.leave(key, member, sharing && subjectGrantId)
      if (sharing === undefined || deletedGrant === undefined) return []
      return [{ account: sharing, ref: subjectRef(key), record: deletedGrant, lastOfSubject: true }]
    })
    return (await Promise.all(ended)).flat()
  }

  async #endIfMeant(
    locator: string,
    isMeant: (record: SessionRecord) => boolean,
    end: (session: Session) => Promise<readonly EndedGrant[] | 'moved'>,
  ): Promise<readonly EndedGrant[] | undefined> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const session = await this.#slots.peek(locator)
      if (session === undefined || !isMeant(session.record)) return undefined
      const ended = await end(session)
      if (ended !== 'moved') return ended
    }
    throw storeUnavailable('contended')
  }

  async #leaveIfRemoved(locator: string, account: SessionAccount, aftermath: Aftermath): Promise<void> {
    if (account.membership === undefined || hasPlace(await this.#slots.peek(locator), account.membership))
      return
    aftermath.ended(await this.#places.leaveSubjects(locator, [account], [], aftermath))
  }

  /** Where nobody knows whether it was deleted, the indexes are told once it is seen to be gone. */
  async #endForGood(
    session: Session,
    aftermath: Aftermath | undefined,
  ): Promise<readonly EndedGrant[] | 'moved'> {
    try {
      return await this.#endOnce(session, aftermath)
    } catch (error) {
      if (isStoreAway(error))
        aftermath?.later(async () => {
          if ((await this.#slots.peek(session.locator)) === undefined)
            aftermath.ended(await this.#places.leaveAll(session, [], aftermath))
        })
      throw error
    }
  }

  async #endOnce(
    session: Session,
    aftermath: Aftermath | undefined,
  ): Promise<readonly EndedGrant[] | 'moved'> {
    const owned = session.record.accounts.filter(({ owner }) => owner === 'session')
    const ids = owned.map(({ grantId }) => grantId)
    const deleted = await this.#slots.delete(session, ids)
    if (deleted.outcome === 'moved') return 'moved'
    return this.#places.leaveAll(session, deleted.deletedGrants, aftermath)
  }
}

/** True for a place in an index that a session has. */
export function hasPlace(session: Session | undefined, { id }: Pick<Membership, 'id'>): boolean {
  if (session === undefined) return false
  const { membership, accounts } = session.record
  return membership.id === id || accounts.some((account) => account.membership?.id === id)
}
