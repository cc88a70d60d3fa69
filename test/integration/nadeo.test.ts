import { randomBytes } from 'node:crypto'
import { latchkey, memoryStore, nadeo } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { startEmulators } from '@latchkey/testing'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { redisIsMissing, startRedis } from '../redis-server.ts'

const live = 'https://live-services.trackmania.nadeo.live/api/token/club'
const meet = 'https://meet.trackmania.nadeo.club/api/cup-of-the-day'
const core = 'https://prod.trackmania.core.nadeo.online/accounts/displayNames'

/** So many instances of one app at an emulated Nadeo, on one store. */
async function fleet(kind: 'memory' | 'Redis', size: number) {
  const emulators = await startEmulators({ only: ['nadeo'] })
  onTestFinished(() => emulators.close())
  const { clock, dispatcher, marks } = emulators
  const lines: string[] = []
  const log = (fields: object, message: string): void => void lines.push(message, JSON.stringify(fields))
  const shared = kind === 'memory' ? memoryStore({ clock }) : undefined
  const redis = kind === 'Redis' ? await startRedis() : undefined
  if (redis !== undefined) onTestFinished(() => redis.close())
  const secret = randomBytes(32).toString('base64url')
  const instances = Array.from({ length: size }, () => {
    const auth = latchkey({
      baseUrl: 'http://127.0.0.1:3000',
      secret,
      providers: [
        nadeo({
          account: 'service',
          login: emulators.environment.NADEO_CLIENT_ID,
          password: emulators.environment.NADEO_CLIENT_SECRET,
          userAgent: 'tests / me@example.com',
        }),
      ],
      store: shared ?? redisStore(new Redis(redis?.url ?? '', { lazyConnect: true })),
      session: false,
      ...{ clock, dispatcher, logger: { debug: log, info: log, warn: log, error: log } },
    })
    onTestFinished(() => auth.close())
    return auth
  })
  const call = async (url: string, audience?: string, index = 0): Promise<number> => {
    const access = instances[index % size]?.application('nadeo', audience === undefined ? {} : { audience })
    const reply = await access?.fetch(url)
    await reply?.text()
    return reply?.status ?? 0
  }
  onTestFinished(() => expect(marks.findIn(lines)).toEqual([]))
  return { emulator: emulators.nadeo, clock, call, instances }
}

describe.each(['memory', 'Redis'] as const)('Nadeo over %s', (kind) => {
  describe.skipIf(kind === 'Redis' && redisIsMissing)('with an app of 4 instances', () => {
    it('logs in once for each audience, whoever calls first', async () => {
      const { emulator, call } = await fleet(kind, 4)
      emulator.switches.needsUserAgent = true
      const calls = Array.from({ length: 200 }, (_, index) =>
        index % 2 === 0 ? call(live, 'live', index >> 1) : call(core, undefined, index >> 1),
      )
      expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
      expect(await call(meet, 'meet')).toBe(200)
      expect(emulator.mints).toEqual({ login: 2, refresh: 0 })
      expect(emulator.core.calls.ubisoftSession).toBe(0)
    })

    it('renews once from half of the lifetime on, while everybody is served', async () => {
      const { emulator, clock, call, instances } = await fleet(kind, 4)
      expect(await call(live, 'live')).toBe(200)
      clock.advance(1_801)
      const calls = Array.from({ length: 100 }, (_, index) => call(live, 'live', index))
      expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
      await expect.poll(() => emulator.mints.refresh).toBe(1)
      await Promise.all(instances.map((auth) => auth.close()))
      expect(emulator.mints).toEqual({ login: 1, refresh: 1 })
    })

    it.each([
      ['has expired', 86_401, false, { login: 2, refresh: 0 }],
      ['was ended', 3_601, true, { login: 2, refresh: 0 }],
    ])('logs in again when the refresh token %s', async (_what, seconds, isEnded, mints) => {
      const { emulator, clock, call } = await fleet(kind, 4)
      expect(await call(live, 'live')).toBe(200)
      if (isEnded) emulator.endTokens('refresh')
      clock.advance(seconds)
      const calls = Array.from({ length: 40 }, (_, index) => call(live, 'live', index))
      expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
      expect(emulator.mints).toEqual(mints)
    })

    it('renews a token that the API refuses, and sends the call again', async () => {
      const { emulator, clock, call } = await fleet(kind, 4)
      expect(await call(live, 'live')).toBe(200)
      clock.advance(11)
      emulator.endTokens('access')
      expect(await call(live, 'live')).toBe(200)
      expect(emulator.mints).toEqual({ login: 1, refresh: 1 })
    })

    it('sends nothing to the host of another audience', async () => {
      const { emulator, call } = await fleet(kind, 4)
      await expect(call(core, 'live')).rejects.toMatchObject({ code: 'origin_not_allowed' })
      expect(emulator.core.requests).toEqual([])
    })
  })
})
