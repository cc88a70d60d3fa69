import { redisError } from './errors.ts'
import type { RedisClient } from './own-client.ts'
import type { Script } from './scripts.ts'

/** What goes to Redis beside a command's name. */
export type Argument = string | Buffer | number

/** Sends to Redis. Replies hold buffers; the client's errors hold keys and values. */
export class Wire {
  readonly #client: RedisClient

  constructor(client: RedisClient) {
    this.#client = client
  }

  command(name: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.#client.callBuffer(name, ...args)
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
