import type { SessionAccount } from '../session/record.ts'
import { userKey } from '../session/session-index.ts'
import type { EndedGrant } from '../session/sessions.ts'
import { subjectRef } from './brought-account.ts'
import type { FlowContext } from './context.ts'

const revocationWaitMs = 2_000

/**
 * Ends an account for its user: it leaves all of the user's sessions, is no longer kept, and its tokens are revoked.
 * The user stays signed in.
 * @throws {LatchkeyError} `store_unavailable`: it may be gone from some sessions only; ask again.
 */
export async function disconnect(
  context: FlowContext,
  userId: string,
  account: SessionAccount,
): Promise<void> {
  const { sessions, kept, revocations } = context
  const { subject } = account
  const locators = await sessions.endings.locators(userKey(userId))
  const ended = await Promise.all(
    locators.map((locator) =>
      sessions.endings.removeAccount(
        locator,
        (one, record) => one.subject === subject && record.userId === userId,
      ),
    ),
  )
  const grants = ended.flatMap((one) => one ?? [])
  if (account.owner === 'user') {
    await kept.remove(userId, subject)
    grants.push(...(await forget(context, userId, account)))
  }
  await revocations.revoke(grants, revocationWaitMs)
}

/**
 * Deletes the grant that a user keeps, not one that somebody else keeps meanwhile. Its authorization is revoked unless
 * another user's session has it too.
 */
async function forget(
  { store, vault }: Pick<FlowContext, 'store' | 'vault'>,
  userId: string,
  account: SessionAccount,
): Promise<readonly EndedGrant[]> {
  const ref = subjectRef(account.subject)
  if ((await vault.read({ ref, holder: userId })) === undefined) return []
  const record = await store.grants.delete(ref)
  if (record === undefined) return []
  const left = await store.subjects.count(account.subject)
  return [{ account, ref, record, lastOfSubject: left === 0 }]
}
