import type { Store } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { keysForEver } from '../redis-contents.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { redisOfTest } from './apps.fixture.ts'
import { startDevices } from './exbo-devices.fixture.ts'
import { bothSignIn, named, runAll, signIns, signOuts } from './exbo-races.fixture.ts'
import { expectNobodyKilled, failing, plain } from './exbo-random.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

/** As an app opens it. The time of the store is the system's, and that of the devices runs ahead of it. */
function storeOn({ port }: RedisServer): () => Store {
  return () => redisStore(new Redis({ host: '127.0.0.1', port, lazyConnect: true }), patient)
}

describe.skipIf(redisIsMissing)('two devices of one user at EXBO, over Redis', () => {
  it.each([
    ['sign-ins, sign-outs and calls', plain],
    ['sign-ins that fail as well', [...plain, ...failing, ...failing]],
  ] as const)(
    'case 69: %s at random: nobody is killed, and the vault has the living token',
    async (title, repertoire) => {
      const redis = await redisOfTest()
      const rounds = countOf({ everyday: 30, full: 1_000 })
      const devices = await startDevices({ users: rounds, store: storeOn(redis) })
      await expectNobodyKilled(devices, `case 69, over Redis: ${title}`, { rounds, repertoire })
      expect(await keysForEver(redis)).toEqual([])
    },
    countTimeoutMs,
  )

  it.each(named([...signIns, ...bothSignIn, ...signOuts]))(
    'case 69: the first held at each of its steps in turn: %s',
    async (_title, race, index) => {
      await runAll(race, index, { store: storeOn(await redisOfTest()), everydayStride: 9 })
    },
    countTimeoutMs,
  )
})
