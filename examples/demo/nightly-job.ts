import type { Account } from '@latchkey/express'
import type { DemoProvider } from './providers.ts'

/** What the job did for one account. */
export interface JobLine {
  readonly userId: string
  readonly provider: string
  /** How many entries the provider's API had for the user; absent: it could not be asked. */
  readonly entries?: number
}

/** Calls every kept account's API for every user. No request, no session: whoever signed out is served as well. */
export async function nightlyJob(
  accountsOf: (userId: string) => Promise<readonly Account[]>,
  userIds: readonly string[],
  providers: readonly DemoProvider[],
): Promise<readonly JobLine[]> {
  const lines = userIds.map(async (userId) => {
    const accounts = await accountsOf(userId)
    return Promise.all(accounts.map((account) => visit(userId, account, providers)))
  })
  return (await Promise.all(lines)).flat()
}

async function visit(userId: string, account: Account, providers: readonly DemoProvider[]): Promise<JobLine> {
  const provider = providers.find(({ preset }) => preset.id === account.provider)
  if (provider === undefined) return { userId, provider: account.provider }
  const line = { userId, provider: provider.preset.name }
  try {
    const reply = await account.fetch(provider.url)
    return reply.ok ? { ...line, entries: provider.rows(await reply.json()).length } : line
  } catch {
    return line
  }
}
