import { CookieJar } from '@latchkey/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { letPass } from '../../packages/redis/src/passing-time.fixture.ts'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { keysForEver } from '../redis-contents.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import type { StorePoint } from './app-messages.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import { type Apps, publicOrigin, tokenLifetimeSeconds } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { oneOf } from './session-race.fixture.ts'

const processes = 2
const users = people(20)
const absoluteSeconds = 30 * 86_400
/** Markers of used callbacks and tombstones of ended app sessions outlive a session by so much at most. */
const afterwardsSeconds = 601

/** Where a process is killed: something is written, and what belongs to it is not. */
const crashes: readonly { readonly at: StorePoint; readonly during: 'sign-in' | 'sign-out' }[] = [
  { at: 'sessions.write before', during: 'sign-in' },
  { at: 'sessions.write after', during: 'sign-in' },
  { at: 'subjects.join after', during: 'sign-in' },
  { at: 'sessions.delete after', during: 'sign-out' },
  { at: 'subjects.leave after', during: 'sign-out' },
]

const size = (redis: RedisServer): Promise<number> => redis.with((client) => client.dbsize())

async function post(apps: Apps, place: number, path: string, cookie: string): Promise<void> {
  const init = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }
  const reply = await apps.get(place, path, cookie, init)
  await reply.arrayBuffer()
  expect([path, [200, 303].includes(reply.status)]).toEqual([path, true])
}

async function get(apps: Apps, place: number, path: string, cookie: string): Promise<void> {
  const reply = await apps.get(place, path, cookie)
  await reply.arrayBuffer()
  // Somebody else may have ended all sessions of this user meanwhile.
  expect([path, [200, 401].includes(reply.status)]).toEqual([path, true])
}

/** Half a sign-in: off to the authorization server, and never back. */
async function abandon(apps: Apps, place: number): Promise<void> {
  const browser = apps.browser(place, new CookieJar(() => apps.servers.clock.now()))
  const page = await browser.get(`${publicOrigin}/login/example`, { redirect: 'manual' })
  expect(page.setCookies).toHaveLength(1)
}

/** Kills the first process in the middle of it, and starts another one. */
async function crash(apps: Apps, { at, during }: (typeof crashes)[number], userId: string): Promise<void> {
  const cookie = during === 'sign-out' ? await apps.signIn(userId, 1) : ''
  const hold = await apps.at(0).hold(at, 1)
  const cut = during === 'sign-in' ? apps.signIn(userId, 0) : post(apps, 0, '/logout', cookie)
  const ended = cut.catch(() => 'cut off')
  await hold.arrivals()
  await apps.at(0).kill9()
  expect(await ended).toBe('cut off')
  await apps.replace(0)
}

/** What a cycle does: it ends with no session, or leaves one that expires. */
async function cycle(apps: Apps, random: () => number): Promise<void> {
  const place = Math.floor(random() * processes)
  const other = Math.floor(random() * processes)
  const what = oneOf(random, ['abandons', 'stays', 'leaves', 'leaves', 'ends all'] as const)
  if (what === 'abandons') {
    await abandon(apps, place)
    return
  }
  const { id } = oneOf(random, users)
  const cookie = await apps.signIn(id, place).catch(refusedIfEnded)
  if (cookie === undefined) return
  await get(apps, other, '/me', cookie)
  await get(apps, other, '/put/colour/red', cookie)
  if (what === 'leaves') await post(apps, other, '/logout', cookie)
  if (what === 'ends all') await post(apps, other, `/end/user/example:${id}`, '')
}

/** A sign-in that is overtaken by the end of all sessions is refused. */
function refusedIfEnded(error: unknown): undefined {
  if (!String(error).includes('login_required')) throw error
}

