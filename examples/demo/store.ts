import type { Store } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import type { AppSettings } from './settings.ts'

/** Where the demo keeps things. */
export interface DemoStore {
  /** For people. */
  readonly name: 'Redis' | 'memory'
  /** Latchkey's store. Absent: its own, in memory. */
  readonly store?: Store
  /** The app's own list of its users: a real one has a table. */
  readonly users: UserList
  /** To be called after Latchkey has closed its store. */
  readonly close: () => void
}

/** The ids of everybody who has ever signed in. */
export interface UserList {
  readonly add: (userId: string) => Promise<void>
  readonly all: () => Promise<readonly string[]>
}

const usersLiveSeconds = 30 * 24 * 3600

/** Redis when there is one: then every process sees the same. Else the memory of this process. */
export function demoStore({ redisUrl, keyPrefix }: AppSettings): DemoStore {
  if (redisUrl === undefined) return { name: 'memory', users: usersInMemory(), close: () => {} }
  const redis = new Redis(redisUrl, { keyPrefix, commandTimeout: 1_000, maxRetriesPerRequest: 1 })
  // Latchkey's store connects to the same place and says what is wrong with it.
  redis.on('error', () => {})
  return {
    name: 'Redis',
    store: redisStore(redis),
    users: usersInRedis(redis),
    close: () => redis.disconnect(),
  }
}

function usersInMemory(): UserList {
  const ids = new Set<string>()
  return { add: async (userId) => void ids.add(userId), all: async () => [...ids] }
}

function usersInRedis(redis: Redis): UserList {
  return {
    add: async (userId) => {
      await redis.multi().sadd('users', userId).expire('users', usersLiveSeconds).exec()
    },
    all: async () => (await redis.smembers('users')).sort(),
  }
}
