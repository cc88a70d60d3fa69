import type { GrantRef } from '@latchkey/core'
import { digest } from '@latchkey/core/terminal'
import type { AccountAbout } from './account-file.ts'

/** What an account is stored under: one for each provider, profile and client. */
export function accountRef({
  provider,
  profile,
  clientId,
}: Pick<AccountAbout, 'provider' | 'profile' | 'clientId'>): GrantRef {
  // Of the profile too: to some file systems `Work` and `work` are one name.
  const ofClient = digest('client', JSON.stringify([profile, clientId])).slice(0, 12)
  return { slot: provider, id: `${profile}-${ofClient}` }
}

/** As it is where it cannot mean anything to a file system; else a digest. */
export function safeName(name: string): string {
  return /^[\w-][\w.-]{0,99}$/.test(name) && !name.includes('.json') ? name : digest('file name', name)
}
