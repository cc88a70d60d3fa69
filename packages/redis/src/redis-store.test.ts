import { readFileSync } from 'node:fs'
import { storeContract } from '@latchkey/core/store-contract'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import type { RedisClient } from './own-client.ts'
import { keysWithoutTtl, letPass } from './passing-time.fixture.ts'
import { clientOf, clusterOf, startSmallCluster } from './redis-clients.fixture.ts'
import { redisStore } from './redis-store.ts'
import { patient } from './store-options.fixture.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const [, rights = ''] = /^ *ACL (SETUSER .*)$/m.exec(readme) ?? []
const rightsInReadme = rights.split(' ')

interface Setup {
  readonly start: () => Promise<RedisServer>
  readonly template: (server: RedisServer) => RedisClient
}

const setups: Readonly<Record<string, Setup>> = {
  'a single node': { start: () => startRedis(), template: (server) => clientOf(server) },
  'a single node with a keyPrefix and another database': {
    start: () => startRedis(),
    template: (server) => clientOf(server, { keyPrefix: 'app:', db: 3 }),
  },
  'a single node, with the rights in the README alone': {
    start: async () => {
      const server = await startRedis()
      const admin = clientOf(server)
      await admin.call('ACL', ...rightsInReadme)
      admin.disconnect()
      return server
    },
    template: (server) => clientOf(server, { username: 'latchkey', password: 'password' }),
  },
  'a Cluster': { start: () => startSmallCluster(), template: (server) => clusterOf(server) },
  'a Cluster with a keyPrefix': {
    start: () => startSmallCluster(),
    template: (server) => clusterOf(server, { keyPrefix: 'app:' }),
  },
}

describe.skipIf(redisIsMissing).each(Object.entries(setups))('redisStore on %s', (_, { start, template }) => {
  let server: RedisServer
  let client: RedisClient
  /** Sees every key by its whole name. */
  let onlooker: Redis

  beforeAll(async () => {
    server = await start()
    client = template(server)
    onlooker = clientOf(server, { db: client.isCluster ? 0 : ((client.options as { db?: number }).db ?? 0) })
  })
  beforeEach(() => onlooker.flushall())
  afterAll(async () => {
    client.disconnect()
    onlooker.disconnect()
    await server.close()
  })

  for (const check of storeContract) {
    it(check.name, async () => {
      const store = redisStore(client, patient)
      const advance = (seconds: number): Promise<void> => letPass(onlooker, seconds)
      await expect(check.run({ store, advance })).resolves.toBeUndefined()
      await store.close()
      expect(await keysWithoutTtl(onlooker)).toEqual([])
    })
  }
})
