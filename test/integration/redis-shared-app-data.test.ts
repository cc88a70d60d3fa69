import { CookieJar } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import { publicOrigin } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { headerOf } from './session-race.fixture.ts'

describe.skipIf(redisIsMissing)('an app of an Express and a Fastify process on one Redis', () => {
  it('has one session, one grant and one app session for a browser, whichever process answers', async () => {
    const redis = await redisOfTest()
    const apps = await appsOfTest({
      count: 2,
      store: { kind: 'single', port: redis.port },
      server: { users: people(2), policy: { rotate: true, reuseKillsFamily: true } },
    })
    const { as } = apps.servers
    const jar = new CookieJar(() => apps.servers.clock.now())
    const [express, fastify] = [apps.browser(0, jar), apps.browser(1, jar)]
    const data = async (place: number, browser: typeof express): Promise<unknown> =>
      JSON.parse((await browser.get(`${publicOrigin}/data`)).text + ' '.repeat(place))

    // Data of a visitor go along, with each written at the other one.
    await express.get(`${publicOrigin}/put/first/express`)
    expect(await data(1, fastify)).toEqual({ first: 'express' })
    await fastify.get(`${publicOrigin}/put/second/fastify`)
    expect(await data(0, express)).toEqual({ first: 'express', second: 'fastify' })

    // Begun at one, ended at the other: the data of before are gone at both.
    await fastify.signIn(`${publicOrigin}/login/example?returnTo=/whoami`, { as: people(2)[0]?.name ?? '' })
    for (const browser of [express, fastify]) {
      expect(JSON.parse((await browser.get(`${publicOrigin}/whoami`)).text)).toMatchObject({ user: 'user-1' })
    }
    expect([await data(0, express), await data(1, fastify)]).toEqual([{}, {}])

    // One refresh serves both.
    await apps.expire()
    const before = as.calls.token
    const places = [0, 1, 0, 1, 0, 1]
    const replies = await Promise.all(places.map((place) => apps.get(place, '/me', headerOf(jar))))
    expect(replies.map(({ status }) => status)).toEqual(places.map(() => 200))
    expect(as.calls.token - before).toBe(1)

    // The end of the session is the end of the data, also for a slow request of the other process.
    await fastify.get(`${publicOrigin}/put/third/kept`)
    const hold = as.faults.hold('token', { calls: 1 })
    await apps.expire()
    const slow = apps.get(0, '/put/late/write', headerOf(jar))
    await hold.arrived
    const copy = jar.clone()
    await fastify.post(`${publicOrigin}/logout`, {}, { from: publicOrigin })
    hold.release()
    await slow
    for (const place of [0, 1]) {
      const after = await apps.get(place, '/data', headerOf(copy))
      expect(await after.json()).toEqual({})
    }
  })
})
