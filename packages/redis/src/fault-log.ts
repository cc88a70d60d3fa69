import { type Logger, LogLimit } from '@latchkey/core'
import type { RedisError } from './errors.ts'

/** Says what is wrong with Redis, each thing once a minute. */
export class FaultLog {
  readonly #log: Logger
  readonly #limit: LogLimit

  /** @param now epoch seconds */
  constructor(log: Logger, now: () => number = () => Date.now() / 1000) {
    this.#log = log
    this.#limit = new LogLimit(now)
  }

  note({ code, remedy, reason, message }: RedisError): void {
    const isToMend = remedy === 'configuration'
    // Of several rights that a user lacks, each is to be mended.
    const times = this.#limit.due(isToMend ? `${code} ${reason ?? ''}` : code)
    if (times === undefined) return
    const fields = { code, ...(reason !== undefined && { reason }), times }
    if (isToMend) this.#log.error({ event: 'redis.misconfigured', ...fields }, message)
    else this.#log.warn({ event: 'redis.failed', ...fields }, message)
  }
}
