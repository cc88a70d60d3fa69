import { LatchkeyError, type OAuthClient, type TokenResponse } from '@latchkey/core'
import { abortable } from '@latchkey/core/terminal'
import type { AccountAbout } from '../disk/account-file.ts'
import type { StoragePlace } from './storage-place.ts'

/** Longer than any authorization lives unused. */
const keepSeconds = 5 * 365 * 86_400

/** Where the tokens of a sign-in go, and whose they must be. */
interface Destination {
  readonly client: OAuthClient
  readonly place: StoragePlace
  /** Told that nothing is stored, and whose the tokens are, where that is known. */
  readonly onFailure: (userId: string | undefined) => void
  /** What was asked for. */
  readonly scope: readonly string[]
  /** Only this user; `undefined`: anybody. */
  readonly user: string | undefined
  readonly signal: AbortSignal
}

/** Stores what a sign-in brings, if it is of the user that is wanted. */
export async function keep(
  exchange: Promise<TokenResponse>,
  { client, place, onFailure, scope, user, signal }: Destination,
): Promise<AccountAbout> {
  const { own, store, ref, profile, audience } = place
  const { id: provider, clientId } = own.provider
  let whose: AccountAbout['user']
  try {
    const { tokens } = await abortable(exchange, signal)
    whose = await abortable(userOf(client, tokens, user), signal)
    if (user !== undefined && whose?.id !== user) throw otherUser(provider)
    const about: AccountAbout = {
      provider,
      clientId,
      profile,
      identity: own.identity,
      ...(audience !== undefined && { audience }),
      scope,
      ...(whose && { user: whose }),
    }
    await store.put(ref, own.record(tokens), keepSeconds, about)
    return about
  } catch (error) {
    onFailure(whose?.id)
    throw error
  }
}

/** Who signed in, where the provider says it. */
async function userOf(
  client: OAuthClient,
  tokens: TokenResponse['tokens'],
  wanted: string | undefined,
): Promise<AccountAbout['user']> {
  try {
    const { id, name } = await client.userinfo(tokens)
    return { id, ...(name !== undefined && { name }) }
  } catch (error) {
    // The tokens are good without it, where it does not matter whose they are.
    if (wanted !== undefined || (LatchkeyError.is(error) && error.code === 'invalid_callback')) throw error
    return undefined
  }
}

function otherUser(provider: string): LatchkeyError {
  return new LatchkeyError(
    'account_mismatch',
    'Another user signed in than the one that was wanted. Nothing was stored.',
    { provider },
  )
}
