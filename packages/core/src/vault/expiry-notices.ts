import type { Clock } from '../clock.ts'
import { digest } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import type { Events } from '../events.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import { askAgain } from '../store/ask-again.ts'
import { LruMap } from '../store/lru-map.ts'
import type { UsedMarkerStore } from '../store/store.ts'
import { type GrantHandle, grantName, type LiveGrant } from './grant.ts'
import { SingleFlight } from './single-flight.ts'

const daySeconds = 86_400
/** How many notices a process remembers; whoever is forgotten costs one more look into the store. */
const remembered = 5_000

interface Notice {
  /** What this process marks the notice with: it tells a lost answer of its own from another process's mark. */
  readonly own: string
  isSettled: boolean
}

/** What notices are made of. */
export interface ExpiryNoticesParts {
  readonly usedMarkers: UsedMarkerStore
  readonly clock: Clock
  readonly events: Events
}

/**
 * Announces, once per authorization in the whole cluster, that a refresh token is about to die of age, where refreshing
 * does not extend its life. Behind the request that uses the grant, which neither waits for it nor fails with it.
 */
export class ExpiryNotices {
  readonly #parts: ExpiryNoticesParts
  readonly #notices = new LruMap<Notice>(remembered)
  readonly #underWay = new SingleFlight<void>()
  /** Counting in months takes a while, and a grant in use is looked at with each request. */
  readonly #expiries = new WeakMap<LiveGrant, number>()

  constructor(parts: ExpiryNoticesParts) {
    this.#parts = parts
  }

  /** A look at a grant that is used just now. */
  look(handle: GrantHandle, grant: LiveGrant): void {
    const { refreshTokenLifetime, expiryNoticeDays } = handle.client.provider
    if (refreshTokenLifetime === undefined || handle.client.obtain !== undefined) return
    const expiresAt = this.#expiryOf(handle, grant)
    const secondsLeft = expiresAt - this.#parts.clock.now()
    if (secondsLeft > expiryNoticeDays * daySeconds || secondsLeft <= 0) return
    const name = `${grantName(handle.ref)} ${grant.authorizedAt}`
    const notice = this.#notices.get(name) ?? { own: randomId(128), isSettled: false }
    if (notice.isSettled) return
    this.#notices.set(name, notice)
    void this.#underWay.run(name, () => this.#announce(handle, { name, notice, expiresAt, secondsLeft }))
  }

  /** Resolves when what is under way has ended. */
  settled(): Promise<void> {
    return this.#underWay.settled()
  }

  #expiryOf({ client }: GrantHandle, grant: LiveGrant): number {
    const known = this.#expiries.get(grant)
    if (known !== undefined) return known
    const expiry = refreshTokenExpiry(client.provider, grant.tokens, grant.authorizedAt)
    const expiresAt = expiry ?? Number.POSITIVE_INFINITY
    this.#expiries.set(grant, expiresAt)
    return expiresAt
  }

  async #announce({ account }: GrantHandle, due: Due): Promise<void> {
    const { usedMarkers, events } = this.#parts
    const { notice } = due
    const key = digest('account expiring', due.name)
    const ttlSeconds = Math.ceil(due.secondsLeft) + daySeconds
    // The store is away: the next use of the grant tries again.
    const mark = await askAgain(() => usedMarkers.take(key, notice.own, ttlSeconds)).catch(() => undefined)
    if (mark === undefined) return
    notice.isSettled = true
    if (mark !== notice.own) return
    const { provider, id: accountId } = account
    events.emit('account_expiring', { provider, accountId, refreshTokenExpiresAt: due.expiresAt })
  }
}

interface Due {
  readonly name: string
  readonly notice: Notice
  readonly expiresAt: number
  readonly secondsLeft: number
}
