import { randomBytes } from 'node:crypto'
import { CookieJar } from '@latchkey/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { contentsOf } from '../redis-contents.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { appsOfTest, herdOfTest, redisOfTest } from './apps.fixture.ts'
import { type Apps, publicOrigin } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { type HerdOutcome, refreshFigures } from './herd.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { headerOf, nameOf, roaming } from './session-race.fixture.ts'

const processes = 4
const newSecret = (): string => randomBytes(32).toString('base64url')

/** Processes whose next start takes the secrets that are in force then. */
class Rotation {
  readonly redis: RedisServer
  readonly apps: Apps
  readonly #inForce: { secrets: readonly string[] }

  private constructor(redis: RedisServer, apps: Apps, inForce: { secrets: readonly string[] }) {
    this.redis = redis
    this.apps = apps
    this.#inForce = inForce
  }

  static async start(users: number, secrets: readonly string[], count = processes): Promise<Rotation> {
    const redis = await redisOfTest()
    const inForce = { secrets }
    const apps = await appsOfTest({
      count,
      store: { kind: 'single', port: redis.port },
      storeOptions: patient,
      secrets: () => inForce.secrets,
      // A code lives as long as a login may take, whose callback comes when all tokens have run out once more.
      server: {
        users: people(users),
        policy: { rotate: true, reuseKillsFamily: true, codeLifetimeSeconds: 600 },
      },
    })
    return new Rotation(redis, apps, inForce)
  }

  /** One place after the other is started anew, and the old process asked to end, while `meanwhile` runs. */
  async deploy(secrets: readonly string[], meanwhile: (place: number) => Promise<unknown>): Promise<void> {
    for (let place = 0; place < this.apps.members.length; place += 1) {
      const running = meanwhile(place)
      expect(await this.restart(place, secrets)).toBe(0)
      await running
    }
  }

  restart(place: number, secrets: readonly string[]): Promise<unknown> {
    this.#inForce.secrets = secrets
    return this.apps.restart(place)
  }

  /** Keys of sessions and their grants. */
  async records(): Promise<readonly string[]> {
    return (await contentsOf(this.redis)).map(({ key }) => key).filter((key) => /:(s|g:.*)$/.test(key))
  }
}

/** A login that stands between the two servers: the next page is its callback. */
interface HalfLogin {
  readonly jar: CookieJar
  readonly userId: string
  readonly callback: string
}

async function beginLogin(apps: Apps, userId: string): Promise<HalfLogin> {
  const jar = new CookieJar(() => apps.servers.clock.now())
  const browser = roaming({ apps, random: Math.random }, jar)
  const consent = await browser.get(`${publicOrigin}/login/example?returnTo=/whoami`)
  const answer = await browser.submit(consent, { button: nameOf(userId), redirect: 'manual' })
  return { jar, userId, callback: answer.location ?? '' }
}

/** True when the callback leads to a signed-in user at any of the processes. */
async function endsWell(apps: Apps, { jar, userId, callback }: HalfLogin): Promise<boolean> {
  const page = await roaming({ apps, random: Math.random }, jar).get(callback)
  return page.status === 200 && page.text.includes(`"${userId}"`)
}

function add(sum: Record<string, number>, { statuses }: HerdOutcome): void {
  for (const [status, count] of Object.entries(statuses)) sum[status] = (sum[status] ?? 0) + count
}

/** How the first process answers a call with each of these cookies. */
function statusesOf(apps: Apps, cookies: readonly string[]): Promise<readonly number[]> {
  return Promise.all(cookies.map(async (cookie) => (await apps.get(0, '/me', cookie)).status))
}

/** 503-keep: come again, the cookie stays. */
async function expectKept(apps: Apps, place: number, cookie: string, path: string, method = 'GET') {
  const reply = await apps.get(place, path, cookie, { method, headers: { 'sec-fetch-site': 'same-origin' } })
  await reply.arrayBuffer()
  expect([path, reply.status, reply.headers.get('retry-after')]).toEqual([path, 503, '5'])
  expect(reply.headers.getSetCookie()).toEqual([])
}

