import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { redisOfTest } from '../integration/apps.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { redisIsMissing } from '../redis-server.ts'

/** The process has other work to do, as one that renders pages or whose machine is busy. */
function beBusy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe.skipIf(redisIsMissing)('a store in a process that was busy', () => {
  it.each([600, 1_500])(
    'takes the answers that came meanwhile, and does not call Redis silent: %i ms',
    async (ms) => {
      const redis = await redisOfTest()
      const template = new Redis({ port: redis.port, host: '127.0.0.1', lazyConnect: true })
      const store = redisStore(template, { logger: quiet })
      onTestFinished(() => store.close())
      const ref = { slot: 'slot', id: 'grant' }
      expect(await store.leases.take(ref, 'one', 60)).toBe(true)
      const answers = Array.from({ length: 20 }, () => store.leases.owner(ref))
      beBusy(ms)
      expect(await Promise.allSettled(answers)).toEqual(
        Array.from({ length: 20 }, () => ({ status: 'fulfilled', value: 'one' })),
      )
      const clients = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'normal'))
        .trim()
        .split('\n')
      const first = await store.leases.owner(ref)
      expect([first, clients.length]).toEqual(['one', 2])
    },
  )
})
