import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { User } from '../protocol/user.ts'
import { type GrantOwner, subjectRef } from '../session/record.ts'
import type { FlowContext } from './context.ts'
import type { RedeemedCode, SignInClient } from './sign-in-client.ts'

/** A redeemed code, and whose it is. */
export interface Redeemed {
  readonly client: SignInClient
  readonly code: RedeemedCode
  readonly user: User
  /** The scope that was asked for. */
  readonly requestedScope: readonly string[]
  /** Epoch seconds of the user's authorization. @default when the tokens were received */
  readonly authorizedAt?: number
  /**
   * The code was redeemed just now: a token set that is dead already means another sign-in since. @default tokens from
   * elsewhere, which nobody is asked about where no others stand
   */
  readonly isJustRedeemed?: true
}

/** Whose the grants of a provider are. */
export function ownerOf({
  provider: { keepAccounts, exclusive },
}: Pick<SignInClient, 'provider'>): GrantOwner {
  if (keepAccounts === true) return 'user'
  return exclusive ? 'subject' : 'session'
}

/**
 * The user who keeps an account; `undefined`: nobody, or accounts there are not kept.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function keeperOf(
  { vault }: Pick<FlowContext, 'vault'>,
  client: SignInClient,
  user: Pick<User, 'id'>,
): Promise<string | undefined> {
  if (ownerOf(client) !== 'user') return undefined
  return vault.subjectGrants.holder(subjectRef(subjectKey(client, user.id)))
}

/** A redeemed code that no session gets. */
export interface LeftOver extends Omit<Redeemed, 'user'> {
  /** Absent: nobody could say yet. */
  readonly user?: User
}

/** Epoch seconds of the authorization that a code stands for. */
export function authorizedAt({ code, authorizedAt = code.tokens.receivedAt }: LeftOver): number {
  return authorizedAt
}

/** Asks whether the token set still lives, where another sign-in may have killed it. */
export function aliveCheck(client: SignInClient, code: RedeemedCode): (() => Promise<boolean>) | undefined {
  if (!client.provider.exclusive) return undefined
  return () =>
    client.profile(code).then(
      () => true,
      (error: unknown) => {
        if (LatchkeyError.is(error) && error.reason === 'userinfo_unauthorized') return false
        throw error
      },
    )
}
