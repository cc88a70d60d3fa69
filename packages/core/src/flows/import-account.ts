import { digest } from '../crypto/digest.ts'
import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { User } from '../protocol/user.ts'
import { keptSeconds } from '../session/kept-accounts.ts'
import { subjectRef } from '../session/record.ts'
import type { GrantRef } from '../store/store.ts'
import type { GrantHandle } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'
import type { FlowContext } from './context.ts'
import { onList } from './kept-list.ts'
import { aliveCheck } from './redeemed.ts'
import type { SignInClient, UserProfile } from './sign-in-client.ts'

/** Tokens of a user from elsewhere, whose account is not known yet. */
export interface ImportRequest {
  readonly client: SignInClient
  readonly userId: string
  readonly tokens: TokenSet
  /** Epoch seconds. */
  readonly authorizedAt: number
}

const imported = 'imported'
/**
 * More than a refresh ever runs ahead of expiry: one that ran beside the import would spend the refresh token that is
 * just being kept.
 */
const minTtlSeconds = 90

/**
 * Keeps an account for a user by tokens from elsewhere. They get a place in the store first and are refreshed there
 * when they have expired, so that a rotated refresh token is not lost whatever fails afterwards: calling again with the
 * same tokens goes on where it stopped, and does nothing once it is done. An account that is kept already stays as it is.
 *
 * @throws {LatchkeyError} `login_required`: the tokens are dead. `account_in_use`: another user keeps the account.
 * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`, `store_unavailable`: nothing is lost, call again.
 */
export async function importAccount(
  context: FlowContext,
  { client, userId, tokens, authorizedAt }: ImportRequest,
): Promise<void> {
  const { store, vault } = context
  const account = { provider: client.provider.id, id: imported }
  const handle = { ref: placeFor(client, userId, tokens), client, account }
  const first = { state: 'live', tokens, authorizedAt, refreshCount: 0 } as const
  await store.grants.create(handle.ref, vault.seal(handle.ref, first), keptSeconds)
  if (await isDone(vault, handle)) return
  try {
    const { user } = await profileOf(vault, handle, client)
    await keep(context, handle, userId, user)
  } catch (error) {
    // Another call with the same tokens was faster.
    if (await isDone(vault, handle).catch(() => false)) return
    throw error
  }
}

async function isDone(vault: Pick<Vault, 'read'>, { ref }: Pick<GrantHandle, 'ref'>): Promise<boolean> {
  const standing = await vault.read({ ref })
  return standing?.state === 'ended' && standing.reason === imported
}

/** Moves the tokens from their place to the account that they turned out to be of. */
async function keep(
  context: FlowContext,
  { ref, client }: GrantHandle & { readonly client: SignInClient },
  userId: string,
  user: User,
): Promise<void> {
  const { store, vault } = context
  const { id: provider } = client.provider
  // What this process could not save yet is newer than what stands there.
  const newest = await vault.read({ ref })
  const standing = await store.grants.read(ref)
  if (newest?.state !== 'live' || standing === undefined) throw dead(provider)
  const { tokens, authorizedAt } = newest
  const subject = subjectKey(client, user.id)
  await onList(context, userId, { provider, id: user.id, subject }, () =>
    vault.subjectGrants.bring({
      ref: subjectRef(subject),
      tokens,
      requestedScope: tokens.scope,
      holder: userId,
      member: undefined,
      ttlSeconds: keptSeconds,
      isAlive: aliveCheck(client, { tokens }),
      authorizedAt,
      yields: true,
    }),
  )
  const done = { state: 'ended', reason: imported, scope: [], authorizedAt, refreshCount: 0 } as const
  await store.grants.commit(ref, standing.version, vault.seal(ref, done))
}

/** Where these very tokens of this user wait until it is known whose they are. */
function placeFor(client: SignInClient, userId: string, tokens: TokenSet): GrantRef {
  const secret = tokens.refreshToken ?? tokens.accessToken
  return { slot: digest('import', client.identity(), userId, secret), id: 'grant' }
}

/** Asks who it is, with a token that was refreshed if need be. */
async function profileOf(
  vault: Pick<Vault, 'fresh'>,
  handle: GrantHandle,
  client: SignInClient,
): Promise<UserProfile> {
  const tokens = await vault.fresh(handle, { minTtlSeconds })
  try {
    return await client.profile({ tokens })
  } catch (error) {
    if (!LatchkeyError.is(error) || error.reason !== 'userinfo_unauthorized') throw error
    const renewed = await vault.fresh(handle, { minTtlSeconds, rejectedToken: tokens.accessToken })
    if (renewed.accessToken === tokens.accessToken) throw dead(client.provider.id)
    return client.profile({ tokens: renewed })
  }
}

function dead(provider: string): LatchkeyError {
  return new LatchkeyError(
    'login_required',
    `The imported tokens are refused by "${provider}": their user must sign in again.`,
    { provider, reason: 'grant_ended' },
  )
}
