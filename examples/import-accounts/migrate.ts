import { type Latchkey, LatchkeyError } from '@latchkey/express'

/** A row of the old app's table. */
export interface OldAccount {
  readonly userId: string
  /** `id` of the user's profile at Spotify. */
  readonly spotifyId: string
  /** Of the browser that is signed in. */
  readonly sessionId: string
  readonly accessToken: string
  readonly refreshToken: string
  /** Epoch milliseconds, as many libraries store it. */
  readonly expiresAt: number
  readonly scope: string
}

/** Takes over one account after the other; a run that was interrupted is simply started again. */
export async function migrate(auth: Latchkey<'spotify'>, rows: readonly OldAccount[]): Promise<void> {
  const counts = { imported: 0, dead: 0, 'of another user': 0, 'to be tried again': 0 }
  for (const row of rows) counts[await importOne(auth, row)] += 1
  console.log('migration:', counts)
}

async function importOne(
  auth: Latchkey<'spotify'>,
  row: OldAccount,
): Promise<'imported' | 'dead' | 'of another user' | 'to be tried again'> {
  const { userId, accessToken, refreshToken, expiresAt, scope } = row
  const tokens = { accessToken, refreshToken, expiresAt: expiresAt / 1000, scope: scope.split(' ') }
  try {
    await auth.importAccount({ provider: 'spotify', userId, tokens })
    return 'imported'
  } catch (error) {
    if (!LatchkeyError.is(error)) throw error
    // The user consents anew when they come back, and is the same user then: onLogin says so.
    if (error.code === 'login_required') return 'dead'
    if (error.code === 'account_in_use') return 'of another user'
    if (error.code === 'as_unavailable' || error.code === 'store_unavailable') return 'to be tried again'
    throw error
  }
}
