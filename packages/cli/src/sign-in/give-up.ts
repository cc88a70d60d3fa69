import { LatchkeyError, type Logger, type OAuthClient, type TokenResponse } from '@latchkey/core'
import type { StoragePlace } from './storage-place.ts'

/** What tokens that nobody stores were brought by, and for. */
export interface GivenUp {
  readonly client: OAuthClient
  readonly place: Pick<StoragePlace, 'own' | 'store'>
  /** Whose they are, where that is known. */
  readonly userId: string | undefined
  readonly log: Logger
}

/**
 * Revokes what an exchange brings and nobody stores, unless that would end the whole authorization of an account that may be
 * stored. Never rejects: where tokens stay good, the log says so.
 * @param exchange may still be under way, or fail.
 */
export async function giveUp(
  exchange: Promise<TokenResponse>,
  { client, place, userId, log }: GivenUp,
): Promise<void> {
  const response = await exchange.catch(() => undefined)
  if (response === undefined) return
  const { id: provider, name, revocation } = place.own.provider
  try {
    const endsAll = revocation === 'authorization'
    if (!endsAll || !(await mayBeStored(place, userId))) return await client.revoke(response.tokens)
    const message = `The tokens of the sign-in that failed were not revoked at ${name}: that would end an account that is stored.`
    log.info({ event: 'sign_in.tokens_left', provider, reason: 'stored' }, message)
  } catch (error) {
    const reason = LatchkeyError.is(error) ? (error.reason ?? error.code) : 'unexpected'
    const message = `The tokens of the sign-in that failed could not be revoked at ${name}: they are good until they expire.`
    log.warn({ event: 'sign_in.tokens_left', provider, reason }, message)
  }
}

async function mayBeStored(
  { own, store }: Pick<StoragePlace, 'own' | 'store'>,
  userId: string | undefined,
): Promise<boolean> {
  const ofClient = (await store.accounts(own.provider.id)).filter(
    ({ about }) => about.identity === own.identity,
  )
  return ofClient.some(({ about: { user } }) => !user || userId === undefined || user.id === userId)
}
