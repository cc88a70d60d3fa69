import { afterAll, describe, expect, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import type { StorePoint } from './app-messages.ts'
import type { Apps } from './apps.ts'
import { redisAppsOfTest } from './redis-apps.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { sessionKeys } from './session-audit.fixture.ts'
import { headerOf, prepared } from './session-race.fixture.ts'

const processes = 4
const ada = 'user-1'
const grace = 'user-2'

/** How all sessions of a user are ended. */
interface End {
  readonly name: string
  readonly path: (userId: string) => string
  /** What becomes of a login that is held there meanwhile: its place in the index is that of its time. */
  readonly held: Readonly<Record<StorePoint, 'dead' | 'alive'>>
}

const ends: readonly End[] = [
  {
    name: 'auth.user(id).logout()',
    path: (userId) => `/end/user/example:${userId}`,
    held: {
      'subjects.join before': 'alive',
      'subjects.join after': 'dead',
      'sessions.write before': 'dead',
      'sessions.write after': 'dead',
      'subjects.notBefore before': 'dead',
      'subjects.notBefore after': 'dead',
    },
  },
  {
    name: 'auth.endSessions()',
    path: (userId) => `/end/account/${userId}`,
    held: {
      'subjects.join before': 'alive',
      // The first is the index of the user, and that of the account comes after the end.
      'subjects.join after': 'alive',
      'sessions.write before': 'dead',
      'sessions.write after': 'dead',
      'subjects.notBefore before': 'dead',
      'subjects.notBefore after': 'dead',
    },
  },
]

async function posted(apps: Apps, place: number, path: string, cookie = ''): Promise<void> {
  const reply = await apps.get(place, path, cookie, { method: 'POST' })
  await reply.arrayBuffer()
  expect(reply.status).toBe(200)
}

/** For whom a process takes this cookie. */
async function userAt(apps: Apps, place: number, cookie: string): Promise<unknown> {
  const reply = await apps.get(place, '/whoami', cookie)
  expect(reply.status).toBe(200)
  return ((await reply.json()) as { readonly user: unknown }).user // our own route
}

/** For whom any process takes any of these cookies. */
async function usersOf(apps: Apps, cookies: readonly string[]): Promise<ReadonlySet<unknown>> {
  const places = Array.from({ length: processes }, (_, place) => place)
  const asked = cookies.flatMap((cookie) => places.map((place) => userAt(apps, place, cookie)))
  return new Set(await Promise.all(asked))
}

/** A sign-in by a browser, through all the processes. Rejects when it is refused. */
async function signIn(apps: Apps, userId = ada, random = Math.random): Promise<string> {
  return headerOf(await prepared({ apps, random }, userId))
}

/** For a login that was refused, because all sessions were ended meanwhile. @throws every other failure */
function unlessRefused(error: unknown): undefined {
  const { message } = error as Error // the only thing that is thrown
  if (/code: 'login_required'/.test(message) && /reason: 'signed_out'/.test(message)) return undefined
  // Of a browser: refused, or signed in and signed out before it came to its page.
  if (/ is not signed in: (401|200)$/.test(message)) return undefined
  throw error
}

const sessions = (apps: Apps, userId: string, count: number): Promise<readonly string[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => apps.signIn(userId, index % processes)))

