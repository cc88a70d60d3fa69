import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RedisServer, redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import { warnOfEviction } from './eviction-policy.ts'
import { clientOf, clusterOf, startSmallCluster } from './redis-clients.fixture.ts'
import { redisStore } from './redis-store.ts'
import { KeptLog } from './store-options.fixture.ts'

let server: RedisServer
let admin: Redis

beforeAll(async () => {
  server = await startRedis()
  admin = clientOf(server)
})
afterAll(async () => {
  admin.disconnect()
  await server.close()
})

it.skipIf(redisIsMissing).each([
  ['noeviction', 0],
  ['volatile-lru', 0],
  ['volatile-ttl', 0],
  ['allkeys-lru', 1],
  ['allkeys-random', 1],
])('warns of what %s would throw away: %i (case 76)', async (policy, warnings) => {
  await admin.config('SET', 'maxmemory-policy', policy)
  const log = new KeptLog()
  await warnOfEviction(admin, log)
  expect(log.lines).toHaveLength(warnings)
  expect(log.lines.filter((line) => line.includes(policy))).toHaveLength(warnings)
})

it.skipIf(redisIsMissing)('asks at start-up', async () => {
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lfu')
  const logger = new KeptLog()
  const store = redisStore(admin, { logger })
  await expect.poll(() => logger.lines).toEqual([expect.stringMatching(/^warn .*Set noeviction/)])
  await store.close()
})

it.skipIf(redisIsMissing)(
  'finds out where CONFIG is forbidden, and lets it be where INFO is too',
  async () => {
    await admin.acl('SETUSER', 'managed', 'on', 'nopass', '~*', '+@all', '-config')
    await admin.acl('SETUSER', 'silent', 'on', 'nopass', '~*', '+@all', '-config', '-info')
    const told = new KeptLog()
    const managed = clientOf(server, { username: 'managed', password: 'x' })
    await warnOfEviction(managed, told)
    expect(told.lines).toHaveLength(1)
    const silent = clientOf(server, { username: 'silent', password: 'x', enableReadyCheck: false })
    const untold = new KeptLog()
    await warnOfEviction(silent, untold)
    expect(untold.lines).toEqual([expect.stringMatching(/^debug /)])
    managed.disconnect()
    silent.disconnect()
  },
)

it.skipIf(redisIsMissing)('asks every primary of a Cluster', async () => {
  const node = await startSmallCluster()
  const meddler = clientOf(node)
  await meddler.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const logger = new KeptLog()
  const store = redisStore(clusterOf(node, { lazyConnect: true }), { logger })
  await expect.poll(() => logger.lines).toContainEqual(expect.stringMatching(/^warn .*Set noeviction/))
  await store.close()
  meddler.disconnect()
  await node.close()
})
