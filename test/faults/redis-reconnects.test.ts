import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { mostPerSecond } from '../fault-proxy.ts'
import { redisOfTest } from '../integration/apps.fixture.ts'
import { refreshFigures } from '../integration/herd.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { lostOf, servedAgain } from './asks.fixture.ts'
import { startOutageRig } from './outage-rig.fixture.ts'
import { PacedLoad } from './paced-load.fixture.ts'

const processes = countOf({ everyday: 2, full: 8 })
const people = countOf({ everyday: 40, full: 1_000 })
const perSecond = countOf({ everyday: 40, full: 400 })
/** Attempts of all processes to see before Redis is back: by then each has reached its longest pause. */
const attempts = processes * 10
/** Pauses of 25-50, 50-100, 100-200, 200-400 and 400-800 ms, then half a second to a second. */
const mostPerProcess = 7

describe.skipIf(redisIsMissing)('case 74: Redis is restarted under load', () => {
  const results = new ResultsFile({
    name: 'redis-reconnects',
    title: 'Reconnections and refreshes after a restart of Redis (case 74)',
    command: 'npm run test:full -- test/faults/redis-reconnects.test.ts',
    setUp: { processes, 'requests per second': perSecond, people },
  })
  afterAll(() => void results.write())

  it(
    `case 74: ${processes} processes try to come back at times of their own, and refresh each token once`,
    async () => {
      const redis = await redisOfTest({ keeps: 'append-only file', config: { appendfsync: 'always' } })
      const rig = await startOutageRig({ processes, people, redis })
      const { apps, asker, proxy } = rig
      const load = new PacedLoad(apps, asker, { people: rig.people, perSecond })
      onTestFinished(() => load.stop())
      await redis.kill()
      const before = proxy.acceptedAt.length
      // A port with nothing behind it: each attempt is accepted, and cut at once.
      await expect.poll(() => proxy.acceptedAt.length - before, { timeout: 60_000 }).toBeGreaterThan(attempts)
      // Every token runs out while Redis is away: what follows refreshes them all.
      await apps.expire()
      await redis.start()
      const back = performance.now()
      for (const app of apps.members) await servedAgain(asker, app, rig.person)
      await load.stop()
      const times = proxy.acceptedAt.slice(before)
      for (const app of apps.members) await asker.askEach(app, 'call', rig.people)
      const figures = refreshFigures(apps.servers.as)
      const lost = await lostOf(apps, asker, rig.people)
      const pauses = times.slice(1).map((at, index) => at - (times[index] ?? at))
      results.samples('peak connection attempts per second', [mostPerSecond(times)], { unit: '1/s' })
      results.samples('between two attempts of any process', pauses, { unit: 'ms' })
      results.samples('recovery', [load.recoveryMs(back)], { unit: 'ms', bar: '<= 5000' })
      results.samples('refreshes per expired token', figures.calls, { unit: 'count', bar: '1' })
      results.count('sessions lost', lost, { of: people, bar: '0' })
      expect(mostPerSecond(times)).toBeLessThanOrEqual(processes * mostPerProcess)
      // Not in step with each other.
      expect(new Set(times).size).toBeGreaterThan(times.length / 2)
      expect([figures.most, figures.generations, figures.familiesKilled]).toEqual([1, people, 0])
      expect(lost).toBe(0)
    },
    countTimeoutMs,
  )
})
