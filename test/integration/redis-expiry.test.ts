import { describe, expect, it } from 'vitest'
import { letPass } from '../../packages/redis/src/passing-time.fixture.ts'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import type { Apps } from './apps.ts'

const [idleSeconds, absoluteSeconds] = [1_000, 3_000]
const ada = 'user-ada'

async function start() {
  const redis = await redisOfTest()
  const apps = await appsOfTest({
    count: 2,
    store: { kind: 'single', port: redis.port },
    storeOptions: patient,
    options: { signIn: { idleSeconds, absoluteSeconds } },
  })
  const cookie = await apps.signIn(ada)
  /** Time passes for the processes and in Redis. */
  const pass = async (seconds: number): Promise<void> => {
    await redis.with((client) => letPass(client, seconds))
    await apps.advance(seconds)
  }
  return { redis, apps, cookie, pass }
}

/** For whom the processes take this cookie. */
async function usersAt(apps: Apps, cookie: string): Promise<readonly unknown[]> {
  const asked = apps.members.map(async (_, place) => (await apps.get(place, '/whoami', cookie)).json())
  return (await Promise.all(asked)).map((answer) => (answer as { readonly user: unknown }).user) // our own route
}

describe.skipIf(redisIsMissing)('case 33: a replayed cookie, at two processes over Redis', () => {
  it('case 33: is nobody when nobody has used it for the idle time, and each use begins that anew', async () => {
    const { apps, cookie, pass } = await start()
    for (const seconds of [900, 900]) {
      await pass(seconds)
      expect(await usersAt(apps, cookie)).toEqual([ada, ada])
    }
    await pass(idleSeconds + 1)
    expect(await usersAt(apps, cookie)).toEqual([null, null])
  })

  it('case 33: is nobody past its absolute end, however often it was used', async () => {
    const { redis, apps, cookie, pass } = await start()
    for (let used = 0; used < 5; used += 1) {
      await pass(590)
      expect(await usersAt(apps, cookie)).toEqual([ada, ada])
    }
    await pass(60)
    expect(await usersAt(apps, cookie)).toEqual([null, null])
    await pass(idleSeconds)
    expect(await redis.command('DBSIZE')).toBe(0)
  })

  it('case 33: is nobody past its absolute end although Redis keeps its record for ever', async () => {
    const { redis, apps, cookie } = await start()
    const [key = ''] = await redis.with((client) => client.keys('lk:*:s'))
    expect(await redis.command('PERSIST', key)).toBe(1)
    await apps.advance(absoluteSeconds + 1)
    expect(await usersAt(apps, cookie)).toEqual([null, null])
    expect((await apps.get(0, '/me', cookie)).status).toBe(401)
    await redis.command('DEL', key)
  })

  it('case 33: is nobody after a sign-out, for as long as anybody tries', async () => {
    const { apps, cookie, pass } = await start()
    const init = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }
    expect((await apps.get(1, '/logout', cookie, init)).status).toBe(200)
    for (const seconds of [0, 700, absoluteSeconds]) {
      await pass(seconds)
      expect(await usersAt(apps, cookie)).toEqual([null, null])
    }
  })
})
