import { storeContract } from '@latchkey/core/store-contract'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { letPass } from './passing-time.fixture.ts'
import { RedisServer } from './redis-server.fixture.ts'
import { redisStore } from './redis-store.ts'

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await RedisServer.start()
  client = server.client()
})
beforeEach(() => client.flushall())
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

describe('redisStore keeps the store contract', () => {
  for (const check of storeContract) {
    it(check.name, async () => {
      const store = redisStore(client)
      await expect(
        check.run({ store, advance: (seconds) => letPass(client, seconds) }),
      ).resolves.toBeUndefined()
      await store.close()
    })
  }
})
