import { RedisError, redisError } from './errors.ts'
import type { RedisClient } from './own-client.ts'
import type { Script } from './scripts.ts'
import { SharedWrites } from './shared-writes.ts'

/** What goes to Redis beside a command's name. */
export type Argument = string | Buffer | number

/** Sends to Redis. Replies hold buffers; the client's errors hold keys and values. */
export class Wire {
  readonly #client: RedisClient
  readonly #writes: SharedWrites
  readonly #timeoutMs: number

  /** @param timeoutMs that Redis has for each command. */
  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client
    this.#writes = new SharedWrites(client)
    this.#timeoutMs = timeoutMs
  }

  command(name: string, ...args: readonly Argument[]): Promise<unknown> {
    this.#writes.join()
    return answered(this.#client.callBuffer(name, ...args), this.#timeoutMs)
  }

  /** Runs a script by its digest; a server that does not know it (restarted, flushed, another node) gets its text. */
  async script(
    { lua, sha }: Script,
    keys: readonly string[],
    ...args: readonly Argument[]
  ): Promise<unknown> {
    try {
      return await this.command('evalsha', sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (redisError(error).code !== 'NOSCRIPT') throw error
      return this.command('eval', lua, keys.length, ...keys, ...args)
    }
  }
}

/**
 * The client's own timeout would fire first in a process that was busy for so long, although the answers have come: all
 * that were under way would fail at once. So what has arrived is read before Redis is called silent.
 */
function answered(reply: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new RedisError('TIMEOUT'))
    const timer = setTimeout(() => setImmediate(late), timeoutMs)
    const done = (): void => clearTimeout(timer)
    reply.then(resolve, reject).then(done, done)
  })
}
