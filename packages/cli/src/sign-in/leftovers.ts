import type { OAuthClient, TokenResponse } from '@latchkey/core'
import type { StoragePlace } from './storage-place.ts'

/**
 * What sign-ins have brought that is not stored. Nobody has these tokens any more, so they are revoked, unless that would end
 * the whole authorization of an account that is stored.
 */
export class Leftovers {
  readonly #client: OAuthClient
  readonly #place: Pick<StoragePlace, 'own' | 'store'>
  #revocations: Promise<void>[] = []

  constructor(client: OAuthClient, place: Pick<StoragePlace, 'own' | 'store'>) {
    this.#client = client
    this.#place = place
  }

  /**
   * @param exchange may still be under way.
   * @param userId whose tokens it brings, where that is known.
   */
  add(exchange: Promise<TokenResponse>, userId: string | undefined): void {
    this.#revocations.push(this.#revoke(exchange, userId).catch(nothingMoreCanBeDone))
  }

  /** Once the server has been told, or cannot be. */
  async revoked(): Promise<void> {
    await Promise.all(this.#revocations)
  }

  async #revoke(exchange: Promise<TokenResponse>, userId: string | undefined): Promise<void> {
    const { tokens } = await exchange
    const endsAll = this.#place.own.provider.revocation === 'authorization'
    if (!endsAll || !(await this.#mayBeStored(userId))) await this.#client.revoke(tokens)
  }

  async #mayBeStored(userId: string | undefined): Promise<boolean> {
    const { own, store } = this.#place
    const ofClient = (await store.accounts()).filter(({ about }) => about.identity === own.identity)
    return ofClient.some(({ about: { user } }) => !user || userId === undefined || user.id === userId)
  }
}

function nothingMoreCanBeDone(): void {}
