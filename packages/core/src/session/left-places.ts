import { isStoreAway } from '../store/ask-again.ts'
import type { GrantRef, VersionedRecord } from '../store/store.ts'
import { grantRefOf, type SessionAccount, type SessionRecord, subjectGrantId } from './record.ts'
import { type Left, type SessionIndex, userKey } from './session-index.ts'
import type { Session } from './session-slots.ts'

/** A grant that is no longer stored. */
export interface EndedGrant {
  readonly account: Pick<SessionAccount, 'provider' | 'id' | 'subject'>
  readonly ref: GrantRef
  readonly record: VersionedRecord
  /** No other session of this account is left, so its whole authorization may be revoked. */
  readonly lastOfSubject: boolean
  /** It was told of before, when nobody knew whether it was the last: its own tokens are revoked. */
  readonly isToldAgain?: true
}

/** What a change of sessions leaves to be done. */
export interface Aftermath {
  /** Gets what is no longer stored and is to be revoked. */
  readonly ended: (grants: readonly EndedGrant[]) => void
  /** Gets what could not be done because the store is away: to be tried until it does not reject with that any more. */
  readonly later: (work: () => Promise<void>) => void
}

/** A session's place in an index, and the grant that ends with the last place there. */
interface TakenPlace {
  readonly key: string
  readonly membership: SessionRecord['membership']
  readonly grantId?: string
}

/**
 * The places that a session leaves when it ends, or loses an account. That is not undone by a store failure: while the
 * store is away it is told later.
 */
export class LeftPlaces {
  readonly #index: SessionIndex

  constructor(index: SessionIndex) {
    this.#index = index
  }

  async leaveAll(
    { locator, record: { accounts, userId, membership } }: Session,
    deletedGrants: readonly (VersionedRecord | undefined)[],
    aftermath: Aftermath | undefined,
  ): Promise<readonly EndedGrant[]> {
    const ended = await this.leaveSubjects(locator, accounts, deletedGrants, aftermath)
    await this.leave({ key: userKey(userId), membership }, aftermath)
    return ended
  }

  /** @param deletedGrants those of the session-owned accounts, in their order. */
  async leaveSubjects(
    locator: string,
    accounts: readonly SessionAccount[],
    deletedGrants: readonly (VersionedRecord | undefined)[],
    aftermath: Aftermath | undefined,
  ): Promise<readonly EndedGrant[]> {
    const sessionOwned = accounts.filter(({ owner }) => owner === 'session')
    const ended = accounts.map((account) =>
      this.#leaveSubject(locator, account, deletedGrants[sessionOwned.indexOf(account)], aftermath),
    )
    return (await Promise.all(ended)).flat()
  }

  /** @param deleted its grant, where the session owned it. */
  async #leaveSubject(
    locator: string,
    account: SessionAccount,
    deleted: VersionedRecord | undefined,
    aftermath: Aftermath | undefined,
  ): Promise<readonly EndedGrant[]> {
    const { subject: key, owner, membership } = account
    const ref = grantRefOf(locator, account)
    const ended = ({ count, deletedGrant }: Left): readonly EndedGrant[] => {
      const record = owner === 'session' ? deleted : deletedGrant
      return record === undefined ? [] : [{ account, ref, record, lastOfSubject: count === 0 }]
    }
    if (membership === undefined) return ended(unknown)
    const place = { key, membership, ...(owner === 'subject' && { grantId: subjectGrantId }) }
    const left = await this.leave(place, aftermath, (late) => {
      const toldAgain = owner === 'session' ? ({ isToldAgain: true } as const) : {}
      aftermath?.ended(ended(late).map((grant) => ({ ...grant, ...toldAgain })))
    })
    return ended(left)
  }

  /** After what a store failure does not undo: while the store is away it is told later. */
  async leave(
    { key, membership, grantId }: TakenPlace,
    aftermath: Aftermath | undefined,
    onLate: (left: Left) => void = () => {},
  ): Promise<Left> {
    if (aftermath === undefined) return this.#index.leaveIfPossible(key, membership, grantId)
    const leave = (): Promise<Left> => this.#index.leave(key, membership, grantId)
    try {
      return await leave()
    } catch (error) {
      if (!isStoreAway(error)) throw error
      aftermath.later(async () => onLate(await leave()))
      return unknown
    }
  }
}

/** Nobody could say what is left. */
const unknown: Left = { count: Number.POSITIVE_INFINITY }
