import { Agent, type Dispatcher } from 'undici'
import { startFaultProxy } from '../../fault-proxy.ts'
import type { Figure } from '../../results.ts'
import type { Bench, RunningApp } from '../bench.ts'
import { benchUsers } from '../bench-user.ts'
import { figureOf, judged, quantileOf } from '../figures.ts'
import { countCommands, type RedisCost } from '../redis-cost.ts'
import type { Row, RowResult } from '../row.ts'

/** One kind of request whose commands are counted. */
interface Case {
  readonly name: string
  readonly app: 'floor' | 'latchkey-express'
  readonly path: string
  /** Whose cookies go along. @default the sign-in session's */
  readonly cookies?: 'none' | 'with app session'
  /** Round trips that it may take. */
  readonly budget?: number
}

const cases: readonly Case[] = [
  { name: 'floor: signed in', app: 'floor', path: '/me' },
  { name: 'floor: with a provider call', app: 'floor', path: '/call' },
  { name: 'floor: without cookie', app: 'floor', path: '/public', cookies: 'none' },
  { name: 'Latchkey: signed in', app: 'latchkey-express', path: '/me', budget: 1 },
  { name: 'Latchkey: with fetch', app: 'latchkey-express', path: '/call/fetch', budget: 2 },
  { name: 'Latchkey: with request', app: 'latchkey-express', path: '/call/request', budget: 2 },
  { name: 'Latchkey: without cookie', app: 'latchkey-express', path: '/public', cookies: 'none', budget: 0 },
  {
    name: 'Latchkey: app session untouched, nothing in it',
    app: 'latchkey-express',
    path: '/visits',
    budget: 1,
  },
  {
    name: 'Latchkey: app session read',
    app: 'latchkey-express',
    path: '/visits',
    cookies: 'with app session',
    budget: 1,
  },
  {
    name: 'Latchkey: app session changed',
    app: 'latchkey-express',
    path: '/visit',
    cookies: 'with app session',
    budget: 2,
  },
]
const requestCount = 1_000
const warmUpCount = 50
const delayedCount = 20
const delayMs = 40

/** Commands and round trips of a request, counted by Redis itself while requests come one after the other. */
export const redisCommands: Row = {
  name: 'redis-commands',
  title: 'Redis commands and round trips per request',
  run: countAll,
}

async function countAll(bench: Bench): Promise<RowResult> {
  const figures: Figure[] = []
  const samples: Record<string, RedisCost & { readonly roundTripsEach: readonly number[] }> = {}
  for (const one of cases) {
    const cost = await costOf(bench, one)
    const roundTripsEach = await roundTripsOf(bench, one)
    samples[one.name] = { ...cost, roundTripsEach }
    figures.push(...figuresOf(one, cost, roundTripsEach))
    const commands = Object.entries(cost.byCommand).map(([name, calls]) => `${name} ${calls}`)
    bench.progress(
      `${one.name}: ${cost.sent} commands (${commands.join(', ') || 'none'}), ` +
        `${figureOf('', roundTripsEach, { unit: '' }).median} round trips`,
    )
  }
  const setUp = { 'requests counted': requestCount, 'requests delayed': delayedCount, 'delay in ms': delayMs }
  return { setUp, figures, charts: [], samples }
}

async function costOf(bench: Bench, one: Case): Promise<RedisCost> {
  await using app = bench.startApp(one.app)
  await using visitor = await Visitor.of(app, one)
  for (let index = 0; index < warmUpCount; index += 1) await visitor.send()
  return await countCommands(bench.redis.url, requestCount, () => visitor.send())
}

/**
 * How often a request waits for Redis: with a connection on which every command arrives later by a known time, the
 * answer is late by so many times of it. Commands that are under way together count once.
 */
async function roundTripsOf(bench: Bench, one: Case): Promise<readonly number[]> {
  await using proxy = await startFaultProxy({ port: bench.redis.port })
  await using app = bench.startApp(one.app, { env: { BENCH_REDIS_URL: `redis://${proxy.address}` } })
  await using visitor = await Visitor.of(app, one)
  for (let index = 0; index < warmUpCount; index += 1) await visitor.send()
  const direct = quantileOf(await visitor.times(delayedCount), 0.5)
  proxy.set('toServer', { delayMs })
  const delayed = await visitor.times(delayedCount)
  return delayed.map((ms) => Math.max(0, Math.round((ms - direct) / delayMs)))
}

function figuresOf(
  { name, budget }: Case,
  { sent, reads }: RedisCost,
  roundTripsEach: readonly number[],
): readonly Figure[] {
  const count = requestCount
  const bar = budget === undefined ? {} : { bar: judged(roundTripsEach, { atMost: budget, unit: '' }) }
  return [
    figureOf(`${name}: commands`, [sent], { unit: 'per request', count }),
    figureOf(`${name}: reads by Redis`, [reads], { unit: 'per request', count }),
    figureOf(`${name}: round trips`, roundTripsEach, { unit: 'per request', ...bar }),
  ]
}

/** Somebody with one open connection to the app, and the cookies of the case. */
class Visitor implements AsyncDisposable {
  readonly #agent = new Agent({ connections: 1 })
  readonly #origin: string
  readonly #path: string
  #cookie = ''

  private constructor(origin: string, path: string) {
    this.#origin = origin
    this.#path = path
  }

  static async of(app: RunningApp, { path, cookies }: Case): Promise<Visitor> {
    const visitor = new Visitor(await app.ask('origin'), path)
    if (cookies === 'none') return visitor
    const [signedIn = ''] = await app.ask('signIn', benchUsers(1))
    visitor.#cookie = signedIn
    if (cookies !== 'with app session') return visitor
    const { headers } = await visitor.#get('/visit')
    const [setCookie = ''] = [headers['set-cookie'] ?? ''].flat()
    visitor.#cookie += `; ${setCookie.split(';', 1)[0]}`
    return visitor
  }

  async send(): Promise<void> {
    const { statusCode } = await this.#get(this.#path)
    if (statusCode !== 200) throw new Error(`${this.#path} answered ${statusCode}.`)
  }

  /** How long each of so many requests takes, in ms, one after the other. */
  async times(count: number): Promise<readonly number[]> {
    const times: number[] = []
    for (let index = 0; index < count; index += 1) {
      const start = performance.now()
      await this.send()
      times.push(performance.now() - start)
    }
    return times
  }

  async #get(path: string): Promise<Dispatcher.ResponseData> {
    const headers = this.#cookie === '' ? {} : { cookie: this.#cookie }
    const reply = await this.#agent.request({ origin: this.#origin, path, method: 'GET', headers })
    await reply.body.dump()
    return reply
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#agent.close()
  }
}