describe.skipIf(redisIsMissing)('case 77: growth and orphans in Redis', () => {
  const results = new ResultsFile({
    name: 'growth',
    title: 'What sessions leave in Redis, and what one of them takes (case 77)',
    command: 'npm run test:full -- test/integration/redis-growth.test.ts',
    setUp: { processes, users: users.length },
  })
  afterAll(() => void results.write())

  async function start(options = {}) {
    const redis = await redisOfTest()
    const apps = await appsOfTest({
      count: processes,
      store: { kind: 'single', port: redis.port },
      storeOptions: patient,
      options: { signIn: { absoluteSeconds, ...options } },
      server: { users, policy: { rotate: true, reuseKillsFamily: true } },
      provider: () => ({ revocation: 'token' }),
    })
    return { redis, apps }
  }

  it(
    'case 77: after logins, abandoned ones, refreshes, sign-outs and crashes every key has an end, and then nothing is left',
    async () => {
      const [cycles, kills] = [countOf({ everyday: 120, full: 100_000 }), countOf({ everyday: 5, full: 200 })]
      const { redis, apps } = await start()
      const random = seededRandom(77)
      let [done, killed, forEver] = [0, 0, 0]
      while (done < cycles) {
        const batch = Math.min(Math.ceil(cycles / kills), cycles - done)
        for (let at = 0; at < batch; at += 20)
          await Promise.all(Array.from({ length: Math.min(20, batch - at) }, () => cycle(apps, random)))
        done += batch
        await apps.expire()
        const where = crashes[killed % crashes.length]
        if (where !== undefined) await crash(apps, where, oneOf(random, users).id)
        killed += 1
        if (killed % 10 === 0 || killed === kills) forEver += (await keysForEver(redis)).length
      }
      results.count('keys without a time to live', forEver, { of: done, bar: '0' })
      const before = await size(redis)
      // Whoever is left can be ended, the orphans of crashes with them: the indexes still lead to every record.
      for (const { id } of users) await post(apps, 1, `/end/user/example:${id}`, '')
      const alive = await redis.with((client) => client.keys('lk:*:[sg]*'))
      results.count('records of sessions that no index led to', alive.length, { of: killed, bar: '0' })
      // The clocks of the processes run ahead of the store's by as much as the expiries took.
      const ahead = killed * (tokenLifetimeSeconds + 10)
      await redis.with((client) => letPass(client, absoluteSeconds + ahead + afterwardsSeconds))
      const left = await size(redis)
      results.count(`keys after ${done} cycles and ${killed} crashes`, before, { of: done })
      results.count('keys when the last session has expired', left, { of: before, bar: '0' })
      expect([forEver, alive, left]).toEqual([0, [], 0])
    },
    countTimeoutMs,
  )

  it('case 77: an abandoned login writes nothing', async () => {
    const { redis, apps } = await start()
    for (let login = 0; login < 20; login += 1) await abandon(apps, login % processes)
    expect(await size(redis)).toBe(0)
  })

  it('case 77: expired sessions leave the indexes of their user', async () => {
    const { redis, apps } = await start({ idleSeconds: 1, absoluteSeconds: 1 })
    for (let login = 0; login < 20; login += 1) await apps.signIn('user-1', login % processes)
    const members = async (): Promise<number> => {
      await apps.signIn('user-1')
      return redis.with(async (client) => {
        const keys = await client.keys('lk:*:m')
        return Math.max(...(await Promise.all(keys.map((key) => client.zcard(key)))))
      })
    }
    // Each sign-in drops those that are over; the ones of the last second are left.
    await expect.poll(members, { interval: 400 }).toBeLessThan(5)
    await expect.poll(() => size(redis), { timeout: 20_000 }).toBe(0)
  })

  it(
    'case 77: how much a session takes',
    async () => {
      const count = countOf({ everyday: 200, full: 10_000 })
      const { redis, apps } = await start()
      for (let done = 0; done < count; done += 50)
        await Promise.all(
          Array.from({ length: Math.min(50, count - done) }, (_, index) =>
            apps.signIn(users[index % users.length]?.id ?? '', index % processes),
          ),
        )
      const bytes = await redis.with(async (client) => {
        const sums: Record<string, number> = {}
        for (const key of await client.keys('*')) {
          const kind = /:([a-z])(:|$)/.exec(key)?.[1] ?? key
          sums[kind] = (sums[kind] ?? 0) + Number(await client.call('MEMORY', 'USAGE', key, 'SAMPLES', 0))
        }
        return sums
      })
      const total = Object.values(bytes).reduce((sum, one) => sum + one, 0)
      for (const [kind, name] of [
        ['s', 'sign-in session'],
        ['g', 'grant'],
        ['m', 'places in two indexes'],
      ] as const)
        results.samples(`bytes of a session: ${name}`, [(bytes[kind] ?? 0) / count], { unit: 'bytes' })
      results.samples('bytes of a session: all', [total / count], { unit: 'bytes', bar: '< 2500' })
      expect(Object.keys(bytes).toSorted()).toEqual(['g', 'm', 's'])
      expect(total / count).toBeLessThan(2_500)
    },
    countTimeoutMs,
  )
})
