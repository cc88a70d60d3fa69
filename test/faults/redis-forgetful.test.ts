import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import { appsOfTest, proxyOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { type RedisServer, redisIsMissing, startRedis, until } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { type Asker, askerOfTest, servedAgain, signInPeople } from './asks.fixture.ts'
import { callsOf, type Person } from './refresh-rig.fixture.ts'

const rounds = countOf({ everyday: 3, full: 500 })
const variants = [
  { graceSeconds: 60, minReplicas: 0 },
  { graceSeconds: 0, minReplicas: 0 },
  { graceSeconds: 0, minReplicas: 1 },
] as const

/** Two servers that take turns as primary; the replica follows through a proxy that can hold replication up. */
class Pair {
  readonly link: FaultProxy
  #primary: RedisServer
  #replica: RedisServer

  constructor(primary: RedisServer, replica: RedisServer, link: FaultProxy) {
    this.#primary = primary
    this.#replica = replica
    this.link = link
  }

  get primary(): RedisServer {
    return this.#primary
  }

  /** The replica follows and has everything. */
  async follow(minReplicas: number): Promise<void> {
    await this.link.heal()
    this.link.retarget(this.#primary.port)
    await this.#replica.command('REPLICAOF', '127.0.0.1', this.link.port)
    await until('the replica follows', () => this.#replica.says('replication', 'master_link_status:up'))
    for (const server of [this.#primary, this.#replica]) {
      await server.command('CONFIG', 'SET', 'min-replicas-max-lag', 1)
      await server.command('CONFIG', 'SET', 'min-replicas-to-write', minReplicas)
    }
    await until('it is in step', async () => (await this.#primary.command('WAIT', 1, 1_000)) === 1)
  }

  /** The primary dies and is forgotten; the replica takes its place with what it has. */
  async failOver(): Promise<void> {
    await this.#primary.kill()
    this.link.cut()
    await this.#replica.command('REPLICAOF', 'NO', 'ONE')
    await this.#replica.command('CONFIG', 'SET', 'min-replicas-to-write', 0)
    const old = this.#primary
    this.#primary = this.#replica
    this.#replica = old
    await old.start()
  }
}

interface Rig {
  readonly pair: Pair
  /** Before whichever is the primary. */
  readonly front: FaultProxy
  readonly apps: Apps
  readonly asker: Asker
  readonly people: readonly Person[]
}

async function startPair(graceSeconds: number): Promise<Rig> {
  const servers = [await startRedis(), await startRedis()] as const
  for (const server of servers) onTestFinished(() => server.close())
  const front = await proxyOfTest(servers[0].port)
  const pair = new Pair(...servers, await proxyOfTest(servers[0].port))
  await pair.follow(0)
  const apps = await appsOfTest({
    count: 2,
    store: { kind: 'single', port: front.port },
    server: { users: named(rounds + 1), policy: { rotate: true, reuseKillsFamily: true, graceSeconds } },
  })
  return { pair, front, apps, asker: askerOfTest(), people: await signInPeople(apps, rounds + 1) }
}

async function failOver({ pair, front }: Rig): Promise<void> {
  await pair.failOver()
  front.retarget(pair.primary.port)
  front.cut()
}

describe.skipIf(redisIsMissing)('case 73: a failover forgets the last write', () => {
  const results = new ResultsFile({
    name: 'redis-forgetful',
    title: 'Grants lost in failovers that drop the rotated token (case 73)',
    command: 'npm run test:full -- test/faults/redis-forgetful.test.ts',
    setUp: { processes: 2, failovers: rounds },
  })
  afterAll(() => void results.write())

  it.each(variants)(
    'case 73: grace $graceSeconds s, min-replicas-to-write $minReplicas: exactly its user is affected, and nobody loops',
    async ({ graceSeconds, minReplicas }) => {
      const rig = await startPair(graceSeconds)
      const { pair, apps, asker, people } = rig
      const [bystander = { userId: '', cookie: '' }, ...others] = people
      let [lost, refused] = [0, 0]
      for (const person of others) {
        await pair.follow(minReplicas)
        await apps.expire()
        await servedAgain(asker, apps.at(1), bystander)
        await until('it is in step', async () => (await pair.primary.command('WAIT', 1, 1_000)) === 1)
        pair.link.set('toClient', { stall: true })
        pair.link.set('toServer', { stall: true })
        // A replica that has said nothing for a second does not count.
        if (minReplicas > 0)
          await until('too few replicas are in step', () =>
            pair.primary.says('replication', 'min_slaves_good_slaves:0'),
          )
        const { outcome } = await asker.ask(apps.at(0), 'call', person)
        if (outcome !== 'served') refused += 1
        await failOver(rig)
        for (const place of [0, 1]) await servedAgain(asker, apps.at(place), bystander)
        const before = callsOf(apps, person.userId).reduce((sum, calls) => sum + calls, 0)
        const asked = [0, 1, 0, 1].map((place) => apps.get(place, '/me', person.cookie))
        const statuses = new Set((await Promise.all(asked)).map(({ status }) => status))
        const sent = callsOf(apps, person.userId).reduce((sum, calls) => sum + calls, 0) - before
        if (!statuses.has(200)) lost += 1
        // Its session is there still: the provider is a login away.
        expect((await asker.ask(apps.at(0), 'page', person)).outcome).toBe('served')
        expect(statuses).toEqual(new Set([graceSeconds > 0 || minReplicas > 0 ? 200 : 401]))
        expect(sent).toBeLessThanOrEqual(1)
      }
      const name = `grace ${graceSeconds} s, min-replicas-to-write ${minReplicas}`
      results.count(`grants lost: ${name}`, lost, { of: rounds })
      results.count(`refreshes put off with 503: ${name}`, refused, { of: rounds })
      const { as } = apps.servers
      const live = people.filter(({ userId }) => as.liveFor(userId)?.revoked === false).length
      expect(live).toBe(people.length - lost)
    },
    countTimeoutMs,
  )
})
