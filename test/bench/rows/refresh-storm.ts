import { setTimeout as delay } from 'node:timers/promises'
import { TestClock } from '@latchkey/testing'
import { Pool } from 'undici'
import type { Figure } from '../../results.ts'
import type { Bench, RunningApp } from '../bench.ts'
import { BenchAs, tokenDelayMs } from '../bench-as.ts'
import { figureOf, judged, quantileOf } from '../figures.ts'
import type { Row, RowResult } from '../row.ts'

const processCounts = [2, 8]
const requestsAtOnce = 500
const connectionsEach = 64
const lifetimeSeconds = 300
const expiriesPerRound = 10
/** Inside the window in which a token is refreshed ahead, whatever the jitter. */
const nearEndSeconds = 30
const settleMs = 3 * tokenDelayMs

/** When a herd of requests comes, and how far time goes on before it. */
const moments = [
  { name: 'token expired', passesSeconds: lifetimeSeconds },
  { name: 'token near its end', passesSeconds: lifetimeSeconds - nearEndSeconds },
] as const

/** What one herd saw. */
interface Herd {
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

/** What one expiry cost. */
interface Expiry {
  readonly tokenRequests: number
  /** The same herd a moment before, with a valid token. */
  readonly before: Herd
  readonly herd: Herd
}

/** A herd of requests of one user on several processes, each time the token has run out. */
export const refreshStorm: Row = {
  name: 'refresh-storm',
  title: 'A herd of requests at an expiry',
  run: runAll,
}

async function runAll(bench: Bench): Promise<RowResult> {
  const expiries = bench.options.rounds * expiriesPerRound
  const figures: Figure[] = []
  const samples: Record<string, readonly Expiry[]> = {}
  for (const processes of processCounts) {
    await using fleet = await Fleet.start(bench, processes)
    for (const { name, passesSeconds } of moments) {
      const title = `${processes} processes, ${name}`
      const seen: Expiry[] = []
      for (let count = 0; count < expiries; count += 1) seen.push(await fleet.expiry(passesSeconds))
      samples[title] = seen
      figures.push(...figuresOf(title, seen, name === 'token near its end'))
      const requests = seen.map(({ tokenRequests }) => tokenRequests)
      bench.progress(
        `${title}: ${expiries} expiries, ${Math.min(...requests)} to ${Math.max(...requests)} token requests each`,
      )
    }
  }
  const setUp = { expiries, 'requests at once': requestsAtOnce, 'token endpoint takes, in ms': tokenDelayMs }
  return { setUp, figures, charts: [], samples }
}

/** Processes of one app, one user with one session, and a clock for all. */
class Fleet implements AsyncDisposable {
  readonly #as: BenchAs
  readonly #clock: TestClock
  readonly #apps: readonly RunningApp[]
  readonly #pools: readonly Pool[]
  #cookie = ''

  private constructor(
    as: BenchAs,
    clock: TestClock,
    apps: readonly RunningApp[],
    origins: readonly string[],
  ) {
    this.#as = as
    this.#clock = clock
    this.#apps = apps
    this.#pools = origins.map((origin) => new Pool(origin, { connections: connectionsEach }))
  }

  static async start(bench: Bench, processes: number): Promise<Fleet> {
    const clock = new TestClock()
    const as = await BenchAs.start(1, clock)
    const env = { ...as.env, BENCH_CLOCK: 'movable' }
    const apps = Array.from({ length: processes }, () =>
      bench.startApp('latchkey-express', { env, core: 'any' }),
    )
    const origins = await Promise.all(apps.map((app) => app.ask('origin')))
    const fleet = new Fleet(as, clock, apps, origins)
    const [cookie = ''] = (await apps[0]?.ask('signIn', as.users(1, lifetimeSeconds))) ?? []
    fleet.#cookie = cookie
    as.answerSlowly()
    // Connections open, code is compiled.
    for (let count = 0; count < 3; count += 1) await fleet.#herd()
    return fleet
  }

  /** Lets the token run out, after a herd that found it valid. */
  async expiry(passesSeconds: number): Promise<Expiry> {
    const before = await this.#herd()
    const calls = this.#as.as.calls.token
    await Promise.all(this.#apps.map((app) => app.ask('advance', passesSeconds)))
    this.#clock.step(passesSeconds)
    const herd = await this.#herd()
    await delay(settleMs)
    return { tokenRequests: this.#as.as.calls.token - calls, before, herd }
  }

  async #herd(): Promise<Herd> {
    const times = await Promise.all(
      Array.from({ length: requestsAtOnce }, (_, index) => this.#request(index)),
    )
    const answered = times.filter((time) => time !== undefined)
    if (answered.length === 0) throw new Error('No request of the herd was answered rightly.')
    const at = (share: number): number => quantileOf(answered, share)
    return { failed: times.length - answered.length, p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1) }
  }

  /** How long a request took; `undefined`: it got another answer than the API's. */
  async #request(index: number): Promise<number | undefined> {
    const pool = this.#pools[index % this.#pools.length]
    const start = performance.now()
    const reply = await pool?.request({
      path: '/call/fetch',
      method: 'GET',
      headers: { cookie: this.#cookie },
    })
    const text = await reply?.body.text()
    const isRight = reply?.statusCode === 200 && text?.startsWith('{"token":"at_')
    return isRight ? performance.now() - start : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()))
    await Promise.all(this.#apps.map((app) => app[Symbol.asyncDispose]()))
    await this.#as[Symbol.asyncDispose]()
  }
}

function figuresOf(title: string, seen: readonly Expiry[], isAhead: boolean): readonly Figure[] {
  const requests = seen.map(({ tokenRequests }) => tokenRequests)
  const isExact = requests.every((count) => count === 1)
  const herds = seen.flatMap(({ before, herd }) => [before, herd])
  const failed = herds.reduce((sum, herd) => sum + herd.failed, 0)
  const added = (of: (herd: Herd) => number): readonly number[] =>
    seen.map(({ before, herd }) => of(herd) - of(before))
  const wait = added(({ p99Ms }) => p99Ms)
  // Nobody may wait for a refresh ahead: less than the token endpoint takes.
  const bar = isAhead ? { bar: judged(wait, { atMost: tokenDelayMs / 2, unit: 'ms' }) } : {}
  return [
    figureOf(`${title}: token requests per expiry`, requests, {
      unit: 'per expiry',
      bar: `1: ${isExact ? 'met' : 'MISSED'}`,
    }),
    figureOf(`${title}: failed requests`, [failed], {
      unit: 'count',
      count: herds.length * requestsAtOnce,
      bar: `0: ${failed === 0 ? 'met' : 'MISSED'}`,
    }),
    figureOf(
      `${title}: p99 of a herd with a valid token`,
      seen.map(({ before }) => before.p99Ms),
      { unit: 'ms' },
    ),
    figureOf(
      `${title}: added at p50`,
      added(({ p50Ms }) => p50Ms),
      { unit: 'ms' },
    ),
    figureOf(`${title}: added at p99`, wait, { unit: 'ms', ...bar }),
    figureOf(
      `${title}: added to the longest`,
      added(({ longestMs }) => longestMs),
      { unit: 'ms' },
    ),
  ]
}