describe.skipIf(redisIsMissing)('the secret is rotated by three rolling deploys over Redis', () => {
  const results = new ResultsFile({
    name: 'secret-rotation',
    title: 'Three rolling deploys of 4 processes under load, one for each list of secrets (cases 46, 47)',
    command: 'npm run test:full -- test/integration/redis-secrets.test.ts',
    setUp: { processes, deploys: 3, 'reuse kills family': true },
  })
  afterAll(() => void results.write())

  it(
    'cases 46, 47: nobody is signed out, no request fails, and each login in flight across a switch succeeds',
    async () => {
      const [users, logins] = [countOf({ everyday: 10, full: 200 }), countOf({ everyday: 6, full: 420 })]
      const [old, next] = [newSecret(), newSecret()]
      const rotation = await Rotation.start(users, [old])
      const { apps } = rotation
      const herd = herdOfTest(apps)
      const cookies: string[] = []
      for (const { id } of people(users)) cookies.push(await apps.signIn(id, cookies.length % processes))
      const statuses: Record<string, number> = {}
      let [flights, failed] = [0, 0]
      let inFlight: readonly HalfLogin[] = []
      const load = async (place: number): Promise<void> => {
        await apps.expire()
        const begun = Promise.all(
          Array.from({ length: logins }, (_, index) => beginLogin(apps, `user-${1 + (index % users)}`)),
        )
        const ending = inFlight.map((half) => endsWell(apps, half))
        // Not at the one that is about to end: a balancer has taken it out.
        const places = apps.members.map((_, at) => at).filter((at) => at !== place)
        for (let wave = 0; wave < 5; wave += 1)
          add(statuses, await herd.run({ cookies, requests: 2 * users, places }))
        const ended = await Promise.all(ending)
        flights += ended.length
        failed += ended.filter((isGood) => !isGood).length
        inFlight = await begun
      }
      // The last list takes the old secret away: every record has to be sealed anew before that.
      for (const secrets of [
        [old, next],
        [next, old],
      ])
        await rotation.deploy(secrets, load)
      await load(-1)
      const alive = await statusesOf(apps, cookies)
      const { familiesKilled, most } = refreshFigures(apps.servers.as)
      const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0)
      results.count('requests failed while both secrets are there', requests - (statuses[200] ?? 0), {
        of: requests,
        bar: '0',
      })
      const lostMeanwhile = alive.filter((status) => status !== 200).length
      results.count('sessions lost while both secrets are there', lostMeanwhile, { of: users, bar: '0' })
      results.count('logins in flight across a switch that failed', failed, { of: flights, bar: '0' })
      expect([Object.keys(statuses), lostMeanwhile, failed]).toEqual([['200'], 0, 0])
      expect([familiesKilled, most]).toEqual([0, 1])

      // Half of the users sign in anew, which seals their session under the next secret.
      const half = cookies.slice(0, users / 2)
      const renewed: string[] = []
      for (const { id } of people(users / 2)) {
        const login = await beginLogin(apps, id)
        expect(await endsWell(apps, login)).toBe(true)
        renewed.push(headerOf(login.jar))
      }
      const before = await rotation.records()
      await rotation.deploy([next], async () => {
        add(statuses, await herd.run({ cookies: renewed, requests: users }))
      })
      expect(Object.keys(statuses)).toEqual(['200'])
      for (const [index, cookie] of cookies.slice(half.length).entries())
        for (const path of ['/me', '/whoami']) await expectKept(apps, index % processes, cookie, path)
      expect(new Set(await rotation.records())).toEqual(new Set(before))
      // Nothing is lost: as soon as the old secret is back, so is everybody.
      await rotation.restart(0, [next, old])
      const lost = (await statusesOf(apps, [...cookies.slice(half.length), ...renewed])).filter(
        (status) => status !== 200,
      ).length
      results.count('sessions lost after the old secret was away too early', lost, { of: users, bar: '0' })
      expect(lost).toBe(0)
    },
    countTimeoutMs,
  )

  it('case 46: a process without the new secret answers 503 to what needs it, and deletes nothing', async () => {
    const [old, next] = [newSecret(), newSecret()]
    const rotation = await Rotation.start(2, [old], 2)
    const { apps } = rotation
    const [modern, late] = [0, 1]
    const atLate = await apps.signIn('user-1', late)
    await rotation.restart(modern, [next, old])
    const atModern = await apps.signIn('user-2', modern)
    // The modern process refreshes a grant whose session the late one can read.
    await apps.expire()
    expect((await apps.get(modern, '/me', atLate)).status).toBe(200)
    const [records, sent] = [await rotation.records(), apps.servers.as.calls.token]
    for (const path of ['/me', '/whoami', '/accounts']) await expectKept(apps, late, atModern, path)
    await expectKept(apps, late, atModern, '/logout', 'POST')
    for (const seconds of [0, 200]) {
      await apps.advance(seconds)
      await expectKept(apps, late, atLate, '/me')
      expect((await apps.get(late, '/whoami', atLate)).status).toBe(200)
    }
    expect([new Set(await rotation.records()), apps.servers.as.calls.token]).toEqual([new Set(records), sent])
    for (const cookie of [atLate, atModern]) expect((await apps.get(modern, '/me', cookie)).status).toBe(200)
    await rotation.restart(late, [old, next])
    for (const cookie of [atLate, atModern]) expect((await apps.get(late, '/me', cookie)).status).toBe(200)
    expect(refreshFigures(apps.servers.as)).toMatchObject({ familiesKilled: 0, most: 1 })
  })
})
