import { type KeptAccount, keptSeconds } from '../session/kept-accounts.ts'
import { type SessionAccount, subjectGrantId } from '../session/record.ts'
import { subjectRef } from './brought-account.ts'
import type { FlowContext } from './context.ts'

/**
 * The accounts that a user has kept, as they stand in a new session. That is a use: they live another 180 days.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function keptBeside(
  context: Pick<FlowContext, 'kept' | 'vault' | 'settings'>,
  userId: string,
): Promise<readonly SessionAccount[]> {
  const { listed, resolvesMore } = context.settings.providers
  // Nobody keeps anything: that is not worth asking the store.
  if (!resolvesMore && !listed.some(({ provider }) => provider.keepAccounts === true)) return []
  return (await keptAccounts(context, userId, { keepSeconds: keptSeconds })).map(pointerTo)
}

/**
 * The accounts that a user keeps: those on the user's list whose grant is theirs. The list alone proves nothing: it is
 * written before the grant, and outlives it.
 * @param use with it the grants live so long from now.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function keptAccounts(
  { kept, vault }: Pick<FlowContext, 'kept' | 'vault'>,
  userId: string,
  use: { readonly keepSeconds?: number } = {},
): Promise<readonly KeptAccount[]> {
  const accounts = await kept.list(userId)
  const grants = await Promise.all(
    accounts.map(({ subject }) => vault.read({ ref: subjectRef(subject), holder: userId, ...use })),
  )
  return accounts.filter((_, index) => grants[index] !== undefined)
}

function pointerTo({ provider, id, subject }: KeptAccount): SessionAccount {
  return { provider, id, subject, owner: 'user', grantId: subjectGrantId }
}
