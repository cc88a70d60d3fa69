import { describe, expect, it, onTestFinished } from 'vitest'
import { appsOfTest, herdOfTest, leaksIn } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { people } from '../integration/fleet.fixture.ts'
import { refreshFigures } from '../integration/herd.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { keysForEver } from '../redis-contents.ts'
import { startCluster, startSentinelSet } from '../redis-groups.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { recovered } from './refresh-rig.fixture.ts'

const users = people(6)
const expiries = countOf({ everyday: 4, full: 100 })
const requests = countOf({ everyday: 60, full: 300 })
const server = { users, policy: { rotate: true, reuseKillsFamily: true } }

/** Herds of everybody's requests at aligned expiries; `between` happens before each. */
async function herds(apps: Apps, between: (expiry: number) => Promise<void> = async () => {}) {
  const herd = herdOfTest(apps)
  const cookies: string[] = []
  for (const { id } of users) cookies.push(await apps.signIn(id, cookies.length % apps.members.length))
  for (let expiry = 0; expiry < expiries; expiry += 1) {
    await between(expiry)
    for (const place of apps.members.keys())
      expect((await recovered(apps, place, cookies[0] ?? '')).status).toBe(200)
    await apps.expire()
    expect((await herd.run({ cookies, requests })).statuses).toEqual({ 200: requests })
    for (const [index, { id }] of users.entries())
      expect(await apps.vaultIsLive(expiry % apps.members.length, cookies[index] ?? '', id)).toBe(true)
  }
  const { average, most, familiesKilled, unanswered, generations } = refreshFigures(apps.servers.as)
  console.log(`${generations} expiries: ${average} token requests each (at most ${most})`)
  expect({ average, most, familiesKilled, unanswered }).toEqual({
    average: '1.000',
    most: 1,
    familiesKilled: 0,
    unanswered: 0,
  })
}

async function expectClean(servers: readonly RedisServer[], apps: Apps): Promise<void> {
  for (const one of servers.filter(({ isRunning }) => isRunning)) {
    expect(await keysForEver(one)).toEqual([])
    expect(await leaksIn(one, apps.servers.as.marks)).toEqual([])
  }
}

describe.skipIf(redisIsMissing)(
  'case 60: herds at an expiry over several Redis servers',
  { timeout: countTimeoutMs },
  () => {
    it('a Cluster of three nodes: one token request for each expiry, in every slot', async () => {
      const cluster = await startCluster()
      onTestFinished(() => cluster.close())
      const apps = await appsOfTest({
        count: 2,
        store: { kind: 'cluster', nodes: cluster.addresses },
        server,
      })
      await herds(apps)
      const sizes = await Promise.all(cluster.primaries.map((node) => node.command('DBSIZE')))
      expect(sizes.filter((size) => size !== 0).length).toBeGreaterThan(1)
      await expectClean(cluster.primaries, apps)
    })

    it('Sentinel, with a failover on the way: one token request for each expiry', async () => {
      const set = await startSentinelSet({ replicas: 1 })
      onTestFinished(() => set.close())
      const store = { kind: 'sentinel', name: set.name, sentinels: set.addresses } as const
      const apps = await appsOfTest({ count: 2, store, server })
      await herds(apps, async (expiry) => {
        const primary = await set.primary()
        if (expiry !== 2 || primary === undefined) return
        await set.inStep()
        await primary.kill()
        await set.failedOver(primary)
      })
      await expectClean(set.servers, apps)
    })
  },
)
