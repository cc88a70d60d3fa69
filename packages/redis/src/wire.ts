import { RedisError, redisError } from './errors.ts'
import { type AwaitedReply, OverdueReplies } from './overdue-replies.ts'
import type { RedisClient } from './own-client.ts'
import type { Script } from './scripts.ts'
import { SharedWrites } from './shared-writes.ts'

/** What goes to Redis beside a command's name. */
export type Argument = string | Buffer | number

/** Sends to Redis. Replies hold buffers; the client's errors hold keys and values. */
export class Wire {
  readonly #client: RedisClient
  readonly #writes: SharedWrites
  readonly #overdue: OverdueReplies
  readonly #unwritten: WrittenCommand[] = []

  /** @param timeoutMs that Redis has for each command. */
  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client
    this.#writes = new SharedWrites(client)
    this.#overdue = new OverdueReplies(timeoutMs)
  }

  command(name: string, ...args: readonly Argument[]): Promise<unknown> {
    this.#writes.join()
    return this.#answered(this.#client.callBuffer(name, ...args))
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

  /**
   * The client's own timeout would fire first in a process that was busy for so long, although the answers have come:
   * all that were under way would fail at once. So the time begins when the command is written, and what has arrived is
   * read before Redis is called silent.
   */
  #answered(reply: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const written = new WrittenCommand(reject)
      this.#unwritten.push(written)
      if (this.#unwritten.length === 1) this.#writes.whenWritten(this.#onWritten)
      reply.then(
        (answer) => {
          this.#settled(written)
          resolve(answer)
        },
        (error: unknown) => {
          this.#settled(written)
          reject(error)
        },
      )
    })
  }

  readonly #onWritten = (): void => {
    const now = performance.now()
    for (const command of this.#unwritten.splice(0)) {
      if (command.isSettled) continue
      command.writtenAt = now
      this.#overdue.add(command)
    }
  }

  #settled(command: WrittenCommand): void {
    command.isSettled = true
    this.#overdue.delete(command)
  }
}

class WrittenCommand implements AwaitedReply {
  writtenAt = 0
  isSettled = false
  earlier: AwaitedReply | undefined
  later: AwaitedReply | undefined
  readonly #reject: (error: RedisError) => void

  constructor(reject: (error: RedisError) => void) {
    this.#reject = reject
  }

  onOverdue(): void {
    this.#reject(new RedisError('TIMEOUT'))
  }
}
