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

  note({ code, remedy, message, systemCode }: RedisError): void {
    const times = this.#limit.due(code)
    if (times === undefined) return
    const fields = { code, times, ...(systemCode !== undefined && { cause: systemCode }) }
    if (remedy === 'configuration') this.#log.error({ event: 'redis.misconfigured', ...fields }, message)
    else this.#log.warn({ event: 'redis.failed', ...fields }, message)
  }
}
