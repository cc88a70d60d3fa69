import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { type FaultProxy, mostPerSecond } from '../fault-proxy.ts'
import { appsOfTest, proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { startSentinelSet } from '../redis-groups.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { askerOfTest, lostOf, signInPeople } from './asks.fixture.ts'
import { type LoadFigures, PacedLoad } from './paced-load.fixture.ts'

const sessions = countOf({ everyday: 200, full: 10_000 })
const perSecond = countOf({ everyday: 50, full: 1_000 })
const stopSeconds = countOf({ everyday: 3, full: 30 })
/** Under load before the outage and after the recovery. */
const calmMs = countOf({ everyday: 1_000, full: 10_000 })
const processes = 2
const longestRecoveryMs = 30_000

interface Place {
  readonly store: Parameters<typeof appsOfTest>[0]['store']
  /** Counts the connections of the processes, where one can be put before Redis. */
  readonly proxy?: FaultProxy
  /** Takes Redis away. Resolves when it is back, as far as Redis is concerned, to that moment. */
  readonly outage: () => Promise<number>
}

async function singleNode(outage: (redis: RedisServer) => Promise<void>): Promise<Place> {
  const redis = await redisOfTest({ keeps: 'append-only file', config: { appendfsync: 'everysec' } })
  const proxy = await proxyOfTest(redis.port)
  return {
    store: { kind: 'single', port: proxy.port },
    proxy,
    outage: async () => {
      await outage(redis)
      return performance.now()
    },
  }
}

async function sentinelSet(): Promise<Place> {
  const set = await startSentinelSet({ replicas: 1 })
  onTestFinished(() => set.close())
  return {
    store: { kind: 'sentinel', name: set.name, sentinels: set.addresses },
    outage: async () => {
      const primary = await set.primary()
      if (primary === undefined) throw new Error('The set has no primary.')
      // What a failover forgets is case 73.
      await set.inStep()
      await primary.kill()
      await set.failedOver(primary)
      return performance.now()
    },
  }
}

/** The length of the stop is what it is about. */
const scenarios: Readonly<Record<string, () => Promise<Place>>> = {
  [`stopped for ${stopSeconds} s`]: () =>
    singleNode(async (redis) => {
      redis.pause()
      await sleep(stopSeconds * 1_000)
      redis.resume()
    }),
  restarted: () => singleNode((redis) => redis.restart()),
  'failed over by Sentinel': sentinelSet,
}

async function residentBytes(apps: Apps): Promise<number> {
  const usages = await Promise.all(apps.members.map((app) => app.ask({ ask: 'usage' })))
  return Math.max(...usages.map((usage) => usage.residentBytes)) / 2 ** 20
}

describe.skipIf(redisIsMissing)('Redis goes away under load, and comes back', () => {
  const results = new ResultsFile({
    name: 'redis-away',
    title: 'Redis stopped, restarted and failed over under load (cases 70, 71 and 74)',
    command: 'npm run test:full -- test/faults/redis-away.test.ts',
    setUp: { processes, 'requests per second': perSecond, commandTimeoutMs: 500, requestTimeoutMs: 1_000 },
  })
  afterAll(() => void results.write())

  function record(name: string, run: Run): void {
    const { during, sessionsLost, attempts } = run
    const kept = during.signedIn['503-keep'] ?? 0
    const affected = countWrong(during.others)
    const others = affected + (during.others.served ?? 0)
    results.samples(`${name}: requests per second reached`, [during.perSecond], { unit: '1/s' })
    results.count(`${name}: requests that were due and not sent`, run.missed, {
      of: during.sent + run.missed,
      bar: '0',
    })
    results.count(`${name}: sessions lost`, sessionsLost, { of: sessions, bar: '0' })
    results.count(`${name}: requests of who is signed in, answered 503`, kept, { of: during.sent - others })
    results.count(`${name}: requests without a session affected`, affected, { of: others, bar: '0' })
    results.samples(`${name}: duration of a request`, during.durationsMs, { unit: 'ms', bar: '<= 1000' })
    results.samples(`${name}: recovery`, [run.recoveryMs], { unit: 'ms', bar: '<= 5000' })
    if (attempts !== undefined)
      results.samples(`${name}: peak connection attempts per second`, [mostPerSecond(attempts)], {
        unit: '1/s',
      })
    results.samples(`${name}: memory of the larger process before`, [run.bytesBefore], { unit: 'MiB' })
    results.samples(`${name}: memory of the larger process after`, [run.bytesAfter], { unit: 'MiB' })
  }

  it.each(Object.keys(scenarios))(
    'Redis is %s: no session is lost, nobody without one notices, and every request ends',
    async (name) => {
      const place = await scenarios[name]?.()
      if (place === undefined) throw new Error('no such scenario')
      const apps = await appsOfTest({
        count: processes,
        store: place.store,
        server: { users: named(sessions), policy: { rotate: true, reuseKillsFamily: true } },
      })
      const run = await runThrough(apps, place)
      record(name, run)
      expect([run.lostBefore, run.sessionsLost]).toEqual([0, 0])
      expect(countWrong(run.during.others)).toBe(0)
      expect(countWrong(run.during.signedIn) - (run.during.signedIn['503-keep'] ?? 0)).toBe(0)
    },
    countTimeoutMs,
  )
})

interface Run {
  readonly lostBefore: number
  readonly sessionsLost: number
  readonly missed: number
  readonly during: LoadFigures
  readonly recoveryMs: number
  readonly attempts: readonly number[] | undefined
  readonly bytesBefore: number
  readonly bytesAfter: number
}

async function runThrough(apps: Apps, place: Place): Promise<Run> {
  const asker = askerOfTest()
  const people = await signInPeople(apps, sessions)
  const lostBefore = await lostOf(apps, asker, people)
  const load = new PacedLoad(apps, asker, { people, perSecond })
  onTestFinished(() => load.stop())
  await sleep(calmMs)
  const bytesBefore = await residentBytes(apps)
  const connections = place.proxy?.acceptedAt.length
  const began = performance.now()
  const back = await place.outage()
  const isServed = (): boolean => load.figures(performance.now() - 500).signedIn['503-keep'] === undefined
  await expect.poll(isServed, { timeout: longestRecoveryMs }).toBe(true)
  await sleep(calmMs)
  await load.stop()
  const sessionsLost = await lostOf(apps, asker, people)
  return {
    lostBefore,
    sessionsLost,
    missed: load.missed,
    during: load.figures(began),
    recoveryMs: load.recoveryMs(back),
    attempts: place.proxy?.acceptedAt.slice(connections),
    bytesBefore,
    bytesAfter: await residentBytes(apps),
  }
}

function countWrong(counts: Readonly<Record<string, number>>): number {
  return Object.entries(counts).reduce((sum, [outcome, count]) => sum + (outcome === 'served' ? 0 : count), 0)
}
