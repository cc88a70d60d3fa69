import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { lostOf, servedAgain } from './asks.fixture.ts'
import { adminOfTest } from './error-replies.fixture.ts'
import { expectOthersServed, type OutageRig, startOutageRig } from './outage-rig.fixture.ts'
import { PacedLoad } from './paced-load.fixture.ts'

const sessions = countOf({ everyday: 100, full: 10_000 })
const slowSeconds = countOf({ everyday: 2, full: 30 })
const perSecond = countOf({ everyday: 50, full: 1_000 })
const lateWrites = countOf({ everyday: 50, full: 1_000 })
const latencyMs = 200
/** Long enough for all that happens meanwhile. */
const pauseMs = slowSeconds * 1_000 + 15_000
const processes = 2

/** Each makes Redis slow, and resolves to what ends that. */
const silences: Readonly<Record<string, (rig: OutageRig) => Promise<() => Promise<unknown>>>> = {
  'CLIENT PAUSE': async ({ redis }) => {
    const admin = adminOfTest(redis)
    // It pauses CLIENT UNPAUSE too, so it has to end by itself.
    await admin.client('PAUSE', pauseMs, 'ALL')
    return () => Promise.resolve()
  },
  SIGSTOP: async ({ redis }) => {
    redis.pause()
    return async () => redis.resume()
  },
}

/** How many commands that change something the server has carried out, in scripts too. */
async function writesAt(server: RedisServer): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'))
  const counts = [...stats.matchAll(/^cmdstat_(?:set|del|zadd|zrem|pexpire):calls=(\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

async function usages({ apps }: OutageRig): Promise<readonly number[]> {
  const answers = await Promise.all(apps.members.map((app) => app.ask({ ask: 'usage' })))
  return answers.map(({ residentBytes }) => residentBytes / 2 ** 20)
}

describe.skipIf(redisIsMissing)('case 71: Redis is slow', () => {
  const results = new ResultsFile({
    name: 'redis-slow',
    title: 'Redis does not answer, or late (case 71)',
    command: 'npm run test:full -- test/faults/redis-slow.test.ts',
    setUp: { processes, seconds: slowSeconds, 'requests per second': perSecond },
  })
  afterAll(() => void results.write())

  it.each(Object.keys(silences))(
    'case 71: %s: each request is answered 503, and nobody is signed out',
    async (name) => {
      const rig = await startOutageRig({ processes, people: sessions })
      const { apps, asker, people, person } = rig
      const end = await silences[name]?.(rig)
      const load = new PacedLoad(apps, asker, { people, perSecond })
      onTestFinished(() => load.stop())
      const before = await usages(rig)
      // How long it lasts is what this is about.
      await sleep(slowSeconds * 1_000)
      await load.stop()
      await expectOthersServed(rig)
      const after = await usages(rig)
      await end?.()
      for (const app of apps.members) await servedAgain(asker, app, person)
      const lost = await lostOf(apps, asker, people)
      const { signedIn, others, durationsMs, sent } = load.figures()
      const { served: othersServed = 0, ...affected } = others
      results.count(`${name}: answered 503`, signedIn['503-keep'] ?? 0, { of: sent - othersServed })
      results.samples(`${name}: duration of a request`, durationsMs, { unit: 'ms', bar: '<= 1000' })
      results.samples(`${name}: memory of a process before`, before, { unit: 'MiB' })
      results.samples(`${name}: memory of a process after`, after, { unit: 'MiB' })
      results.count(`${name}: sessions lost`, lost, { of: sessions, bar: '0' })
      expect(Object.keys(signedIn)).toEqual(['503-keep'])
      expect(affected).toEqual({})
      expect(lost).toBe(0)
    },
    countTimeoutMs,
  )

  it(`case 71: ${latencyMs} ms of latency: everything is served`, async () => {
    const rig = await startOutageRig({ processes: 1, people: 5 })
    const { apps, asker, people, proxy } = rig
    proxy.set('toClient', { delayMs: latencyMs })
    for (const ask of ['page', 'call'] as const)
      expect(await asker.askEach(apps.at(0), ask, people)).toEqual({ served: people.length })
    await apps.expire()
    expect(await asker.askEach(apps.at(0), 'call', people)).toEqual({ served: people.length })
  })

  it.each(Object.keys(silences))(
    `case 71: %s: of ${lateWrites} writes that were refused meanwhile, none is carried out afterwards`,
    async (name) => {
      const rig = await startOutageRig({ processes: 1, people: 1 })
      const { apps, asker, person, redis } = rig
      const before = await writesAt(redis)
      const end = await silences[name]?.(rig)
      // What was sent before it was known that Redis is silent may still be carried out: reads only, here.
      await expect
        .poll(async () => (await asker.ask(apps.at(0), 'page', person)).ms, { timeout: 30_000 })
        .toBeLessThan(100)
      const writes = Array.from({ length: lateWrites }, () => apps.signIn('user-2', 0))
      const ends = await Promise.allSettled(writes)
      expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']))
      await end?.()
      await servedAgain(asker, apps.at(0), person)
      expect(await writesAt(redis)).toBe(before)
    },
    countTimeoutMs,
  )
})
