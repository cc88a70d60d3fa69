import { redisStore } from '@latchkey/redis'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { appsOfTest, proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { startCluster, startSentinelSet } from '../redis-groups.ts'
import { type RedisServer, redisIsMissing, startReplica } from '../redis-server.ts'
import { askerOfTest, servedAgain, signInPeople } from './asks.fixture.ts'
import { callsOf } from './refresh-rig.fixture.ts'

const record = { version: 'v1', sealed: Buffer.from('sealed') }
const write = { expectedVersion: undefined, record, ttlSeconds: 60, putGrants: [], deleteGrants: [] }

/** How often this server has answered a command that only the store sends. */
async function readsAt(server: RedisServer): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'))
  return Number(/^cmdstat_getex:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
}

async function readOften(template: Redis | Cluster): Promise<void> {
  const store = redisStore(template, { logger: quiet })
  onTestFinished(() => store.close())
  const slots = Array.from({ length: 30 }, (_, index) => `slot-${index}`)
  for (const slot of slots) await store.sessions.write(slot, write)
  for (const slot of slots) expect(await store.sessions.read(slot, 60)).toEqual(record)
}

/** A primary, and a replica that has heard nothing since `lag`. Two processes: one at each, until told otherwise. */
async function startLagging() {
  const primary = await redisOfTest()
  const link = await proxyOfTest(primary.port)
  const replica = await startReplica(primary, { config: { replicaof: `127.0.0.1 ${link.port}` } })
  onTestFinished(() => replica.close())
  const misled = await proxyOfTest(primary.port)
  const apps = await appsOfTest({
    count: 2,
    store: (place) => ({ kind: 'single', port: place === 0 ? primary.port : misled.port }),
    server: { users: named(1), policy: { rotate: true, reuseKillsFamily: true } },
  })
  const [person = { userId: '', cookie: '' }] = await signInPeople(apps, 1)
  await primary.command('WAIT', 1, 10_000)
  const asker = askerOfTest()
  const sendTo = async (port: number): Promise<void> => {
    misled.retarget(port)
    misled.cut()
    await expect.poll(() => misled.open).toBe(1)
  }
  const lag = (): void => link.set('toClient', { stall: true })
  return { primary, replica, apps, person, asker, sendTo, lag }
}

describe.skipIf(redisIsMissing)('case 67: a replica lags behind', () => {
  it('case 67: through Sentinel and in a Cluster, no read goes to a replica, whatever the template says', async () => {
    const set = await startSentinelSet({ replicas: 1 })
    onTestFinished(() => set.close())
    const sentinels = [...set.addresses]
    await readOften(new Redis({ sentinels, name: set.name, role: 'slave', lazyConnect: true }))
    const [primary, replica] = set.servers
    expect(await Promise.all([primary, replica].map((one) => one && readsAt(one)))).toEqual([30, 0])
    const cluster = await startCluster({ replicas: 1 })
    onTestFinished(() => cluster.close())
    await readOften(new Cluster([...cluster.addresses], { scaleReads: 'slave', lazyConnect: true }))
    const reads = await Promise.all(cluster.primaries.map(readsAt))
    expect(reads.reduce((sum, count) => sum + count, 0)).toBe(30)
    for (const node of cluster.replicas) expect(await readsAt(node)).toBe(0)
  })

  it('case 67: a process that is led to a stale replica sends no spent token: 503 until it finds the primary', async () => {
    const { primary, replica, apps, person, asker, sendTo, lag } = await startLagging()
    await apps.expire()
    lag()
    await sendTo(replica.port)
    expect((await asker.ask(apps.at(0), 'call', person)).outcome).toBe('served')
    // Who is signed in is read there; what must be written is not.
    expect((await asker.ask(apps.at(1), 'page', person)).outcome).toBe('served')
    expect((await asker.ask(apps.at(1), 'call', person)).outcome).toBe('503-keep')
    expect(callsOf(apps, person.userId)).toEqual([1, 0])
    await sendTo(primary.port)
    await servedAgain(asker, apps.at(1), person)
    expect(await apps.vaultIsLive(1, person.cookie, person.userId)).toBe(true)
    expect(callsOf(apps, person.userId)).toEqual([1, 0])
  })

  it('case 67: what was read from a stale replica is read again before anything is sent', async () => {
    const { primary, replica, apps, person, asker, sendTo, lag } = await startLagging()
    await apps.expire()
    lag()
    await sendTo(replica.port)
    const take = await apps.at(1).hold('leases.take before', 1)
    const call = asker.ask(apps.at(1), 'call', person)
    await take.arrivals()
    expect((await asker.ask(apps.at(0), 'call', person)).outcome).toBe('served')
    await sendTo(primary.port)
    await take.release()
    expect((await call).outcome).toBe('served')
    expect(callsOf(apps, person.userId)).toEqual([1, 0])
    expect(await apps.vaultIsLive(1, person.cookie, person.userId)).toBe(true)
  })
})
