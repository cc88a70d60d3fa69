import { afterAll, describe, expect, it } from 'vitest'
import { appsOfTest, proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { askerOfTest, type Outcome, servedAgain, signInPeople } from './asks.fixture.ts'
import { type Cast, type Operation, operations } from './error-operations.fixture.ts'
import { adminOfTest, errorConfig, errorReplies, type FaultSite } from './error-replies.fixture.ts'
import { callsOf, type Person } from './refresh-rig.fixture.ts'

const names = Object.keys(operations) as readonly Operation[]
/** A sign-in takes several steps of a second each, on a machine that is busy. Nobody waits for a lease that nobody has. */
const longestOperationMs = 12_000
const [withUser, withoutUser] = [0, 1]
const nobody: Person = { userId: '', cookie: '' }

type Site = FaultSite & Omit<Cast, 'place'>

async function startSite(): Promise<Site> {
  const redis = await redisOfTest({ keeps: 'snapshot', config: errorConfig })
  const admin = adminOfTest(redis)
  const proxy = await proxyOfTest(redis.port)
  const users = named(4)
  const apps = await appsOfTest({
    count: 2,
    store: (place) => ({
      kind: 'single',
      port: proxy.port,
      ...(place === withUser ? { username: 'latchkey', password: 'password' } : {}),
    }),
    server: { users, policy: { rotate: true, reuseKillsFamily: true } },
  })
  const asker = askerOfTest()
  const [fresh = nobody, expired = nobody, leaving = nobody] = await signInPeople(apps, 3)
  await apps.expire()
  for (const place of [withUser, withoutUser]) await servedAgain(asker, apps.at(place), fresh)
  return { redis, admin, proxy, apps, asker, fresh, expired, leaving, newcomer: users[3]?.name ?? '' }
}

describe.skipIf(redisIsMissing)('case 72: every error reply of Redis', () => {
  const results = new ResultsFile({
    name: 'redis-replies',
    title: 'Error replies of Redis x operations (case 72)',
    command: 'npm run test:full -- test/faults/redis-replies.test.ts',
    setUp: { replies: errorReplies.length, operations: names.length },
  })
  afterAll(() => void results.write())

  it.each(errorReplies)(
    'case 72: $code: $served are served, all else is answered 503, nobody is taken for signed out',
    async ({ code, at, served, begin }) => {
      const site = await startSite()
      const place = at === 'no user' ? withoutUser : withUser
      const app = site.apps.at(place)
      const end = await begin(site)
      const outcomes: Partial<Record<Operation, Outcome>> = {}
      const durations: number[] = []
      for (const name of names) {
        const startedAt = performance.now()
        outcomes[name] = await operations[name]({ ...site, place })
        durations.push(performance.now() - startedAt)
      }
      await end()
      const count = (wanted: Outcome): number =>
        Object.values(outcomes).filter((outcome) => outcome === wanted).length
      results.count(`${code}: served`, count('served'), { of: names.length, bar: String(served.length) })
      results.count(`${code}: 503, cookies kept`, count('503-keep'), { of: names.length })
      results.samples(`${code}: duration of an operation`, durations, { unit: 'ms' })
      expect(Math.max(...durations)).toBeLessThan(longestOperationMs)
      const wanted = names.map((name) => [name, served.includes(name) ? 'served' : '503-keep'])
      expect(outcomes).toEqual(Object.fromEntries(wanted))
      expect(app.isRunning).toBe(true)
      // Nothing was spent while nothing could be stored, and whoever was signed in is signed in.
      const spent = served.includes('refresh') ? [1, 0] : [0]
      expect(callsOf(site.apps, site.expired.userId)).toEqual(spent)
      for (const person of [site.fresh, site.expired]) await servedAgain(site.asker, app, person)
      if (outcomes['sign-out'] === '503-keep') await servedAgain(site.asker, app, site.leaving)
      expect(callsOf(site.apps, site.expired.userId)).toEqual([1, 0])
      const said = [...app.events('redis.failed'), ...app.events('redis.misconfigured')]
      // Once for each right that is missing.
      const reasons = said.filter((line) => line.code === code).map(({ reason }) => reason)
      expect(reasons.length).toBe(new Set(reasons).size)
      if (app.events('redis.misconfigured').length > 0)
        expect(app.events('redis.misconfigured')[0]?.code).toBe(code)
    },
  )
})
