import { isSameAccount } from '../session/arrival.ts'
import { isIssuedTo } from '../session/issued-to.ts'
import { type KeptAccount, keptSeconds } from '../session/kept-accounts.ts'
import { type SessionAccount, subjectGrantId, subjectRef } from '../session/record.ts'
import type { FlowContext } from './context.ts'
import type { ProviderDirectory } from './settings.ts'

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

/** What it takes to find what a user keeps. */
interface KeptParts extends Pick<FlowContext, 'kept' | 'vault'> {
  readonly settings: { readonly providers: Pick<ProviderDirectory, 'listed'> }
}

/**
 * The accounts that a user keeps: those on the user's list whose grant is theirs, each once. The list alone proves
 * nothing: it is written before the grant and outlives it, and it may name what another client of ours was given.
 * @param use with it the grants live so long from now.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function keptAccounts(
  { kept, vault, settings: { providers } }: KeptParts,
  userId: string,
  use: { readonly keepSeconds?: number } = {},
): Promise<readonly KeptAccount[]> {
  const listed = (await kept.list(userId)).filter((account) => isOurs(account, providers))
  const accounts = listed.filter(
    (account, index) => !listed.slice(index + 1).some((later) => isSameAccount(later, account)),
  )
  const grants = await Promise.all(
    accounts.map(({ subject }) => vault.read({ ref: subjectRef(subject), holder: userId, ...use })),
  )
  return accounts.filter((_, index) => grants[index] !== undefined)
}

/** False when the provider is configured with another server or client by now: its tokens are never used there. */
function isOurs(account: KeptAccount, { listed }: KeptParts['settings']['providers']): boolean {
  const client = listed.find((one) => one.provider.id === account.provider)
  return client === undefined || isIssuedTo(client, account)
}

function pointerTo({ provider, id, subject }: KeptAccount): SessionAccount {
  return { provider, id, subject, owner: 'user', grantId: subjectGrantId }
}
