import type { Clock } from '../clock.ts'
import { digest } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import type { Events } from '../events.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import { storeIsAway } from '../store/guarded-store.ts'
import type { UsedMarkerStore } from '../store/store.ts'
import { type GrantHandle, grantName, type LiveGrant } from './grant.ts'

const leadSeconds = 14 * 86_400
const keepSeconds = 86_400

/** Says once that an authorization will end whatever is done, so that its user can be asked for another in time. */
export class ExpiryNotices {
  readonly #markers: UsedMarkerStore
  readonly #clock: Clock
  readonly #events: Events

  constructor(markers: UsedMarkerStore, clock: Clock, events: Events) {
    this.#markers = markers
    this.#clock = clock
    this.#events = events
  }

  /** Looks at a grant that was refreshed just now. Never rejects for the store: the next refresh looks again. */
  async look({ ref, client, account }: GrantHandle, { tokens, authorizedAt }: LiveGrant): Promise<void> {
    // What a server says of a refresh token's end, a refresh moves; what the preset says of it, none does.
    if (client.provider.refreshTokenLifetime === undefined) return
    const expiresAt = refreshTokenExpiry(client.provider, tokens, authorizedAt)
    const leftSeconds = (expiresAt ?? Number.POSITIVE_INFINITY) - this.#clock.now()
    if (expiresAt === undefined || leftSeconds > leadSeconds) return
    const own = randomId(128)
    const name = digest('expiring', grantName(ref), String(authorizedAt))
    const keep = Math.ceil(Math.max(leftSeconds, 0)) + keepSeconds
    const first = await this.#markers.take(name, own, keep).catch(storeIsAway)
    if (first !== own) return
    this.#events.emit('account_expiring', { provider: account.provider, accountId: account.id, expiresAt })
  }
}
