import { LatchkeyError } from '@latchkey/core'
import type { RedisAppSessions } from './app-sessions.ts'

/** How many sessions are remembered between a request's read and its end. */
const remembered = 1_000
/** What was renewed longer ago is renewed again: a request that never ends keeps its session by that. */
const recentMs = 10_000

/**
 * What connect-redis asks of its client, done on Latchkey's app sessions. Reading has renewed the time to live already,
 * so an `expire` that would set the same one sends nothing.
 */
export class ConnectRedisClient {
  readonly #sessions: RedisAppSessions
  readonly #renewed = new Map<string, { readonly ttlMs: number; readonly at: number }>()

  constructor(sessions: RedisAppSessions) {
    this.#sessions = sessions
  }

  /** The time to live in milliseconds, a space, the data. */
  async get(id: string): Promise<string | null> {
    const stored = await this.#sessions.readAsWritten(id)
    if (stored === undefined) return null
    this.#remember(id, stored.ttlMs)
    return `${stored.ttlMs} ${stored.text}`
  }

  async set(
    id: string,
    text: string,
    { expiration }: { readonly expiration: { readonly value: number } },
  ): Promise<void> {
    this.#renewed.delete(id)
    await this.#sessions.write(id, text, expiration.value)
  }

  async expire(id: string, ttlSeconds: number): Promise<void> {
    const renewed = this.#renewed.get(id)
    this.#renewed.delete(id)
    const isRecent = renewed !== undefined && performance.now() - renewed.at < recentMs
    if (!isRecent || renewed.ttlMs !== ttlSeconds * 1000) await this.#sessions.touch(id, ttlSeconds)
  }

  async del(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#renewed.delete(id)
      await this.#sessions.delete(id)
    }
  }

  /** For `all`, `ids`, `length` and `clear`. */
  scanIterator(): never {
    const message = 'App sessions cannot be listed: Redis knows their ids only as digests.'
    throw new LatchkeyError('not_supported', message)
  }

  #remember(id: string, ttlMs: number): void {
    this.#renewed.delete(id)
    this.#renewed.set(id, { ttlMs, at: performance.now() })
    if (this.#renewed.size <= remembered) return
    const [oldest] = this.#renewed.keys()
    if (oldest !== undefined) this.#renewed.delete(oldest)
  }
}
