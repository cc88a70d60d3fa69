import { createHash } from 'node:crypto'
import { CookieJar, type LiveGrant } from '@latchkey/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import type { StorePoint } from './app-messages.ts'
import { type Apps, publicOrigin } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { refreshFigures } from './herd.ts'
import { redisAppsOfTest } from './redis-apps.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { answered, sessionKeys } from './session-audit.fixture.ts'
import { headerOf, nameOf, prepared, roaming } from './session-race.fixture.ts'

const processes = 4
const users = people(20)

interface Gate {
  readonly arrived: Promise<unknown>
  open(): unknown
}

/** Where the refresh of the old grant stands at the first process while its user signs in anew at others. */
const refreshPoints: Readonly<Record<string, (apps: Apps) => Promise<Gate>>> = {
  'before its lease is taken': atStore('leases.take before'),
  'when its lease is taken': atStore('leases.take after'),
  'before the server has its request': async ({ servers: { as } }) => {
    const hold = as.faults.hold('token', { calls: 1 })
    return { arrived: hold.arrived, open: () => hold.release() }
  },
  'when the server has rotated': async ({ servers: { as } }) => {
    const hold = as.faults.hold('token', { at: 'afterCommit', calls: 1 })
    return { arrived: hold.arrived, open: () => hold.release() }
  },
  'before it is saved': atStore('grants.commit before'),
  'when it is saved': atStore('grants.commit after'),
}

function atStore(point: StorePoint): (apps: Apps) => Promise<Gate> {
  return async (apps) => {
    const hold = await apps.at(0).hold(point, 1)
    return { arrived: hold.arrivals(), open: () => hold.release() }
  }
}

/** The user behind these cookies, and the grant that the vault's token comes from. `undefined`: nobody. */
async function holderOf(apps: Apps, jar: CookieJar, place: number) {
  const whoami = await answered(() => apps.get(place, '/whoami', headerOf(jar)))
  const { user } = (await whoami.json()) as { readonly user: string | null } // our own route
  if (user === null) return undefined
  const reply = await answered(() => apps.get(place, '/vault/example', headerOf(jar)))
  if (reply.status !== 200) return { user, grant: undefined }
  const { digest } = (await reply.json()) as { readonly digest: string } // our own route
  return { user, grant: newest(apps.servers.as.grants()).get(digest) }
}

function newest(grants: readonly LiveGrant[]): ReadonlyMap<string, LiveGrant> {
  const alive = grants.filter(({ revoked, familyRevoked }) => !revoked && !familyRevoked)
  return new Map(
    alive.flatMap((grant) =>
      grant.accessToken === undefined
        ? []
        : [[createHash('sha256').update(grant.accessToken).digest('hex'), grant] as const],
    ),
  )
}

/** How many of these sessions have no access and refresh token of one grant of their user's, at every process. */
async function mixedAmong(apps: Apps, jars: readonly CookieJar[]): Promise<number> {
  const before = await Promise.all(jars.map((jar) => holderOf(apps, jar, 0)))
  await apps.expire()
  const isOfOne = jars.map(async (jar, index) => {
    const after = await Promise.all(apps.members.map((_, place) => holderOf(apps, jar, place)))
    const known = before[index]
    return after.every(
      (one) =>
        one?.grant !== undefined &&
        one.grant.userId === one.user &&
        one.user === known?.user &&
        one.grant.grantId === known?.grant?.grantId,
    )
  })
  return (await Promise.all(isOfOne)).filter((is) => !is).length
}

/** The whole sign-in in the second process. */
async function signInOver(apps: Apps, jar: CookieJar, userId: string): Promise<void> {
  const start = `${publicOrigin}/login/example?returnTo=/whoami`
  const page = await apps.browser(1, jar).signIn(start, { as: nameOf(userId) })
  expect([page.status, page.text]).toEqual([200, expect.stringContaining(`"${userId}"`)])
}

const races = Object.keys(refreshPoints).flatMap((where) =>
  (['user-1', 'user-2'] as const).map((next) => [where, next] as const),
)

