import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { appsOfTest, proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps, AppsSetup } from '../integration/apps.ts'
import { people } from '../integration/fleet.fixture.ts'
import { refreshFigures } from '../integration/herd.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { SteadyLoad } from '../integration/steady-load.ts'
import { startSentinelSet } from '../redis-groups.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { recovered } from './refresh-rig.fixture.ts'

const sessions = countOf({ everyday: 50, full: 10_000 })
const perSecond = countOf({ everyday: 100, full: 1_000 })
const seconds = countOf({ everyday: 3, full: 30 })
const processes = countOf({ everyday: 2, full: 8 })
const users = people(20)

async function signInAll(apps: Apps): Promise<readonly string[]> {
  const cookies: string[] = []
  for (let index = 0; index < sessions; index += 1)
    cookies.push(await apps.signIn(users[index % users.length]?.id ?? '', index % processes))
  return cookies
}

function start(store: AppsSetup['store']): Promise<Apps> {
  return appsOfTest({
    count: processes,
    store,
    server: { users, policy: { rotate: true, reuseKillsFamily: true } },
  })
}

/** Sessions of which some process says that nobody is signed in, or nothing. */
async function lostOf(apps: Apps, cookies: readonly string[]): Promise<number> {
  let lost = 0
  for (const [index, cookie] of cookies.entries()) {
    const reply = await apps.get(index % processes, '/whoami', cookie)
    const { isAuthenticated } = (await reply.json()) as { readonly isAuthenticated?: boolean } // our own route
    if (isAuthenticated !== true) lost += 1
  }
  return lost
}

describe.skipIf(redisIsMissing)('Redis goes away under load', () => {
  const results = new ResultsFile({
    name: 'redis-outage',
    title: 'Redis goes away under load (cases 70, 71, 74)',
    command: 'npm run test:full -- test/faults/redis-outage.test.ts',
    setUp: { sessions, processes, 'requests per second': 2 * perSecond, seconds },
  })
  afterAll(() => void results.write())

  /** Loads the app before, during and after; `outage` resolves when Redis is there again. */
  async function endure(name: string, apps: Apps, outage: () => Promise<void>): Promise<void> {
    const cookies = await signInAll(apps)
    const signedIn = new SteadyLoad(apps, { path: '/whoami', cookies, perSecond })
    const others = new SteadyLoad(apps, { path: '/whoami', perSecond })
    onTestFinished(async () => void (await Promise.all([signedIn.stop(), others.stop()])))
    await expect.poll(() => Math.min(signedIn.answered, others.answered)).toBeGreaterThan(perSecond)
    await outage()
    const backAt = performance.now()
    for (const place of apps.members.keys())
      expect((await recovered(apps, place, cookies[0] ?? '')).status).toBe(200)
    const enough = signedIn.answered + 2 * perSecond
    await expect.poll(() => signedIn.answered).toBeGreaterThan(enough)
    const [with_, without] = await Promise.all([signedIn.stop(), others.stop()])
    const lost = await lostOf(apps, cookies)
    const all = with_.requests + without.requests
    results.count(`sessions lost, ${name}`, lost, { of: sessions, bar: '0' })
    results.count(`answers 503 while it lasts, ${name}`, with_.statuses['503'] ?? 0, { of: with_.requests })
    const disturbed = without.requests - (without.statuses['200'] ?? 0)
    results.count(`requests of others disturbed, ${name}`, disturbed, { of: without.requests, bar: '0' })
    results.samples(`all requests, ${name}`, [...with_.durationsMs, ...without.durationsMs], { unit: 'ms' })
    const recoveryMs = Math.max(0, with_.lastFailureAt - backAt)
    results.samples(`last 503 after it is back, ${name}`, [recoveryMs], { unit: 'ms' })
    expect({ lost, disturbed, unkept: with_.unkept + without.unkept }).toEqual({
      lost: 0,
      disturbed: 0,
      unkept: 0,
    })
    expect(Object.keys(with_.statuses).filter((status) => status !== '200' && status !== '503')).toEqual([])
    expect(all).toBeGreaterThan(2 * perSecond)
    // Nobody's tokens were refreshed more often for that.
    await apps.expire()
    for (const cookie of cookies.slice(0, users.length))
      expect((await apps.get(0, '/me', cookie)).status).toBe(200)
    const { most, familiesKilled } = refreshFigures(apps.servers.as)
    expect({ most, familiesKilled }).toEqual({ most: 1, familiesKilled: 0 })
  }

  it(
    'case 70, case 74: killed and started again: 0 sessions lost, 503 to its users, others notice nothing',
    async () => {
      const redis = await redisOfTest({ keeps: 'append-only file' })
      const proxy = await proxyOfTest(redis.port)
      const apps = await start({ kind: 'single', port: proxy.port })
      await endure('restart', apps, async () => {
        await redis.kill()
        await sleep(seconds * 1_000)
        await redis.start()
      })
      const most = proxy.mostAcceptedPerSecond
      results.samples(`connections per second at most, restart, ${processes} processes`, [most], {
        unit: 'connections',
      })
      // Twenty times a second at first, once a second in the end, jittered.
      expect(most).toBeLessThan(processes * 10)
    },
    countTimeoutMs,
  )

  it(
    'case 71: stopped: 0 sessions lost, each request ends, others notice nothing',
    async () => {
      const redis = await redisOfTest()
      const apps = await start({ kind: 'single', port: redis.port })
      await endure('stopped', apps, async () => {
        redis.pause()
        await sleep(seconds * 1_000)
        redis.resume()
      })
    },
    countTimeoutMs,
  )

  it(
    'failed over by Sentinel: 0 sessions lost, others notice nothing',
    async () => {
      const set = await startSentinelSet({ replicas: 1 })
      onTestFinished(() => set.close())
      const apps = await start({ kind: 'sentinel', name: set.name, sentinels: set.addresses })
      await endure('failover', apps, async () => {
        const primary = await set.primary()
        if (primary === undefined) throw new Error('The set has no primary.')
        await set.inStep()
        await primary.kill()
        await set.failedOver(primary)
      })
    },
    countTimeoutMs,
  )
})
