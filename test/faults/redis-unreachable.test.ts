import { setTimeout as sleep } from 'node:timers/promises'
import { redisStore } from '@latchkey/redis'
import { Cluster, type ClusterOptions } from 'ioredis'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { publicOrigin } from '../integration/apps.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { asksOfSession, lostOf, servedAgain } from './asks.fixture.ts'
import { expectOthersServed, type OutageRig, startOutageRig } from './outage-rig.fixture.ts'

const sessions = countOf({ everyday: 100, full: 10_000 })
const outageSeconds = countOf({ everyday: 2, full: 300 })
const processes = 2

type Outage = (rig: OutageRig) => Promise<void>

const outages: Readonly<Record<string, Outage>> = {
  'connections are refused': async ({ proxy }) => {
    await proxy.refuse()
    proxy.cut()
  },
  'a black hole': async ({ proxy }) => {
    for (const direction of ['toServer', 'toClient'] as const) proxy.set(direction, { blackHole: true })
  },
}

describe.skipIf(redisIsMissing)('case 70: Redis cannot be reached', () => {
  const results = new ResultsFile({
    name: 'redis-unreachable',
    title: 'Sessions lost when Redis cannot be reached (case 70)',
    command: 'npm run test:full -- test/faults/redis-unreachable.test.ts',
    setUp: { processes, 'seconds away': outageSeconds },
  })
  afterAll(() => void results.write())

  async function heal(rig: OutageRig): Promise<void> {
    await rig.proxy.heal()
    // What went through a black hole is of no use any more; a network that is back says so.
    rig.proxy.cut()
    for (const app of rig.apps.members) await servedAgain(rig.asker, app, rig.person)
  }

  it.each(Object.keys(outages))(
    'case 70: %s: 503 to who is signed in, nothing at all to all others, 0 sessions lost',
    async (name) => {
      const rig = await startOutageRig({ processes, people: sessions })
      const { apps, asker, person } = rig
      await outages[name]?.(rig)
      const end = performance.now() + outageSeconds * 1_000
      const durations: number[] = []
      const asked = { kept: 0, all: 0 }
      do {
        for (const app of apps.members)
          for (const ask of asksOfSession) {
            const { outcome, ms } = await asker.ask(app, ask, person)
            asked.all += 1
            if (outcome === '503-keep') asked.kept += 1
            durations.push(ms)
          }
        await expectOthersServed(rig)
        await sleep(100)
      } while (performance.now() < end)
      await heal(rig)
      const lost = await lostOf(apps, asker, rig.people)
      results.samples(`503 to who is signed in: ${name}`, durations, { unit: 'ms', bar: '<= 1000' })
      results.count(`sessions lost: ${name}`, lost, { of: sessions, bar: '0' })
      expect(asked.kept).toBe(asked.all)
      expect(lost).toBe(0)
    },
    countTimeoutMs,
  )

  it('case 70: the answer to one read is lost with its connection: it is asked again, and nobody notices', async () => {
    const { apps, asker, person, proxy } = await startOutageRig({ processes: 1, people: 1 })
    const [locator = ''] = person.cookie.split('=').at(-1)?.split('.') ?? []
    const dropped = proxy.dropReply({ of: locator })
    expect((await asker.ask(apps.at(0), 'page', person)).outcome).toBe('served')
    await dropped
    expect((await asker.ask(apps.at(0), 'call', person)).outcome).toBe('served')
  })

  it('case 70: one read is not answered: 503 once, and the next request is signed in', async () => {
    const rig = await startOutageRig({ processes: 1, people: 1 })
    const { apps, asker, person, proxy } = rig
    proxy.set('toClient', { stall: true })
    expect((await asker.ask(apps.at(0), 'page', person)).outcome).toBe('503-keep')
    await expectOthersServed(rig)
    await proxy.heal()
    await servedAgain(asker, apps.at(0), person)
  })

  it('case 70: a sign-out that cannot be carried out says so, and can be repeated', async () => {
    const rig = await startOutageRig({ processes: 1, people: 1 })
    const { apps, asker, person } = rig
    await outages['connections are refused']?.(rig)
    const signOut = () =>
      apps.get(0, '/logout', person.cookie, { method: 'POST', headers: { origin: publicOrigin } })
    const reply = await signOut()
    expect([reply.status, Number(reply.headers.get('retry-after')) > 0]).toEqual([503, true])
    expect(reply.headers.getSetCookie()).toEqual([])
    await heal(rig)
    expect((await asker.ask(apps.at(0), 'page', person)).outcome).toBe('served')
    expect((await signOut()).status).toBeLessThan(400)
    expect((await asker.ask(apps.at(0), 'page', { ...person, userId: '' })).outcome).toMatch(/^wrong: 200/)
  })

  it('case 70: the name of the server is not found: the store says that it cannot be reached', async () => {
    const refused: NonNullable<ClusterOptions['dnsLookup']> = (_host, done) =>
      done(Object.assign(new Error('getaddrinfo ENOTFOUND redis.example'), { code: 'ENOTFOUND' }), '')
    const template = new Cluster([{ host: 'redis.example', port: 6379 }], {
      lazyConnect: true,
      dnsLookup: refused,
    })
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const store = redisStore(template, { logger })
    onTestFinished(() => store.close())
    await expect(store.sessions.read('nobody', 60)).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })
})
