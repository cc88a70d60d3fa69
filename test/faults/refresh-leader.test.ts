import { describe, expect, it } from 'vitest'
import type { StorePoint } from '../integration/app-messages.ts'
import type { Apps } from '../integration/apps.ts'
import { redisIsMissing } from '../redis-server.ts'
import { callsOf, isWhole, startRig } from './refresh-rig.fixture.ts'

/** Stops the leader's refresh somewhere. */
interface Stop {
  readonly arrived: Promise<void>
  release(): Promise<void> | void
}

const storePoints: readonly (readonly [string, StorePoint])[] = [
  ['before it takes the lease', 'leases.take before'],
  ['after its mark, before the token request', 'leases.writeAttempt after'],
  ['before it saves', 'grants.commit before'],
  ['after it has saved, before it gives the lease back', 'leases.release before'],
]
const points = [
  ...storePoints.map(
    ([name, point]) =>
      [
        name,
        async ({ members: [leader] }: Apps): Promise<Stop> => {
          if (leader === undefined) throw new Error('no process')
          const hold = await leader.hold(point, 1)
          return { arrived: hold.arrivals(), release: () => hold.release() }
        },
      ] as const,
  ),
  ...(['beforeCommit', 'afterCommit'] as const).map(
    (at) =>
      [
        `while the token request is at the server, ${at}`,
        async ({ servers: { as } }: Apps): Promise<Stop> => as.faults.hold('token', { at, calls: 1 }),
      ] as const,
  ),
]

describe.skipIf(redisIsMissing)('case 62: the leader of a refresh goes away', () => {
  it.each(points)('its browser leaves %s: the refresh is saved, all others get it', async (_, stopAt) => {
    const { apps, people } = await startRig({ count: 2, people: 1 })
    const [{ cookie = '', userId = '' } = {}] = people
    const stop = await stopAt(apps)
    const browser = new AbortController()
    const leader = apps.get(0, '/me', cookie, { signal: browser.signal, headers: { 'x-abort': 'leave' } })
    await stop.arrived
    const followers = [0, 1, 0, 1].map((place) => apps.get(place, '/me', cookie))
    browser.abort()
    await expect(leader).rejects.toThrow(/abort/)
    // Nobody but the handler of the one that left hears of an abort.
    await expect.poll(() => apps.at(0).events('app.error')).toHaveLength(1)
    expect(apps.at(0).events('app.error')[0]?.message).toContain('AbortError')
    await stop.release()
    expect((await Promise.all(followers)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    for (const place of [0, 1]) expect(await apps.vaultIsLive(place, cookie, userId)).toBe(true)
    expect(callsOf(apps, userId)).toEqual([1, 0])
    expect(await isWhole(apps, 1, people)).toBe(true)
  })

  it.each(points)('its handler throws %s: the refresh is saved, all others get it', async (_, stopAt) => {
    const { apps, people } = await startRig({ count: 2, people: 1 })
    const [{ cookie = '', userId = '' } = {}] = people
    const stop = await stopAt(apps)
    expect((await apps.get(0, '/throws', cookie)).status).toBe(500)
    await stop.arrived
    const followers = [0, 1].map((place) => apps.get(place, '/me', cookie))
    await stop.release()
    expect((await Promise.all(followers)).map(({ status }) => status)).toEqual([200, 200])
    expect(callsOf(apps, userId)).toEqual([1, 0])
    for (const place of [0, 1]) expect(await apps.vaultIsLive(place, cookie, userId)).toBe(true)
  })
})
