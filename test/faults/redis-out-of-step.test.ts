import { setTimeout as sleep } from 'node:timers/promises'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import type { FaultProxy, FlowFault } from '../fault-proxy.ts'
import { proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { startOutageRig } from './outage-rig.fixture.ts'

const reads = countOf({ everyday: 20_000, full: 1_000_000 })
const requests = countOf({ everyday: 1_000, full: 100_000 })
const slots = 100
const atOnce = 50

/** Until it is over, answers are cut in the middle, late beyond the deadline, or come byte by byte. */
async function disturb(proxy: FaultProxy, lateMs: number, isOver: () => boolean): Promise<number> {
  const faults: readonly (() => FlowFault)[] = [
    () => ({ cutAfterBytes: 1 + Math.floor(Math.random() * 2_000) }),
    () => ({ delayMs: lateMs * (0.5 + Math.random()) }),
    () => ({ trickleGapMs: 1 }),
  ]
  let count = 0
  for (; !isOver(); count += 1) {
    proxy.set('toClient', faults[count % faults.length]?.() ?? {})
    await sleep(10 + Math.random() * lateMs)
    proxy.set('toClient', {})
    await sleep(20 + Math.random() * 2 * lateMs)
  }
  return count
}

/** Runs so many at once until `isOver`. */
async function manyAtOnce(isOver: () => boolean, run: (worker: number) => Promise<void>): Promise<void> {
  const work = async (worker: number): Promise<void> => {
    while (!isOver()) await run(worker)
  }
  await Promise.all(Array.from({ length: atOnce }, (_, worker) => work(worker)))
}

function someOf<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new Error('There is none.')
  return item
}

describe.skipIf(redisIsMissing)('case 75: replies are cut, late and given up', () => {
  const results = new ResultsFile({
    name: 'redis-out-of-step',
    title: 'Replies that reached the wrong reader (case 75)',
    command: 'npm run test:full -- test/faults/redis-out-of-step.test.ts',
    setUp: { 'reads at once': atOnce, sessions: slots },
  })
  afterAll(() => void results.write())

  it(
    `case 75: ${reads} reads of the store get their own record, an error, or nothing else`,
    async () => {
      const redis = await redisOfTest()
      const proxy = await proxyOfTest(redis.port)
      const template = new Redis({ port: proxy.port, lazyConnect: true })
      const store = redisStore(template, { commandTimeoutMs: 20, requestTimeoutMs: 60, logger: quiet })
      onTestFinished(() => store.close())
      const undisturbed = redisStore(new Redis({ port: redis.port, lazyConnect: true }), patient)
      onTestFinished(() => undisturbed.close())
      const names = Array.from({ length: slots }, (_, index) => `slot-${index}`)
      for (const name of names) {
        const record = { version: name, sealed: Buffer.from(name.repeat(40)) }
        const write = { expectedVersion: undefined, record, ttlSeconds: 600, putGrants: [], deleteGrants: [] }
        await undisturbed.sessions.write(name, write)
      }
      let [answered, failed, wrong] = [0, 0, 0]
      const isOver = (): boolean => answered >= reads
      const read = async (): Promise<void> => {
        const name = someOf(names)
        const found = await store.sessions.read(name, 600).catch(() => 'failed' as const)
        if (found === 'failed') {
          failed += 1
          // While Redis is away it fails at once, and would be all that happens.
          return sleep(5)
        }
        answered += 1
        // An absent one would be somebody who is signed out.
        if (found?.version !== name || Buffer.from(found.sealed).toString() !== name.repeat(40)) wrong += 1
      }
      const [disturbances] = await Promise.all([disturb(proxy, 30, isOver), manyAtOnce(isOver, read)])
      results.count('reads of the store: wrong or absent record', wrong, { of: answered, bar: '0' })
      results.count('reads of the store: failed', failed, { of: answered + failed })
      results.count('connections', proxy.acceptedAt.length, { of: disturbances })
      expect(failed).toBeGreaterThan(0)
      expect(proxy.acceptedAt.length).toBeGreaterThan(1)
      expect(wrong).toBe(0)
    },
    countTimeoutMs,
  )

  it(
    `case 75: ${requests} requests, among others that are given up, are answered for who asked, or 503`,
    async () => {
      const rig = await startOutageRig({ processes: 1, people: slots })
      const { apps, asker, people, proxy } = rig
      const outcomes: Record<string, number> = {}
      let answered = 0
      const isOver = (): boolean => answered >= requests
      const ask = async (worker: number): Promise<void> => {
        const leaves = Math.random() < 1 / 3 ? AbortSignal.timeout(Math.ceil(Math.random() * 60)) : undefined
        const sort = worker % 2 === 0 ? 'page' : 'call'
        const { outcome } = await asker.ask(apps.at(0), sort, someOf(people), leaves)
        const isGivenUp = leaves?.aborted === true && outcome.startsWith('wrong: TimeoutError')
        const name = isGivenUp ? 'given up' : outcome
        if (!isGivenUp) answered += 1
        outcomes[name] = (outcomes[name] ?? 0) + 1
      }
      await Promise.all([disturb(proxy, 800, isOver), manyAtOnce(isOver, ask)])
      await proxy.heal()
      const { served = 0, '503-keep': kept = 0, 'given up': givenUp = 0, ...wrong } = outcomes
      const corrupt = apps.at(0).events('vault.corrupt').length
      results.count('requests: for somebody else, or signed out', Object.keys(wrong).length, {
        of: served + kept,
        bar: '0',
      })
      results.count('requests: answered 503', kept, { of: served + kept })
      results.count('requests: given up', givenUp, { of: answered + givenUp })
      results.count('records that did not open', corrupt, { of: answered, bar: '0' })
      expect(wrong).toEqual({})
      expect(corrupt).toBe(0)
      expect(await asker.askEach(apps.at(0), 'call', people)).toEqual({ served: slots })
    },
    countTimeoutMs,
  )
})
