import type { User } from '../protocol/user.ts'
import type { BroughtAccount } from './arrival.ts'
import type { Aftermath } from './left-places.ts'
import type { CompletedTransaction, SessionAccount } from './record.ts'
import type { Session } from './session-slots.ts'

/** A sign-in about to be stored. Its aftermath has work also where it fails. */
export interface SignIn extends Aftermath {
  /** The browser's valid session: its slot is kept, everything in it is replaced. */
  readonly current: Session | undefined
  readonly user: User
  readonly userId: string
  readonly account: BroughtAccount
  /** Accounts that the user has kept from earlier. */
  readonly kept: readonly SessionAccount[]
  readonly completed: CompletedTransaction
}

/** An account about to be added to a session, or authorized anew in it. */
export interface Addition extends Aftermath {
  /** As it stood when the login was found to be this session's. */
  readonly current: Session
  readonly account: BroughtAccount
  /** The subject of the account that must be there still, to be authorized anew. Absent: whether or not it is there. */
  readonly renews?: string
  readonly completed: CompletedTransaction
}

/** A stored sign-in or addition. */
export interface SignedIn {
  readonly session: Session
  /** Complete `Set-Cookie` value. */
  readonly setCookie: string
}
