import type { Store } from '@latchkey/core'
import { RedisAppSessions } from './app-sessions.ts'
import { Connection } from './connection.ts'
import { RedisGrants } from './grant-store.ts'
import { RedisLeases } from './lease-store.ts'
import { type RedisStoreOptions, redisSettings } from './options.ts'
import type { RedisClient } from './own-client.ts'
import { RedisSessions } from './session-store.ts'
import { RedisSubjects } from './subject-store.ts'
import { RedisUsedMarkers } from './used-marker-store.ts'
import { RedisUsers } from './user-store.ts'

/**
 * Keeps everything in Redis (7.0 or later; a single node, Sentinel or Cluster), for any number of processes.
 *
 * The client is a template: the store makes its own connection to the same place, which fails fast and repeats nothing
 * late, and closes that one alone. It begins to connect at once.
 *
 * @throws {LatchkeyError} `invalid_options`
 * @example
 * ```ts
 * const auth = latchkey({ providers: [spotify()], store: redisStore(new Redis(process.env.REDIS_URL)) })
 * ```
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): Store {
  const connection = new Connection(client, redisSettings(options))
  return {
    sessions: new RedisSessions(connection),
    grants: new RedisGrants(connection),
    leases: new RedisLeases(connection),
    usedMarkers: new RedisUsedMarkers(connection),
    subjects: new RedisSubjects(connection),
    users: new RedisUsers(connection),
    appSessions: new RedisAppSessions(connection),
    durable: true,
    close: () => connection.close(),
  }
}
