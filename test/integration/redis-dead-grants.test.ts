import { describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { contentsOf } from '../redis-contents.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { appsOfTest, herdOfTest, redisOfTest } from './apps.fixture.ts'
import { people } from './fleet.fixture.ts'
import { refreshFigures } from './herd.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const processes = 4
const client = 'example-client'

async function start(users: number) {
  const redis = await redisOfTest()
  const apps = await appsOfTest({
    count: processes,
    store: { kind: 'single', port: redis.port },
    storeOptions: patient,
    server: { users: people(users), policy: { rotate: true, reuseKillsFamily: true } },
  })
  const cookies: string[] = []
  for (const { id } of people(users)) cookies.push(await apps.signIn(id, cookies.length % processes))
  return { redis, apps, cookies, herd: herdOfTest(apps) }
}

/** What Redis holds of sessions and their grants, by key. */
async function state(redis: RedisServer): Promise<Readonly<Record<string, string>>> {
  const entries = (await contentsOf(redis)).filter(({ key }) => /:(s|g:.*|m)$/.test(key))
  return Object.fromEntries(entries.map(({ key, dump }) => [key, dump.toString('base64')]))
}

describe.skipIf(redisIsMissing)(
  'case 68: a dead grant and a client that is refused, over 4 processes and Redis',
  () => {
    it('case 68: 500 parallel requests with a dead grant send one token request, and later ones none', async () => {
      const { apps, cookies, herd } = await start(2)
      const { as } = apps.servers
      as.killRefreshToken('user-1')
      await apps.expire()
      const sent = as.calls.token
      const [dead = '', alive = ''] = cookies
      expect((await herd.run({ cookies: [dead], requests: 500 })).statuses).toEqual({ 401: 500 })
      expect(as.calls.token).toBe(sent + 1)
      // The end of a grant is not the end of a session, and nobody else's business.
      expect((await herd.run({ cookies: [dead], requests: 40, path: '/whoami' })).statuses).toEqual({
        200: 40,
      })
      await apps.advance(400)
      expect((await herd.run({ cookies: [dead], requests: 100 })).statuses).toEqual({ 401: 100 })
      expect(as.calls.token).toBe(sent + 1)
      expect((await herd.run({ cookies: [alive], requests: 40 })).statuses).toEqual({ 200: 40 })
      expect(as.calls.token).toBe(sent + 2)
    })

    it(
      'case 68: a client that is refused costs no user anything: all recover, and nobody signs in again',
      async () => {
        const users = countOf({ everyday: 20, full: 500 })
        const { redis, apps, cookies, herd } = await start(users)
        const { as } = apps.servers
        expect((await herd.run({ cookies, requests: 2 * users })).statuses).toEqual({ 200: 2 * users })
        await apps.expire()
        const before = await state(redis)
        as.setClientSecret(client, 'another-secret')
        const sent = as.calls.token
        const refused = await herd.run({ cookies, requests: 5 * users })
        expect(Object.keys(refused.statuses)).toEqual(['500'])
        const tries = as.calls.token - sent
        expect((await herd.run({ cookies, requests: users, path: '/whoami' })).statuses).toEqual({
          200: users,
        })
        expect(await state(redis)).toEqual(before)
        const loud = apps.members.flatMap((app) => app.log).filter(({ level }) => level === 'error')
        expect(loud.length).toBeGreaterThan(0)
        as.setClientSecret(client, 'example-client-secret')
        await apps.advance(400)
        expect((await herd.run({ cookies, requests: 4 * users })).statuses).toEqual({ 200: 4 * users })
        expect(as.grants().filter(({ userId, revoked }) => userId !== undefined && revoked)).toEqual([])
        console.log(
          `case 68: ${users} users, client refused: ${tries} token requests, all recovered, 0 signed in again`,
        )
        // Each user's refresh token was tried in vain at most once by each process, and none was spent.
        expect(tries).toBeLessThanOrEqual(users * processes)
        expect(refreshFigures(as).familiesKilled).toBe(0)
        expect(as.grants()).toHaveLength(users)
      },
      countTimeoutMs,
    )
  },
)
