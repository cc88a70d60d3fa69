import type { Bench } from '../bench.ts'
import { BenchAs, tokenDelayMs } from '../bench-as.ts'
import { figureOf, judged, quantileOf, ratios } from '../figures.ts'
import type { PacedResult } from '../paced-load.ts'
import type { Row, RowResult } from '../row.ts'

const userCount = 50
const perSecond = 250
/** So short that every user sees a refresh in each sample, and long enough that it is refreshed ahead. */
const shortSeconds = 30
const longSeconds = 3600
const leastSeconds = 25
const trialSeconds = 12

/** What active users notice of the end of their token, in real time. */
export const expiry: Row = {
  name: 'expiry',
  title: 'Active users across an expiry',
  run: runRounds,
}

/** One kind of users in one round. */
interface Sample {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  readonly refreshes: number
  readonly failed: number
}

async function runRounds(bench: Bench): Promise<RowResult> {
  const { rounds, isTrial } = bench.options
  const seconds = isTrial ? trialSeconds : Math.max(bench.options.seconds, leastSeconds)
  await using as = await BenchAs.start(2 * userCount)
  as.answerSlowly()
  await using app = bench.startApp('latchkey-express', { env: as.env })
  const url = `${await app.ask('origin')}/call/fetch`
  const across: Sample[] = []
  const without: Sample[] = []
  const measure = async (lifetimeSeconds: number, first: number): Promise<Sample> => {
    const cookies = await app.ask('signIn', as.users(userCount, lifetimeSeconds, first))
    const refreshed = as.as.mints.refresh_token
    const done = await bench.load.ask('paced', { url, cookies, perSecond, seconds })
    return sampleOf(done, as.as.mints.refresh_token - refreshed)
  }
  await measure(longSeconds, userCount)
  for (let round = 1; round <= rounds; round += 1) {
    const sides = [
      async () => across.push(await measure(shortSeconds, 0)),
      async () => without.push(await measure(longSeconds, userCount)),
    ]
    // Whatever grows or warms up with time is not to count for one side alone.
    for (const side of round % 2 === 1 ? sides : sides.reverse()) await side()
    const [one, other] = [across.at(-1), without.at(-1)]
    bench.progress(
      `round ${round} of ${rounds}: p99 ${one?.p99Ms.toFixed(1)} ms with ${one?.refreshes} refreshes, ` +
        `${other?.p99Ms.toFixed(1)} ms with ${other?.refreshes}`,
    )
  }
  return resultOf(across, without, { rounds, seconds })
}

/** @throws Error when no request was answered */
function sampleOf({ latenciesMs, failed }: PacedResult, refreshes: number): Sample {
  if (latenciesMs.length === 0) throw new Error('No request was answered.')
  const [p50Ms = 0, p99Ms = 0, longestMs = 0] = [0.5, 0.99, 1].map((share) => quantileOf(latenciesMs, share))
  return { p50Ms, p99Ms, longestMs, refreshes, failed }
}

function resultOf(
  across: readonly Sample[],
  without: readonly Sample[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): RowResult {
  const of = (samples: readonly Sample[], pick: (sample: Sample) => number): readonly number[] =>
    samples.map(pick)
  const p99 = ({ p99Ms }: Sample): number => p99Ms
  const ratio = ratios(of(across, p99), of(without, p99))
  const sides = [
    { name: 'across an expiry', samples: across },
    { name: 'without one', samples: without },
  ]
  const figures = sides.flatMap(({ name, samples }) => {
    const failed = of(samples, (sample) => sample.failed).reduce((sum, count) => sum + count, 0)
    return [
      figureOf(`${name}: failed requests`, [failed], {
        unit: 'count',
        count: samples.length * perSecond * seconds,
        bar: `0: ${failed === 0 ? 'met' : 'MISSED'}`,
      }),
      figureOf(
        `${name}: refreshes`,
        of(samples, ({ refreshes }) => refreshes),
        { unit: 'per round' },
      ),
      figureOf(
        `${name}: p50`,
        of(samples, ({ p50Ms }) => p50Ms),
        { unit: 'ms' },
      ),
      figureOf(`${name}: p99`, of(samples, p99), { unit: 'ms' }),
      figureOf(
        `${name}: longest`,
        of(samples, ({ longestMs }) => longestMs),
        { unit: 'ms' },
      ),
    ]
  })
  const bar = judged(ratio, { atMost: 1.1, unit: 'x' })
  return {
    setUp: {
      rounds,
      seconds,
      users: userCount,
      'requests per second': perSecond,
      'token lifetime in s': shortSeconds,
      'token endpoint takes, in ms': tokenDelayMs,
    },
    figures: [...figures, figureOf('p99 across an expiry, by that without one', ratio, { unit: 'x', bar })],
    charts: [],
    samples: { across, without },
  }
}
