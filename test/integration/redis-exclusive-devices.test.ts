import { createHash } from 'node:crypto'
import { CookieJar } from '@latchkey/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import { type Apps, publicOrigin } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { answered, sessionKeys } from './session-audit.fixture.ts'
import { headerOf, nameOf, oneOf, type Random, roaming } from './session-race.fixture.ts'

const processes = 2
const users = people(20)

type Act = 'signs in' | 'signs out' | 'signs out and in again' | 'calls the API'
const acts: readonly Act[] = ['signs in', 'signs in', 'signs out', 'signs out and in again', 'calls the API']

/** One browser of somebody who may have two. */
interface Device {
  readonly jar: CookieJar
  readonly wasIn: boolean
  readonly act: Act
}

/** How a device's act ended. */
interface Done extends Device {
  readonly statuses: readonly number[]
}

interface Meeting {
  readonly apps: Apps
  readonly random: Random
}

async function signIn(meeting: Meeting, jar: CookieJar, userId: string): Promise<number> {
  const start = `${publicOrigin}/login/example?returnTo=/whoami`
  return (await roaming(meeting, jar).signIn(start, { as: nameOf(userId) })).status
}

async function act(meeting: Meeting, { jar, act: what }: Device, userId: string): Promise<readonly number[]> {
  const browser = roaming(meeting, jar)
  const script = { headers: { accept: 'application/json' }, redirect: 'manual' } as const
  const leave = async (): Promise<number> => (await browser.post(`${publicOrigin}/logout`, {}, script)).status
  switch (what) {
    case 'signs in':
      return [await signIn(meeting, jar, userId)]
    case 'signs out':
      return [await leave()]
    case 'signs out and in again':
      return [await leave(), await signIn(meeting, jar, userId)]
    case 'calls the API':
      return [(await browser.get(`${publicOrigin}/me`, script)).status]
  }
}

async function status(apps: Apps, jar: CookieJar, path: string): Promise<{ status: number; text: string }> {
  const reply = await answered(() => apps.get(Math.random() < 0.5 ? 0 : 1, path, headerOf(jar)))
  return { status: reply.status, text: await reply.text() }
}

/** Whoever is signed in can call the API, with the one token that lives. */
async function killed(apps: Apps, userId: string, devices: readonly Done[]): Promise<readonly string[]> {
  const about = devices.map((one) => `${one.wasIn ? 'in, ' : ''}${one.act}: ${one.statuses}`).join('; ')
  const faults: string[] = []
  for (const { jar, wasIn, act: what, statuses } of devices) {
    const isIn = (await status(apps, jar, '/whoami')).text.includes(`"${userId}"`)
    const isExpected =
      what.startsWith('signs in') || what.endsWith('in again') ? statuses.at(-1) === 200 : wasIn
    if (isIn !== (isExpected || (wasIn && what === 'signs in')) && what !== 'signs out')
      faults.push(`${userId} is ${isIn ? '' : 'not '}signed in: ${about}`)
    if (!isIn) continue
    const call = await status(apps, jar, '/me')
    if (call.status !== 200) faults.push(`${userId} is killed (${call.status}): ${about}`)
    const { accessToken = '' } = apps.servers.as.liveFor(userId) ?? {}
    const vault = await status(apps, jar, '/vault/example')
    if (!vault.text.includes(createHash('sha256').update(accessToken).digest('hex')))
      faults.push(`${userId} is handed another token than the one that lives: ${about}`)
  }
  return faults
}

describe.skipIf(redisIsMissing)('an exclusive provider, two devices at two processes over Redis', () => {
  const results = new ResultsFile({
    name: 'exclusive-devices',
    title: 'Two devices of one user where a new token set kills all earlier ones (case 69)',
    command: 'npm run test:full -- test/integration/redis-exclusive-devices.test.ts',
    setUp: { processes, 'store delay at most ms': 4 },
  })
  afterAll(() => void results.write())

  it(
    'case 69: nobody is killed by what the other device does, and nothing is left when both have gone',
    async () => {
      const rounds = countOf({ everyday: 60, full: 5_000 })
      const redis = await redisOfTest()
      const apps = await appsOfTest({
        count: processes,
        store: { kind: 'single', port: redis.port },
        storeOptions: patient,
        storeDelayMs: 4,
        server: { users, exclusive: true, policy: { rotate: true, reuseKillsFamily: true } },
        provider: () => ({ exclusive: true }),
      })
      const random = seededRandom(6969)
      const meeting = { apps, random }
      const faults: string[] = []
      const seen: Record<string, number> = {}
      let left = 0
      for (let round = 0; round < rounds; round += users.length) {
        const pairs = users.slice(0, Math.min(users.length, rounds - round)).map(async ({ id }) => {
          const devices: Device[] = []
          for (const chance of [0.8, 0.5]) {
            const jar = new CookieJar(() => apps.servers.clock.now())
            const wasIn = random() < chance
            if (wasIn) expect(await signIn(meeting, jar, id)).toBe(200)
            devices.push({ jar, wasIn, act: oneOf(random, acts) })
          }
          return { id, devices }
        })
        const ready = await Promise.all(pairs)
        await apps.advance(oneOf(random, [0, 11, 130]))
        const raced = ready.map(async ({ id, devices }) => {
          const done = devices.map(async (one) => ({ ...one, statuses: await act(meeting, one, id) }))
          return { id, done: await Promise.all(done) }
        })
        const ended = await Promise.all(raced)
        // What a failed sign-in has left is tried again after a second.
        await apps.advance(60)
        for (const { id, done } of ended) {
          for (const one of done) {
            const key = `${one.act}: ${one.statuses}`
            seen[key] = (seen[key] ?? 0) + 1
          }
          faults.push(...(await killed(apps, id, done)))
        }
        for (const { id } of users) await apps.get(0, `/end/user/example:${id}`, '', { method: 'POST' })
        left += (await sessionKeys(redis)).length
      }
      console.log(JSON.stringify(seen))
      results.count('devices killed, or with a token that is dead', faults.length, {
        of: rounds * 2,
        bar: '0',
      })
      results.count('keys left when all have gone', left, { of: rounds, bar: '0' })
      expect(faults).toEqual([])
      expect(left).toBe(0)
    },
    countTimeoutMs,
  )
})
