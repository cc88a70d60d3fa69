import type { User } from '../protocol/user.ts'
import type { BroughtAccount } from './arrival.ts'
import type { EndedGrant } from './endings.ts'
import type { CompletedTransaction, SessionAccount } from './record.ts'
import type { Session } from './session-slots.ts'

/** A sign-in about to be stored. */
export interface SignIn {
  /** The browser's valid session: its slot is kept, everything in it is replaced. */
  readonly current: Session | undefined
  readonly user: User
  readonly userId: string
  readonly account: BroughtAccount
  /** Accounts that the user has kept from earlier. */
  readonly kept: readonly SessionAccount[]
  readonly completed: CompletedTransaction
  /** Gets what is no longer stored because of this sign-in and is to be revoked; also where the sign-in fails. */
  readonly ended: (grants: readonly EndedGrant[]) => void
  /** Gets what could not be done because the store is away: to be tried until it does not reject with that any more. */
  readonly later: (work: () => Promise<void>) => void
}

/** An account about to be added to a session, or authorized anew in it. */
export interface Addition {
  /** As it stood when the login was found to be this session's. */
  readonly current: Session
  readonly account: BroughtAccount
  /** The subject of the account that must be there still, to be authorized anew. Absent: whether or not it is there. */
  readonly renews?: string
  readonly completed: CompletedTransaction
  readonly ended: SignIn['ended']
  readonly later: SignIn['later']
}

/** A stored sign-in or addition. */
export interface SignedIn {
  readonly session: Session
  /** Complete `Set-Cookie` value. */
  readonly setCookie: string
}
