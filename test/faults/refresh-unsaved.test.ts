import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import type { StorePoint } from '../integration/app-messages.ts'
import { proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import {
  callsOf,
  isWhole,
  leases,
  type Person,
  type RefreshRig,
  recovered,
  startRig,
} from './refresh-rig.fixture.ts'

const [first, second] = [0, 1]
/** Requests that wait for the token whose save fails. */
const herd = 20
const outagesSeconds = countOf({ everyday: 1, full: 2 }) === 2 ? [1, 10, 50] : [1]
/** Until another process may take over: the lease, and the wait for a commit of its owner. */
const takeOverMs = 18_000
const longestHoldSeconds = 60

interface Proxied extends RefreshRig {
  /** Before Redis, one for each process. */
  readonly proxies: readonly [FaultProxy, FaultProxy]
}

async function startProxied(graceSeconds: number, people = 1): Promise<Proxied> {
  const redis = await redisOfTest()
  const proxies = [await proxyOfTest(redis.port, 'redis'), await proxyOfTest(redis.port, 'redis')] as const
  const store = (place: number) => ({ kind: 'single', port: proxies[place === 0 ? 0 : 1].port }) as const
  const rig = await startRig({ count: 2, people, policy: { graceSeconds }, store, redis })
  return { ...rig, proxies }
}

async function cutOff(proxies: readonly FaultProxy[]): Promise<void> {
  for (const proxy of proxies) {
    await proxy.refuse()
    proxy.cut()
  }
}

async function heal(proxies: readonly FaultProxy[]): Promise<void> {
  for (const proxy of proxies) await proxy.heal()
}

/** Redis goes away for these processes when the first one has its new token in hand; answers what its callers got. */
async function goAwayBeforeSave({ apps }: Proxied, person: Person, away: readonly FaultProxy[]) {
  const save = await apps.at(first).hold('grants.commit before', 1)
  const reads = await apps.at(first).hold('grants.read after', herd)
  const waiting = Array.from({ length: herd }, () => apps.get(first, '/me', person.cookie))
  await reads.arrivals(herd)
  await reads.release()
  await save.arrivals()
  await cutOff(away)
  await save.release()
  return (await Promise.all(waiting)).map(({ status }) => status)
}

/** 503-keep: come again, nothing was deleted. */
async function expectUnavailable(apps: Apps, place: number, { cookie }: Person): Promise<void> {
  const reply = await apps.get(place, '/me', cookie)
  expect([reply.status, Number(reply.headers.get('retry-after')) > 0]).toEqual([503, true])
  expect(reply.headers.getSetCookie()).toEqual([])
}

/** What the first process got is what every process gives out, by one token request. */
async function expectSavedOnce({ apps }: Proxied, { cookie, userId }: Person): Promise<void> {
  for (const [place, { isRunning }] of apps.members.entries())
    if (isRunning) expect(await apps.vaultIsLive(place, cookie, userId)).toBe(true)
  expect(callsOf(apps, userId)).toEqual([1, 0])
}

const nobody: Person = { userId: '', cookie: '' }

describe.skipIf(redisIsMissing)('case 66: the save after a rotation fails', () => {
  const results = new ResultsFile({
    name: 'refresh-unsaved',
    title: 'Redis goes away between the answer to a refresh and its save (case 66)',
    command: 'npm run test:full -- test/faults/refresh-unsaved.test.ts',
    setUp: { processes: 2, 'waiting requests': herd, 'grace seconds': 0 },
  })
  afterAll(() => void results.write())

  it.each(outagesSeconds)(
    'Redis is away for %i s: who waits gets the new token, all others 503, and it is saved in the end',
    async (seconds) => {
      const rig = await startProxied(0)
      const { apps, people, proxies } = rig
      const [person = nobody] = people
      const statuses = await goAwayBeforeSave(rig, person, proxies)
      expect(new Set(statuses)).toEqual(new Set([200]))
      for (const place of [first, second]) await expectUnavailable(apps, place, person)
      // The length of the outage is what this test is about.
      await sleep(seconds * 1_000)
      await heal(proxies)
      const healedAt = performance.now()
      const { status } = await recovered(apps, second, person.cookie)
      results.samples(
        `until the other process serves again, ${seconds} s away`,
        [performance.now() - healedAt],
        {
          unit: 'ms',
        },
      )
      results.count(`lost grants, ${seconds} s away`, status === 200 ? 0 : 1, { of: 1, bar: '0' })
      expect(status).toBe(200)
      expect((await recovered(apps, first, person.cookie)).status).toBe(200)
      await expectSavedOnce(rig, person)
      // The lease could not be given back: it runs out.
      await expect.poll(() => leases(rig.redis), { timeout: takeOverMs }).toEqual([])
      expect(await isWhole(apps, second, people)).toBe(true)
    },
    countTimeoutMs,
  )

  it('one process is cut off for less than its lease: the others wait for its save, and send nothing', async () => {
    const rig = await startProxied(0)
    const { apps, people, proxies } = rig
    const [person = nobody] = people
    expect(new Set(await goAwayBeforeSave(rig, person, [proxies[0]]))).toEqual(new Set([200]))
    const look = await apps.at(second).hold('grants.observe before', 1)
    const waiting = recovered(apps, second, person.cookie)
    await look.arrivals()
    await look.release()
    await heal(proxies)
    expect((await waiting).status).toBe(200)
    await expectSavedOnce(rig, person)
  })

  it(
    'one process is cut off for longer: with grace another one takes over, and the late save changes nothing',
    async () => {
      const rig = await startProxied(60)
      const { apps, people, proxies } = rig
      const [person = nobody] = people
      expect(new Set(await goAwayBeforeSave(rig, person, [proxies[0]]))).toEqual(new Set([200]))
      expect((await recovered(apps, second, person.cookie, 2 * takeOverMs)).status).toBe(200)
      await heal(proxies)
      expect((await recovered(apps, first, person.cookie)).status).toBe(200)
      for (const place of [first, second])
        expect(await apps.vaultIsLive(place, person.cookie, person.userId)).toBe(true)
      expect(callsOf(apps, person.userId)).toEqual([2, 0])
      expect(await isWhole(apps, first, people)).toBe(true)
    },
    countTimeoutMs,
  )

  it('a process that is asked to end when Redis is back saves what it holds', async () => {
    const rig = await startProxied(0)
    const { apps, people, proxies } = rig
    const [person = nobody] = people
    expect(new Set(await goAwayBeforeSave(rig, person, proxies))).toEqual(new Set([200]))
    // The next try does not come through: it is the end of the process that saves.
    const nextTry = await apps.at(first).hold('grants.commit before', 1)
    await nextTry.arrivals()
    await heal(proxies)
    expect((await recovered(apps, first, person.cookie)).status).toBe(200)
    expect(await apps.at(first).stop()).toBe(0)
    expect(apps.at(first).events('vault.save_lost')).toEqual([])
    expect((await recovered(apps, second, person.cookie)).status).toBe(200)
    await expectSavedOnce(rig, person)
  })

  it('a process that is asked to end while Redis is away ends when Redis is back, and has saved what it holds', async () => {
    const rig = await startProxied(0)
    const { apps, people, proxies } = rig
    const [person = nobody] = people
    expect(new Set(await goAwayBeforeSave(rig, person, proxies))).toEqual(new Set([200]))
    const tries = await apps.at(first).hold('grants.commit after')
    const ending = apps.at(first).stop()
    // It has tried in vain since it was asked to end.
    await tries.arrivals(1)
    await heal(proxies)
    await tries.release()
    expect(await ending).toBe(0)
    expect(apps.at(first).events('vault.save_lost')).toEqual([])
    expect((await recovered(apps, second, person.cookie)).status).toBe(200)
    await expectSavedOnce(rig, person)
  })

  it('a process that is asked to end and finds no Redis for 60 s gives up, says so once, and ends', async () => {
    const rig = await startProxied(0)
    const { apps, people, proxies } = rig
    const [person = nobody] = people
    expect(new Set(await goAwayBeforeSave(rig, person, proxies))).toEqual(new Set([200]))
    const ending = apps.at(first).stop()
    await apps.at(first).advance(longestHoldSeconds + 1)
    expect(await ending).toBe(0)
    expect(apps.at(first).events('vault.save_lost')).toHaveLength(1)
    expect(callsOf(apps, person.userId)).toEqual([1, 0])
  })

  it(
    'a process that has tried for 60 s gives up and says so once; with grace another one recovers the grant',
    async () => {
      const rig = await startProxied(600)
      const { apps, people, proxies } = rig
      const [person = nobody] = people
      expect(new Set(await goAwayBeforeSave(rig, person, proxies))).toEqual(new Set([200]))
      await apps.advance(longestHoldSeconds + 1)
      await expect.poll(() => apps.at(first).events('vault.save_lost')).toHaveLength(1)
      await heal(proxies)
      expect((await recovered(apps, second, person.cookie)).status).toBe(200)
      expect(callsOf(apps, person.userId)).toEqual([2, 0])
      expect(await isWhole(apps, second, people)).toBe(true)
    },
    countTimeoutMs,
  )
})

describe.skipIf(redisIsMissing)('an answer of Redis is lost in the middle of a refresh', () => {
  const steps: readonly StorePoint[] = [
    'sessions.read before',
    'grants.read before',
    'leases.take before',
    'grants.observe before',
    'leases.writeAttempt before',
    'grants.commit before',
    'leases.release before',
  ]

  it.each(steps)('%s: the command is carried out, and asked for again: one token request', async (point) => {
    const rig = await startProxied(0)
    const { apps, people, proxies } = rig
    const [person = nobody] = people
    const [proxy] = proxies
    const hold = await apps.at(first).hold(point, 1)
    const answer = apps.get(first, '/me', person.cookie)
    await hold.arrivals()
    // Whatever command comes next, since nothing else is under way.
    void proxy.dropReply({ of: '*' })
    await hold.release()
    expect((await answer).status).toBe(200)
    expect(proxy.dropped).toBe(1)
    await expectSavedOnce(rig, person)
    expect(await isWhole(apps, second, people)).toBe(true)
  })
})
