import { LatchkeyError } from '../errors.ts'
import type { KeptAccount } from '../session/kept-accounts.ts'
import { subjectRef } from '../session/record.ts'
import type { FlowContext } from './context.ts'

/**
 * Brings an account that its user keeps, and sees to it that it is on the user's list: a grant that is not on it could
 * neither be used nor disconnected. An entry without a grant of the user's counts for nothing.
 */
export async function onList<Result>(
  context: Pick<FlowContext, 'kept' | 'vault'>,
  userId: string,
  account: KeptAccount,
  bring: () => Promise<Result>,
): Promise<Result> {
  const { kept } = context
  await kept.add(userId, account)
  try {
    const result = await bring()
    // A disconnect of what stood there before may have taken it off the list meanwhile.
    await kept.add(userId, account)
    return result
  } catch (error) {
    if (LatchkeyError.is(error) && error.code === 'account_in_use') await unlist(context, userId, account)
    throw error
  }
}

/** Takes an account off its user's list. False: the user has brought it anew meanwhile, and it stays. */
export async function unlist(
  { kept, vault }: Pick<FlowContext, 'kept' | 'vault'>,
  userId: string,
  account: KeptAccount,
): Promise<boolean> {
  await kept.remove(userId, account.subject)
  if ((await vault.subjectGrants.holder(subjectRef(account.subject))) !== userId) return true
  await kept.add(userId, account)
  return false
}