describe.skipIf(redisIsMissing).each(ends)('case 41: $name over 4 processes and Redis', ({ path, held }) => {
  it('case 41: fifty sessions are dead at every process, with their tokens, and stay it; others live', async () => {
    const { redis, apps } = await redisAppsOfTest({ count: processes })
    const { as } = apps.servers
    const [adas, graces] = [await sessions(apps, ada, 50), await sessions(apps, grace, 4)]
    expect(await usersOf(apps, adas)).toEqual(new Set([ada]))
    // Requests are under way at every process, some of them with tokens that are refreshed.
    await apps.expire()
    const underWay = adas.map((cookie, index) => apps.get(index % processes, '/me', cookie))
    await posted(apps, 3, path(ada))
    expect(await usersOf(apps, adas)).toEqual(new Set([null]))
    const statuses = await Promise.all(underWay.map(async (one) => (await one).status))
    expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([])
    expect(await usersOf(apps, graces)).toEqual(new Set([grace]))
    await expect.poll(() => as.grants().filter((one) => one.userId === ada && !one.revoked)).toEqual([])
    expect(as.liveFor(grace)).toMatchObject({ revoked: false })
    const later = await signIn(apps)
    expect(await usersOf(apps, [later])).toEqual(new Set([ada]))
    expect((await apps.get(0, '/me', later)).status).toBe(200)
    await apps.advance(3_600)
    expect(await usersOf(apps, adas)).toEqual(new Set([null]))
    expect(await usersOf(apps, [later])).toEqual(new Set([ada]))
    for (const user of [ada, grace]) await posted(apps, 1, `/end/user/example:${user}`)
    expect(await sessionKeys(redis)).toEqual([])
  })

  it('case 41: a login that is held meanwhile ends as its time says, and leaves nothing', async () => {
    const { redis, apps } = await redisAppsOfTest({ count: processes })
    for (const [point, expected] of Object.entries(held) as [StorePoint, string][]) {
      const standing = await apps.signIn(ada, 1)
      const hold = await apps.at(0).hold(point, 1)
      const login = apps.signIn(ada, 0).catch(unlessRefused)
      await hold.arrivals()
      await posted(apps, 2, path(ada))
      await hold.release()
      const cookie = await login
      expect(await usersOf(apps, [standing])).toEqual(new Set([null]))
      const users = cookie === undefined ? new Set([null]) : await usersOf(apps, [cookie])
      expect([point, ...users]).toEqual([point, expected === 'alive' ? ada : null])
      expect(await usersOf(apps, [await apps.signIn(ada, 3)])).toEqual(new Set([ada]))
      await posted(apps, 1, `/end/user/example:${ada}`)
      expect(await sessionKeys(redis)).toEqual([])
    }
  })
})

describe.skipIf(redisIsMissing)('case 41: logins race the end of all sessions', () => {
  const results = new ResultsFile({
    name: 'ended-sessions',
    title: 'Logins at 4 processes while all sessions of their user end (case 41)',
    command: 'npm run test:full -- test/integration/redis-ended-sessions.test.ts',
    setUp: { processes, 'store delay at most ms': 4 },
  })
  afterAll(() => void results.write())

  it(
    'case 41: whoever was signed in before is out, whoever signs in afterwards is in, and the rest is one of both everywhere',
    async () => {
      const rounds = countOf({ everyday: 15, full: 1_000 })
      const { redis, apps } = await redisAppsOfTest({ count: processes, storeDelayMs: 4 })
      const random = seededRandom(41)
      const seen = { before: 0, racing: 0, after: 0, revived: 0, lost: 0, divided: 0 }
      for (let round = 0; round < rounds; round += 1) {
        const user = `user-${1 + (round % 20)}`
        const ending = ends[round % 2]?.path(user) ?? ''
        const old = await sessions(apps, user, 4)
        const logins = Array.from({ length: 4 }, () => signIn(apps, user, random).catch(unlessRefused))
        await posted(apps, round % processes, ending)
        const after = await signIn(apps, user, random)
        const racing = (await Promise.all(logins)).filter((cookie) => cookie !== undefined)
        seen.before += old.length
        seen.racing += racing.length
        seen.after += 1
        for (const cookie of old) if ((await usersOf(apps, [cookie])).has(user)) seen.revived += 1
        for (const cookie of racing) if ((await usersOf(apps, [cookie])).size > 1) seen.divided += 1
        if (!(await usersOf(apps, [after])).has(user)) seen.lost += 1
        await posted(apps, 0, `/end/user/example:${user}`)
        for (const cookie of [...old, ...racing, after])
          if ((await usersOf(apps, [cookie])).has(user)) seen.revived += 1
      }
      results.count('sessions alive after their end', seen.revived, { of: seen.before, bar: '0' })
      results.count('later logins lost', seen.lost, { of: seen.after, bar: '0' })
      results.count('racing logins that processes disagree about', seen.divided, {
        of: seen.racing,
        bar: '0',
      })
      expect(seen).toMatchObject({ revived: 0, lost: 0, divided: 0 })
      expect(seen.racing).toBeGreaterThan(0)
      expect(await sessionKeys(redis)).toEqual([])
    },
    countTimeoutMs,
  )
})