describe.skipIf(redisIsMissing)('case 69: logins that race, over 4 processes and Redis', () => {
  const results = new ResultsFile({
    name: 'login-races',
    title: 'Two logins of one browser at 4 processes at once (case 69)',
    command: 'npm run test:full -- test/integration/redis-logins.test.ts',
    setUp: { processes, 'reuse kills family': true, 'store delay at most ms': 4 },
  })
  afterAll(() => void results.write())

  it('case 69: a login overtakes the refresh of the old grant, held at each step: the new one stands alone', async () => {
    const { redis, apps } = await redisAppsOfTest({ count: processes })
    const { as } = apps.servers
    for (const [where, next] of races) {
      const jar = await prepared({ apps, random: () => 0.5 }, 'user-1')
      const tab = jar.clone()
      const old = as.liveFor('user-1')?.grantId ?? ''
      await apps.expire()
      const gate = await refreshPoints[where]?.(apps)
      const slow = apps.get(0, '/me', headerOf(tab))
      await gate?.arrived
      await signInOver(apps, jar, next)
      const newestGrant = as.liveFor(next)?.grantId
      await gate?.open()
      // With the token that it had saved before it was overtaken, or without any.
      expect([where, [200, 401].includes((await slow).status)]).toEqual([where, true])
      expect([where, await holderOf(apps, tab, 2)]).toEqual([where, undefined])
      expect((await holderOf(apps, jar, 3))?.grant?.grantId).toBe(newestGrant)
      expect([where, next, await mixedAmong(apps, [jar])]).toEqual([where, next, 0])
      await expect.poll(() => as.live(old).revoked, { message: where }).toBe(true)
      await apps.get(2, `/end/user/example:${next}`, '', { method: 'POST' })
      expect([where, await sessionKeys(redis)]).toEqual([where, []])
    }
    expect(refreshFigures(as)).toMatchObject({ familiesKilled: 0 })
  })

  it(
    'case 69: two tabs sign in at once: each session has the tokens of one grant, and one of them is the browser',
    async () => {
      const rounds = countOf({ everyday: 30, full: 1_000 })
      const { redis, apps } = await redisAppsOfTest({ count: processes, storeDelayMs: 4 })
      const random = seededRandom(69)
      let [mixed, nobody, left] = [0, 0, 0]
      for (let round = 0; round < rounds; round += users.length) {
        const browsers = users.slice(0, Math.min(users.length, rounds - round)).map(async ({ id }) => {
          // Half of them are signed in already, and their tokens have run out.
          const isIn = random() < 0.5
          const jar = isIn
            ? await prepared({ apps, random }, id)
            : new CookieJar(() => apps.servers.clock.now())
          return { id, jar, isIn }
        })
        const all = await Promise.all(browsers)
        await apps.expire()
        const done = await Promise.all(all.map((one) => twoTabs(apps, random, one)))
        const alive: CookieJar[] = []
        for (const tabs of done) {
          const holders = await Promise.all(tabs.map((tab) => holderOf(apps, tab, 0)))
          const mine = tabs.filter((_, index) => holders[index] !== undefined)
          if (mine.length === 0) nobody += 1
          alive.push(...mine)
        }
        mixed += await mixedAmong(apps, alive)
        const ended = users.map(({ id }, index) =>
          apps.get(index % processes, `/end/user/example:${id}`, '', { method: 'POST' }),
        )
        await Promise.all(ended)
        left += (await sessionKeys(redis)).length
      }
      results.count('sessions with tokens of two grants', mixed, { of: rounds, bar: '0' })
      results.count('browsers that are nobody afterwards', nobody, { of: rounds, bar: '0' })
      expect([mixed, nobody, left]).toEqual([0, 0, 0])
      expect(refreshFigures(apps.servers.as)).toMatchObject({ familiesKilled: 0, most: 1 })
    },
    countTimeoutMs,
  )
})

interface Browser {
  readonly id: string
  readonly jar: CookieJar
  readonly isIn: boolean
}

/** Two logins of this browser, one of them perhaps by somebody else, and a call of a third tab meanwhile. */
async function twoTabs(apps: Apps, random: () => number, { id, jar, isIn }: Browser) {
  const tabs = [jar.clone(), jar.clone()]
  const second = random() < 0.3 ? `user-${1 + (Number(id.slice(5)) % users.length)}` : id
  const logins = tabs.map((tab, index) =>
    roaming({ apps, random }, tab).signIn(`${publicOrigin}/login/example?returnTo=/whoami`, {
      as: nameOf(index === 0 ? id : second),
    }),
  )
  const call = isIn ? apps.get(Math.floor(random() * processes), '/me', headerOf(jar)) : undefined
  await Promise.all([...logins, call])
  return tabs
}
