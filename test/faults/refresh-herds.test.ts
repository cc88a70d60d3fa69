import { afterAll, describe, expect, it } from 'vitest'
import { appsOfTest, herdOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { type Herd, refreshFigures } from '../integration/herd.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'

const rotating = { policy: { rotate: true, reuseKillsFamily: true } }
const requests = countOf({ everyday: 120, full: 500 })
const expiries = countOf({ everyday: 8, full: 1_000 })

/** What one series of herds brought, beside the counts of the authorization server. */
interface Series {
  /** Requests that were not answered 200, by status or error. */
  readonly failures: Readonly<Record<string, number>>
  readonly durationsMs: readonly number[]
  /** Expiries after which the vault did not have the live token. */
  readonly stale: number
}

async function series(apps: Apps, herd: Herd, userId: string): Promise<Series> {
  const cookie = await apps.signIn(userId)
  const durationsMs: number[] = []
  const failures: Record<string, number> = {}
  let stale = 0
  for (let expiry = 0; expiry < expiries; expiry += 1) {
    await apps.expire()
    const outcome = await herd.run({ cookies: [cookie], requests })
    for (const [status, count] of Object.entries(outcome.statuses))
      if (status !== '200') failures[status] = (failures[status] ?? 0) + count
    durationsMs.push(...outcome.durationsMs)
    if (!(await apps.vaultIsLive(expiry % apps.members.length, cookie, userId))) stale += 1
  }
  return { failures, durationsMs, stale }
}

describe.skipIf(redisIsMissing)('herds at an expiry, over one Redis', () => {
  const results = new ResultsFile({
    name: 'refresh-herds',
    title: 'One token request per expiry in the whole cluster (cases 59, 60)',
    command: 'npm run test:full -- test/faults/refresh-herds.test.ts',
    setUp: { requests, expiries, 'reuse kills family': true },
  })
  afterAll(() => void results.write())

  it.each([
    ['case 59: one process', 1],
    ['case 60: 2 processes', 2],
    ['case 60: 8 processes', 8],
  ])(
    '%s: one token request for each expiry, nobody fails, no family dies',
    { timeout: countTimeoutMs },
    async (_, count) => {
      const redis = await redisOfTest()
      const apps = await appsOfTest({ count, store: { kind: 'single', port: redis.port }, server: rotating })
      const { failures, durationsMs, stale } = await series(apps, herdOfTest(apps), 'user-ada')
      const { calls, ...figures } = refreshFigures(apps.servers.as)
      const name = count === 1 ? 'one process' : `${count} processes`
      results.samples(`token requests per expiry, ${name}`, calls, { unit: 'requests', bar: '1' })
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
      results.count(`failed requests, ${name}`, failed, { of: requests * expiries, bar: '0' })
      results.count(`families killed, ${name}`, figures.familiesKilled, { of: expiries, bar: '0' })
      results.count(`vault without the live token, ${name}`, stale, { of: expiries, bar: '0' })
      results.samples(`answer to a request of the herd, ${name}`, durationsMs, { unit: 'ms' })
      const faults = apps.all.flatMap(({ log }) => log.filter(({ level }) => level === 'error'))
      expect({ failures, stale, faults }).toEqual({ failures: {}, stale: 0, faults: [] })
      expect(figures).toEqual({
        generations: expiries,
        average: '1.000',
        most: 1,
        familiesKilled: 0,
        unanswered: 0,
      })
      expect(apps.servers.rs.calls.resource).toBe(requests * expiries)
    },
  )
})
