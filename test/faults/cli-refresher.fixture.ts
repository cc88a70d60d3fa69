import { diskStore, openAccount, spotify } from '@latchkey/cli'
import { TestClock } from '@latchkey/testing'

// One of many programs of one person: at each word it lets time pass and asks for a token that is still good.

/** What the test says first. */
export interface RefresherSetup {
  readonly folder: string
  readonly overrides: Parameters<typeof spotify>[0]
  /** Seconds that have passed for the others. */
  readonly ahead: number
}

/** What it says then. */
export interface RefresherRound {
  readonly advance: number
}

/** How that went. */
export type RefresherAnswer = { readonly token: string } | { readonly failure: string }

const clock = new TestClock()
const logger = { debug() {}, info() {}, warn() {}, error() {} }

process.once('message', async ({ folder, overrides, ahead }: RefresherSetup) => {
  await clock.advance(ahead)
  const store = diskStore({ folder, clock, logger })
  process.on('message', async ({ advance }: RefresherRound) => {
    await clock.advance(advance)
    process.send?.(await answer())
  })
  process.send?.('up')

  async function answer(): Promise<RefresherAnswer> {
    try {
      const account = await openAccount({ provider: spotify(overrides), store, clock, logger })
      if (account === undefined) return { failure: 'signed_out' }
      const { value } = await account.accessToken()
      await account.close()
      return { token: value }
    } catch (error) {
      const { code, reason } = error as { readonly code?: string; readonly reason?: string }
      return { failure: `${code ?? String(error)} ${reason ?? ''}`.trim() }
    }
  }
})
process.on('disconnect', () => process.exit(0))
