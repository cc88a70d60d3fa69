import { setTimeout as delay, setImmediate as immediately } from 'node:timers/promises'
import { RedisError, redisError, refusesWrites } from './errors.ts'
import { warnOfEviction } from './eviction-policy.ts'
import { FaultLog } from './fault-log.ts'
import type { RedisSettings } from './options.ts'
import { ownClient, type RedisClient } from './own-client.ts'
import { Wire } from './wire.ts'

const firstPauseMs = 20
/** Of a request's time; in the rest it is answered, also by a process that is busy. */
const shareForAsking = 0.9

/** One question to Redis. It may be put more than once, so it must answer the same then. */
export type Ask = (wire: Wire) => Promise<unknown>

/**
 * The store's own connection. A question that certainly was not carried out, or whose connection broke, is put again
 * inside its deadline; none waits in a queue of the client's, to be carried out when nobody expects it any more.
 */
export class Connection {
  readonly #client: RedisClient
  readonly #wire: Wire
  readonly #settings: RedisSettings
  readonly #faults: FaultLog
  readonly #waiting = new Set<() => void>()
  #pending = 0
  /** Since when Redis cannot be reached, on the process's own clock. Absent also before the first attempt has ended. */
  #awaySince: number | undefined
  #reason: RedisError | undefined
  /** The server has no database of ours: the client goes on in another one, which must get nothing. */
  #isElsewhere = false
  #closed: Promise<void> | undefined

  constructor(template: RedisClient, settings: RedisSettings) {
    this.#settings = settings
    this.#faults = new FaultLog(settings.logger)
    this.#client = ownClient(template, settings.commandTimeoutMs)
    this.#wire = new Wire(this.#client, settings.commandTimeoutMs)
    this.#watch()
  }

  /**
   * Puts a question. Where the server refuses writes and `askWithoutWriting` is given, that is put instead.
   *
   * @throws {RedisError} only
   */
  ask(ask: Ask, askWithoutWriting?: Ask): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new RedisError('CLOSED'))
    if (this.#pending >= this.#settings.maxPending)
      return Promise.reject(this.#noted(new RedisError('OVERLOADED')))
    this.#pending += 1
    return this.#answer(ask, askWithoutWriting)
  }

  /** Says that tokens will not be revoked, because what a command has deleted is not known. */
  noteLostAnswer(operation: string): void {
    const message =
      'The answer to the end of a session was lost: its tokens are gone here, and are not revoked at their authorization server.'
    this.#settings.logger.warn({ event: 'redis.answer_lost', operation }, message)
  }

  /** Closes the connection after what is under way. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  get #isReady(): boolean {
    return this.#client.status === 'ready' && !this.#isElsewhere
  }

  async #answer(ask: Ask, askWithoutWriting: Ask | undefined): Promise<unknown> {
    const deadline = performance.now() + this.#settings.requestTimeoutMs * shareForAsking
    // The common case sets no timer: the client's own for each command is shorter.
    let isFirst = this.#isReady
    try {
      for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
        if (!this.#isReady) await this.#untilReady(deadline)
        try {
          const asked = ask(this.#wire)
          return await (isFirst ? asked : before(deadline, asked))
        } catch (error) {
          const fault = redisError(error)
          isFirst = false
          if (askWithoutWriting !== undefined && refusesWrites(fault)) {
            this.#noted(fault)
            ask = askWithoutWriting
            askWithoutWriting = undefined
            continue
          }
          const leftMs = deadline - performance.now()
          if ((fault.remedy !== 'retry' && fault.remedy !== 'reconnect') || leftMs <= pauseMs)
            throw this.#noted(fault)
        }
        await delay(pauseMs * (0.5 + Math.random() / 2))
      }
    } finally {
      this.#pending -= 1
    }
  }

  /** @throws {RedisError} what keeps Redis away, at the deadline, or at once when it has been away for long. */
  async #untilReady(deadline: number): Promise<void> {
    const { requestTimeoutMs } = this.#settings
    if (this.#isElsewhere) throw this.#noted(this.#reason ?? new RedisError('NODB'))
    const leftMs = deadline - performance.now()
    const awayMs = this.#awaySince === undefined ? 0 : performance.now() - this.#awaySince
    if (awayMs < requestTimeoutMs && leftMs > 0) await this.#readyWithin(leftMs)
    if (this.#closed !== undefined) throw new RedisError('CLOSED')
    if (!this.#isReady) throw this.#noted(this.#reason ?? new RedisError('DISCONNECTED'))
  }

  #readyWithin(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, leftMs)
      this.#waiting.add(done)
    })
  }

  #watch(): void {
    const report = (error: unknown): void => {
      this.#reason = this.#noted(redisError(error))
      if (this.#reason.code === 'NODB') this.#isElsewhere = true
      // While no Sentinel can be reached there is no connection yet that could close.
      if (this.#client.status !== 'ready') this.#awaySince ??= performance.now()
    }
    this.#client.on('error', report)
    // Of a Cluster's nodes.
    this.#client.on('node error', report)
    this.#client.on('close', () => {
      this.#awaySince ??= performance.now()
    })
    this.#client.on('ready', () => {
      if (this.#isElsewhere) return
      if (this.#awaySince !== undefined) this.#settings.logger.info({ event: 'redis.back' }, 'Redis is back.')
      this.#awaySince = undefined
      this.#reason = undefined
      for (const done of [...this.#waiting]) done()
    })
    this.#client.once('ready', () => void warnOfEviction(this.#client, this.#settings.logger))
  }

  async #close(): Promise<void> {
    for (const done of [...this.#waiting]) done()
    // QUIT is answered after everything that was sent before it.
    const hasQuit = this.#isReady && (await this.#client.quit().catch(() => undefined)) !== undefined
    if (!hasQuit) this.#client.disconnect()
  }

  #noted(fault: RedisError): RedisError {
    // That a command found no connection says less than why there is none.
    const isBare = fault.code === 'DISCONNECTED' && fault.reason === undefined
    const told = isBare && this.#reason?.code === 'DISCONNECTED' ? this.#reason : fault
    this.#faults.note(told)
    return told
  }
}

/** What has arrived is read before the deadline counts, also in a process that was busy when it passed. */
async function before(deadline: number, asked: Promise<unknown>): Promise<unknown> {
  const timer = new AbortController()
  const { signal } = timer
  const late = async (): Promise<never> => {
    await delay(Math.max(0, deadline - performance.now()), undefined, { signal })
    await immediately(undefined, { signal })
    throw new RedisError('TIMEOUT')
  }
  try {
    return await Promise.race([asked, late()])
  } finally {
    timer.abort()
  }
}
