import type { Redis } from 'ioredis'
import { isCluster, type RedisClient } from './own-client.ts'

/**
 * Lets all commands of one turn of the event loop leave in one write: under load a write for each costs more than all
 * else that is done for it. None waits for others to come, because the turn ends once what has arrived is dealt with.
 * The client's own `enableAutoPipelining` was tried and brought nothing: what it saves it spends on a pipeline.
 */
export class SharedWrites {
  readonly #client: RedisClient
  #corked: Redis['stream'] | undefined
  #afterwards: (() => void)[] = []

  constructor(client: RedisClient) {
    this.#client = client
  }

  /** To be called before a command is handed to the client. */
  join(): void {
    const stream = streamOf(this.#client)
    // After a reconnect the socket is another one.
    if (stream === undefined || stream === this.#corked) return
    this.#corked = stream
    stream.cork()
    setImmediate(() => {
      if (this.#corked === stream) this.#corked = undefined
      stream.uncork()
      for (const run of this.#afterwards.splice(0)) run()
    })
  }

  /** Runs it once what was handed to the client before has been written. */
  whenWritten(run: () => void): void {
    if (this.#corked === undefined) run()
    else this.#afterwards.push(run)
  }
}

/** Absent before the first connection, and for a Cluster, which has one for each node. */
function streamOf(client: RedisClient): Redis['stream'] | undefined {
  return isCluster(client) ? undefined : client.stream
}
