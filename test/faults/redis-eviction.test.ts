import { describe, expect, it } from 'vitest'
import { redisOfTest } from '../integration/apps.fixture.ts'
import { publicOrigin } from '../integration/apps.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { adminOfTest } from './error-replies.fixture.ts'
import { startOutageRig } from './outage-rig.fixture.ts'
import { callsOf, isWhole, leases, startRig } from './refresh-rig.fixture.ts'

const people = 60

describe.skipIf(redisIsMissing)('case 76: Redis evicts', () => {
  it.each([
    ['allkeys-lru', 1],
    ['allkeys-random', 1],
    ['volatile-lru', 0],
    ['noeviction', 0],
  ])('case 76: with %s the store warns %i times at its start', async (policy, warnings) => {
    const redis = await redisOfTest({ config: { 'maxmemory-policy': policy } })
    const { apps, asker, person } = await startOutageRig({ processes: 1, people: 1, redis })
    expect((await asker.ask(apps.at(0), 'page', person)).outcome).toBe('served')
    // The client asks once for itself.
    await expect.poll(() => infoCalls(redis)).toBeGreaterThan(1)
    await expect.poll(() => apps.at(0).events('redis.evicts')).toHaveLength(warnings)
  })

  it('case 76: an evicted session is a plain sign-out, and signing in again is all that it costs', async () => {
    const redis = await redisOfTest({ config: { 'maxmemory-policy': 'allkeys-random' } })
    const rig = await startOutageRig({ processes: 2, people, redis })
    const { apps, asker } = rig
    const admin = adminOfTest(redis)
    const used = Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1])
    await admin.config('SET', 'maxmemory', used + 200_000)
    for (let index = 0; !/^evicted_keys:([4-9]\d|\d{3,})/m.test(await admin.info('stats')); index += 1)
      await admin.set(`other:${index}`, 'x'.repeat(5_000), 'EX', 600)
    await admin.config('SET', 'maxmemory', 0)
    let signedOut = 0
    for (const [index, person] of rig.people.entries()) {
      const reply = await apps.get(index % 2, '/whoami', person.cookie)
      const { user } = JSON.parse(await reply.text()) as { readonly user: unknown } // the program's own route
      expect([200, person.userId, null]).toEqual(expect.arrayContaining([reply.status, user]))
      if (user === null) signedOut += 1
      // Its tokens may be gone where the session is not: then the provider is a login away.
      const call = await apps.get(index % 2, '/me', person.cookie)
      await call.arrayBuffer()
      expect(user === null ? [401] : [200, 401]).toContain(call.status)
    }
    console.log(`${signedOut} of ${people} sessions were evicted`)
    expect(signedOut).toBeGreaterThan(0)
    const page = await apps.browser(0).signIn(`${publicOrigin}/login/example`, { as: 'User 1' })
    expect(JSON.parse(page.text)).toMatchObject({ user: 'user-1' })
    const [person = { userId: '', cookie: '' }] = rig.people
    const again = { ...person, cookie: await apps.signIn(person.userId, 1) }
    expect((await asker.ask(apps.at(1), 'call', again)).outcome).toBe('served')
  })

  it('case 76: an evicted lease costs at most one extra refresh', async () => {
    const rig = await startRig({ count: 2, people: 1, policy: { graceSeconds: 60 } })
    const { apps, redis } = rig
    const [person = { userId: '', cookie: '' }] = rig.people
    const save = await apps.at(0).hold('grants.commit before', 1)
    const first = apps.get(0, '/me', person.cookie)
    await save.arrivals()
    const held = await leases(redis)
    expect(held).toHaveLength(1)
    // To the store, eviction is a key that is gone.
    expect(await redis.command('DEL', ...held)).toBe(1)
    const second = await apps.get(1, '/me', person.cookie)
    await save.release()
    expect([(await first).status, second.status]).toEqual([200, 200])
    const [calls = 0] = callsOf(apps, person.userId)
    console.log(`${calls} token requests for one expiry whose lease was evicted`)
    expect(calls).toBeLessThanOrEqual(2)
    expect(await isWhole(apps, 1, rig.people)).toBe(true)
  })
})

async function infoCalls(redis: RedisServer): Promise<number> {
  const stats = String(await redis.command('INFO', 'commandstats'))
  return Number(/^cmdstat_info:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
}
