import { type KeptAccount, keptSeconds } from '../session/kept-accounts.ts'
import { type SessionAccount, subjectGrantId } from '../session/record.ts'
import { subjectRef } from './brought-account.ts'
import type { FlowContext } from './context.ts'

/**
 * The accounts that a user has kept, as they stand in a new session. One whose grant is gone is forgotten.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function keptBeside(
  { kept, vault, settings }: Pick<FlowContext, 'kept' | 'vault' | 'settings'>,
  userId: string,
): Promise<readonly SessionAccount[]> {
  const { listed, resolvesMore } = settings.providers
  // Nobody keeps anything: that is not worth asking the store.
  if (!resolvesMore && !listed.some(({ provider }) => provider.keepAccounts === true)) return []
  const accounts = await kept.list(userId)
  const standing = await Promise.all(
    accounts.map(async (account) => {
      const ref = subjectRef(account.subject)
      const grant = await vault.read({ ref, keepSeconds: keptSeconds, holder: userId })
      if (grant !== undefined) return [pointerTo(account)]
      await kept.remove(userId, account.subject)
      return []
    }),
  )
  return standing.flat()
}

/** The pointer to a kept account. */
export function pointerTo({ provider, id, subject }: KeptAccount): SessionAccount {
  return { provider, id, subject, owner: 'user', grantId: subjectGrantId }
}
