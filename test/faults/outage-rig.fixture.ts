import { expect } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import { appsOfTest, proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import type { RedisServer } from '../redis-server.ts'
import { type Asker, askerOfTest, asksOfNobody, signInPeople } from './asks.fixture.ts'
import type { Person } from './refresh-rig.fixture.ts'

/** App processes that reach one Redis through a fault proxy, and people who are signed in. */
export interface OutageRig {
  readonly redis: RedisServer
  readonly proxy: FaultProxy
  readonly apps: Apps
  readonly asker: Asker
  readonly people: readonly Person[]
  /** One of them. */
  readonly person: Person
}

/** Starts it all until the end of the test. */
export async function startOutageRig(setup: {
  readonly processes: number
  readonly people: number
  readonly redis?: RedisServer
}): Promise<OutageRig> {
  const redis = setup.redis ?? (await redisOfTest())
  const proxy = await proxyOfTest(redis.port, 'redis')
  const apps = await appsOfTest({
    count: setup.processes,
    store: { kind: 'single', port: proxy.port },
    // One more, who has never been here.
    server: { users: named(setup.people + 1), policy: { rotate: true, reuseKillsFamily: true } },
  })
  const people = await signInPeople(apps, setup.people)
  const [person] = people
  if (person === undefined) throw new Error('Somebody has to be signed in.')
  return { redis, proxy, apps, asker: askerOfTest(), people, person }
}

/** Nobody without a session, and no page that asks for none, notices anything. Only a session's cookie asks the store. */
export async function expectOthersServed({ apps, asker, person }: OutageRig): Promise<void> {
  const callsOf = async (place: number): Promise<number> =>
    (await apps.at(place).ask({ ask: 'usage' })).storeCalls
  for (const place of apps.members.keys())
    for (const ask of asksOfNobody) {
      const before = await callsOf(place)
      const { outcome } = await asker.ask(apps.at(place), ask, person)
      // The page does not say before it runs whether it will look at who asks.
      const calls = ask === 'plain' ? 1 : 0
      expect([ask, outcome, (await callsOf(place)) - before]).toEqual([ask, 'served', calls])
    }
}
