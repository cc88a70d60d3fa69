import type { Figure } from '../results.ts'
import type { Bench } from './bench.ts'
import { benchUsers } from './bench-user.ts'
import { pinsApps } from './child-program.ts'
import { type Contender, RunningContender } from './contender.ts'
import { figureOf, judged, ratios } from './figures.ts'
import type { Bar, Row, RowResult } from './row.ts'

/** A row of contenders under full load; the first one is the floor that all others are compared with. */
export interface LoadRow {
  readonly name: string
  readonly title: string
  readonly contenders: readonly Contender[]
  /** Only runs when it is named. */
  readonly isOnRequest?: boolean
}

/** What one contender did in one round. */
export interface Sample {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicros: number
  /** How much of its processor the app used: near 1, or something else was the bottleneck. */
  readonly busy: number
}

const userCount = 1_000
const connections = 50
const warmUpSeconds = 3

/** Makes a row of the benchmarks: rounds of A, B, C, A, B, C, … on the same machine with the same work. */
export function loadRow({ contenders, ...row }: LoadRow): Row {
  return { ...row, run: (bench) => runRounds(bench, contenders) }
}

/** Starts the contenders; every one of them has answered rightly when this resolves. */
export async function startContenders(
  bench: Bench,
  contenders: readonly Contender[],
  stack: AsyncDisposableStack,
): Promise<readonly RunningContender[]> {
  const users = benchUsers(userCount)
  const running: RunningContender[] = []
  for (const contender of contenders) {
    const app = stack.use(bench.startApp(contender.app, { env: contender.env ?? {} }))
    running.push(await RunningContender.start(contender, app, users))
  }
  return running
}

async function runRounds(bench: Bench, contenders: readonly Contender[]): Promise<RowResult> {
  const { rounds, seconds } = bench.options
  await using stack = new AsyncDisposableStack()
  const running = await startContenders(bench, contenders, stack)
  for (const one of running) await sample(bench, one, warmUpSeconds)
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const one of running) {
      const { name } = one.contender
      const measured = await sample(bench, one, seconds)
      samples.get(name)?.push(measured)
      const { perSecond, p99Ms, cpuMicros, busy } = measured
      bench.progress(
        `round ${round} of ${rounds}: ${name}: ${Math.round(perSecond)}/s, p99 ${p99Ms} ms, ` +
          `${cpuMicros.toFixed(1)} us of CPU each, processor ${Math.round(busy * 100)} % busy`,
      )
    }
  }
  for (const one of running) await one.check()
  return resultOf(contenders, samples, { rounds, seconds })
}

/** One contender under load. @throws Error when any answer was wrong */
export async function sample(
  bench: Bench,
  { contender, app, url, cookies }: RunningContender,
  seconds: number,
): Promise<Sample> {
  const { answersBegin } = contender
  const before = await app.ask('usage')
  const start = performance.now()
  const done = await bench.load.ask('full', { url, cookies, connections, seconds, answersBegin })
  const elapsedMicros = (performance.now() - start) * 1000
  const after = await app.ask('usage')
  if (done.failed > 0)
    throw new Error(`${contender.name}: ${done.failed} of ${done.requests} answers were wrong.`)
  const cpuMicros = after.cpuMicros - before.cpuMicros
  const { perSecond, p50Ms, p99Ms } = done
  return { perSecond, p50Ms, p99Ms, cpuMicros: cpuMicros / done.requests, busy: cpuMicros / elapsedMicros }
}

function resultOf(
  contenders: readonly Contender[],
  samples: ReadonlyMap<string, readonly Sample[]>,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): RowResult {
  const all = contenders.map((contender) => ({ contender, samples: samples.get(contender.name) ?? [] }))
  const [floor] = all
  const floorSamples = floor?.samples ?? []
  const figures = all.flatMap((one) => figuresOf(one.contender, one.samples, floorSamples))
  const bars = (of: (sample: Sample) => number): readonly Bar[] =>
    all.map((one) => barOf(one.contender, one.samples, floorSamples, of))
  return {
    setUp: { rounds, seconds, connections, users: userCount, 'app on a processor of its own': pinsApps },
    figures,
    charts: [
      { title: 'requests per second', unit: '/s', bars: bars(({ perSecond }) => perSecond) },
      { title: 'CPU time of the app per request', unit: 'us', bars: bars(({ cpuMicros }) => cpuMicros) },
    ],
    samples: Object.fromEntries(samples),
  }
}

function figuresOf(
  { name, budget }: Contender,
  samples: readonly Sample[],
  floor: readonly Sample[],
): readonly Figure[] {
  const of = (pick: (sample: Sample) => number): readonly number[] => samples.map(pick)
  const speed = ratios(
    of(({ perSecond }) => perSecond),
    floor.map(({ perSecond }) => perSecond),
  )
  const cpu = ratios(
    floor.map(({ cpuMicros }) => cpuMicros),
    of(({ cpuMicros }) => cpuMicros),
  )
  const figures = [
    figureOf(
      `${name}: requests`,
      of(({ perSecond }) => perSecond),
      { unit: '/s' },
    ),
    figureOf(
      `${name}: p50`,
      of(({ p50Ms }) => p50Ms),
      { unit: 'ms' },
    ),
    figureOf(
      `${name}: p99`,
      of(({ p99Ms }) => p99Ms),
      { unit: 'ms' },
    ),
    figureOf(
      `${name}: CPU of the app per request`,
      of(({ cpuMicros }) => cpuMicros),
      { unit: 'us' },
    ),
    figureOf(
      `${name}: processor of the app busy`,
      of(({ busy }) => busy * 100),
      { unit: '%' },
    ),
  ]
  if (samples === floor) return figures
  const bar = budget === undefined ? {} : { bar: judged(speed, { atLeast: budget, unit: 'x' }) }
  return [
    ...figures,
    figureOf(`${name}: requests, by those of the floor`, speed, { unit: 'x', ...bar }),
    figureOf(`${name}: CPU of the floor, by its own`, cpu, { unit: 'x' }),
  ]
}

function barOf(
  { name, app }: Contender,
  samples: readonly Sample[],
  floor: readonly Sample[],
  of: (sample: Sample) => number,
): Bar {
  const values = samples.map(of)
  const { min, median, max } = figureOf(name, values, { unit: '' })
  const ratio = figureOf(name, ratios(values, floor.map(of)), { unit: 'x' }).median
  const kind = app === 'limit' ? 'limit' : samples === floor ? 'floor' : 'latchkey'
  return { label: name, min, median, max, kind, ...(samples !== floor && { note: `${ratio.toFixed(2)} x` }) }
}
