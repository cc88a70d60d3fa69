import type { Logger } from '@latchkey/core'
import type { RedisError, RedisErrorCode } from './errors.ts'

const quietMs = 60_000

/** Says what is wrong with Redis, each thing once a minute. */
export class FaultLog {
  readonly #log: Logger
  readonly #now: () => number
  readonly #saidAt = new Map<RedisErrorCode, number>()

  /** @param now milliseconds, for tests */
  constructor(log: Logger, now: () => number = Date.now) {
    this.#log = log
    this.#now = now
  }

  note({ code, remedy, message, systemCode }: RedisError): void {
    const now = this.#now()
    const saidAt = this.#saidAt.get(code)
    if (saidAt !== undefined && Math.abs(now - saidAt) < quietMs) return
    this.#saidAt.set(code, now)
    const fields = { code, ...(systemCode !== undefined && { cause: systemCode }) }
    if (remedy === 'configuration') this.#log.error({ event: 'redis.misconfigured', ...fields }, message)
    else this.#log.warn({ event: 'redis.failed', ...fields }, message)
  }
}
