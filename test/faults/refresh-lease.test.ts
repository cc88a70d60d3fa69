import { afterAll, describe, expect, it } from 'vitest'
import type { Apps } from '../integration/apps.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { callsOf, isWhole, leases, type Person, recovered, startRig } from './refresh-rig.fixture.ts'

const [leader, other, third] = [0, 1, 2]
const coolDownSeconds = 10
const stops = countOf({ everyday: 1, full: 20 })
const perStop = countOf({ everyday: 4, full: 10 })

async function statusesOf(answers: readonly Promise<Response>[]): Promise<readonly number[]> {
  return (await Promise.all(answers)).map(({ status }) => status)
}

/** The leader is frozen with the answers of these people's refreshes in hand, until the other process has gone on. */
async function outlive(apps: Apps, people: readonly Person[]) {
  const hold = await apps.at(leader).hold('grants.commit before')
  const slow = people.map(({ cookie }) => apps.get(leader, '/me', cookie))
  await hold.arrivals(people.length)
  apps.at(leader).pause()
  const recoveries = await Promise.all(people.map(({ cookie }) => recovered(apps, other, cookie)))
  apps.at(leader).resume()
  await hold.release()
  return { others: recoveries.map(({ status }) => status), late: await statusesOf(slow) }
}

describe.skipIf(redisIsMissing)('case 63: a lease is outlived', () => {
  const results = new ResultsFile({
    name: 'refresh-lease',
    title: 'The leader is stopped (SIGSTOP) past its lease, between answer and save (case 63)',
    command: 'npm run test:full -- test/faults/refresh-lease.test.ts',
    setUp: { rounds: stops * perStop, 'rounds per stop': perStop, processes: 2, 'reuse kills family': true },
  })
  afterAll(() => void results.write())
  const rounds = stops * perStop

  it(
    'SIGSTOP past the lease, 60 s of grace: the late save is refused, nothing is overwritten or lost',
    async () => {
      const { apps, people, redis } = await startRig({
        count: 2,
        people: rounds,
        policy: { graceSeconds: 60 },
      })
      let [overwritten, failed] = [0, 0]
      for (let stop = 0; stop < stops; stop += 1) {
        const stopped = people.slice(stop * perStop, (stop + 1) * perStop)
        const { others, late } = await outlive(apps, stopped)
        failed += [...others, ...late].filter((status) => status !== 200).length
        for (const { cookie, userId } of stopped) {
          const live = [other, leader].map((place) => apps.vaultIsLive(place, cookie, userId))
          if ((await Promise.all(live)).includes(false)) overwritten += 1
          expect(callsOf(apps, userId)).toEqual([2, 0])
        }
        expect(await leases(redis)).toEqual([])
        expect(await isWhole(apps, leader, stopped)).toBe(true)
      }
      results.count('tokens overwritten, grace 60 s', overwritten, { of: rounds, bar: '0' })
      results.count('failed requests, grace 60 s', failed, { of: 2 * rounds, bar: '0' })
      expect({ overwritten, failed }).toEqual({ overwritten: 0, failed: 0 })
      expect(apps.servers.as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])
    },
    countTimeoutMs,
  )

  it(
    'SIGSTOP past the lease, no grace: one extra refresh kills the family, a login away, and there is no loop',
    async () => {
      const { apps, people, redis } = await startRig({ count: 2, people: rounds })
      let more = 0
      for (let stop = 0; stop < stops; stop += 1) {
        const stopped = people.slice(stop * perStop, (stop + 1) * perStop)
        const { others, late } = await outlive(apps, stopped)
        expect(new Set([...others, ...late])).toEqual(new Set([401]))
        const { token } = apps.servers.as.calls
        for (const { cookie, userId } of stopped) {
          for (const place of [leader, other])
            expect((await recovered(apps, place, cookie, 0)).status).toBe(401)
          expect(callsOf(apps, userId)).toEqual([2, 0])
        }
        more += apps.servers.as.calls.token - token
        expect(await leases(redis)).toEqual([])
      }
      results.count('token requests after the end of a grant, no grace', more, { of: 2 * rounds, bar: '0' })
      expect(more).toBe(0)
    },
    countTimeoutMs,
  )

  it('a server that never answers is given up inside the lease, and nobody else sends meanwhile', async () => {
    const { apps, people, redis } = await startRig({ count: 2, people: 1 })
    const { as } = apps.servers
    const [{ cookie = '', userId = '' } = {}] = people
    as.faults.always('token', { noHeaders: true })
    const answers = [leader, other].map((place) => apps.get(place, '/me', cookie))
    for (const [sends, deadlineSeconds] of [
      [1, 10],
      [2, 4],
    ] as const) {
      await expect.poll(() => callsOf(apps, userId)).toEqual([sends])
      expect(await leases(redis)).toHaveLength(1)
      await apps.advance(deadlineSeconds)
    }
    expect(await statusesOf(answers)).toEqual([503, 503])
    expect([callsOf(apps, userId), await leases(redis)]).toEqual([[2], []])
    as.faults.clear()
    await apps.advance(coolDownSeconds)
    expect(await statusesOf([leader, other].map((place) => apps.get(place, '/me', cookie)))).toEqual([
      200, 200,
    ])
    expect(callsOf(apps, userId)).toEqual([3, 0])
    expect(await isWhole(apps, other, people)).toBe(true)
  })

  it('whoever comes back after its lease neither sends nor gives the lease of another back', async () => {
    const { apps, people, redis } = await startRig({ count: 3, people: 1 })
    const [{ cookie = '', userId = '' } = {}] = people
    const hold = await apps.at(leader).hold('leases.writeAttempt before')
    const slow = apps.get(leader, '/me', cookie)
    await hold.arrivals()
    apps.at(leader).pause()
    const atServer = apps.servers.as.faults.hold('token')
    const next = recovered(apps, other, cookie)
    await atServer.arrived
    const [lease = ''] = await leases(redis)
    const owner = await redis.command('GET', lease)
    apps.at(leader).resume()
    await hold.release()
    // Looks again and again what becomes of the lease that is another's now.
    const looks = await apps.at(leader).hold('grants.observe before', 1)
    await looks.arrivals()
    await looks.release()
    const later = apps.get(third, '/me', cookie)
    expect(await redis.command('GET', lease)).toBe(owner)
    atServer.release()
    expect(await statusesOf([slow, later])).toEqual([200, 200])
    expect((await next).status).toBe(200)
    expect(callsOf(apps, userId)).toEqual([1, 0])
    expect(await isWhole(apps, leader, people)).toBe(true)
  })

  it.each([
    ['the other process adopts what the leader saves', true, [1, 0]],
    ['and the leader is not heard of for 3 s: one extra refresh, nothing is lost', false, [2, 0]],
  ])('the clock of Redis jumps ahead: %s', async (_, isHeard, calls) => {
    const { apps, people, redis } = await startRig({ count: 2, people: 1, policy: { graceSeconds: 60 } })
    const [{ cookie = '', userId = '' } = {}] = people
    const atServer = apps.servers.as.faults.hold('token', { calls: 1 })
    const first = apps.get(leader, '/me', cookie)
    await atServer.arrived
    const second = apps.get(other, '/me', cookie)
    const [lease = ''] = await leases(redis)
    const owner = await redis.command('GET', lease)
    // What a clock that jumps does to a key with a time to live.
    await redis.command('DEL', lease)
    await expect.poll(() => redis.command('GET', lease)).not.toBeOneOf([null, owner])
    if (!isHeard) await second
    atServer.release()
    expect(await statusesOf([first, second])).toEqual([200, 200])
    expect(callsOf(apps, userId)).toEqual(calls)
    expect(await leases(redis)).toEqual([])
    expect(await isWhole(apps, leader, people)).toBe(true)
  })
})
