import { afterAll, describe, expect, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import type { AppKind } from './app-messages.ts'
import type { Apps } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { refreshFigures } from './herd.ts'
import { redisAppsOfTest } from './redis-apps.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import {
  answered,
  type Fault,
  type FaultKind,
  faultsOf,
  isDead,
  type Observed,
  observed,
  sessionKeys,
  tokenFaults,
} from './session-audit.fixture.ts'
import { type ActName, planOf, prepared, type Race, type Random, run } from './session-race.fixture.ts'

/** Another one is tried with `LATCHKEY_SEED=2`. */
const seed = Number(process.env.LATCHKEY_SEED ?? 1)
const processes = 4
/** So many races run at the same time, one for each user. */
const atOnce = 20

const common: readonly ActName[] = [
  'reads its data',
  'writes data',
  'signs in again',
  'signs out',
  'links an account',
  'disconnects the linked account',
]
const kinds: readonly FaultKind[] = [
  'sessions revived',
  'app data revived',
  'tokens overwritten or lost',
  'writes to req.session lost',
  'sessions lost',
  'requests failed',
  'processes disagree',
]

interface Outcome {
  readonly races: number
  readonly acts: Readonly<Record<string, number>>
  readonly faults: readonly Fault[]
  /** Requests that were told to come again: the store was too slow. */
  readonly unavailable: number
  /** What Redis held of sessions when all had ended. */
  readonly left: readonly string[]
}

/** So many races of this app, in batches; `check` is asked after each batch what is left. */
async function runRaces(
  apps: Apps,
  { kind, races, repertoire }: { kind: AppKind; races: number; repertoire: readonly ActName[] },
  leftAfter: (batch: readonly Observed[]) => Promise<readonly string[]>,
): Promise<Outcome> {
  const random = seededRandom(seed)
  const meeting = { apps, random }
  const acts: Record<string, number> = {}
  const faults: Fault[] = []
  const left: string[] = []
  let unavailable = 0
  for (let done = 0; done < races; done += atOnce) {
    const users = people(Math.min(atOnce, races - done))
    const jars = await Promise.all(users.map(({ id }) => prepared(meeting, id)))
    await apps.expire()
    const raced = await Promise.all(
      users.map(({ id }, index) => raceOf(meeting, id, jars[index], planOf(random, repertoire))),
    )
    for (const { act, isDone, status } of raced.flatMap(({ windows }) => windows)) {
      if (status === 503) unavailable += 1
      const name = isDone ? act : `${act} (not done)`
      acts[name] = (acts[name] ?? 0) + 1
    }
    const batch = await Promise.all(raced.map((race) => observed(apps, race)))
    faults.push(...batch.flatMap((one) => faultsOf(one, kind)), ...(await tokenFaults(apps, batch)))
    left.push(...(await leftAfter(batch)))
  }
  return { races, acts, faults, unavailable, left }
}

function raceOf(
  meeting: { readonly apps: Apps; readonly random: Random },
  userId: string,
  jar: Race['before'] | undefined,
  plan: readonly ActName[],
): Promise<Race> {
  if (jar === undefined) throw new Error('Nobody is prepared.')
  return run(meeting, userId, jar, plan)
}

/** Ends every session of everybody; answers the cookies that are alive all the same. */
async function endEverybody(apps: Apps, batch: readonly Observed[]): Promise<readonly string[]> {
  // A link whose session has ended meanwhile signs in with the other account.
  const users = batch.flatMap(({ race }) => [`example:${race.userId}`, `other:${race.userId}`])
  const ended = users.map((user, index) =>
    answered(() => apps.get(index % processes, `/end/user/${user}`, '', { method: 'POST' })),
  )
  expect(new Set((await Promise.all(ended)).map(({ status }) => status))).toEqual(new Set([200]))
  const jars = batch.flatMap(({ race, renewed }) => [race.before, ...renewed.map(({ jar }) => jar)])
  const dead = await Promise.all(jars.map((jar) => isDead(apps, jar)))
  return dead.filter((is) => !is).map(() => 'a cookie of an ended user')
}

function publish(
  results: ResultsFile,
  { races, faults, unavailable, acts }: Outcome,
  apps: Apps,
  who: string,
  bar?: '0',
): void {
  for (const kind of kinds) {
    const of = { of: races, ...(bar !== undefined && { bar }) }
    results.count(`${who}: ${kind}`, faults.filter((fault) => fault.kind === kind).length, of)
  }
  const requests = Object.values(acts).reduce((sum, count) => sum + count, 0)
  results.count(`${who}: answered 503, come again`, unavailable, { of: requests })
  const { familiesKilled, most } = refreshFigures(apps.servers.as)
  const grants = { of: apps.servers.as.grants().length, ...(bar !== undefined && { bar }) }
  results.count(`${who}: grants ended by a spent refresh token`, familiesKilled, grants)
  results.count(`${who}: most token requests by one refresh token`, most, { of: races })
}

describe.skipIf(redisIsMissing)('sessions raced at 4 processes over Redis', () => {
  const results = new ResultsFile({
    name: 'session-races',
    title: 'Parallel requests of one browser at 4 processes: sessions, data and tokens (cases 33, 34, 37)',
    command: 'npm run test:full -- test/integration/redis-session-races.test.ts',
    setUp: { processes, seed, 'reuse kills family': true, 'store delay at most ms': 4 },
  })
  afterAll(() => void results.write())

  const start = (kind: AppKind) =>
    redisAppsOfTest({ count: processes, kind, hasOther: true, storeDelayMs: 4 })

  it(
    'cases 33, 34, 37: no ended session is revived, no rotated token overwritten, no write undone',
    async () => {
      const { redis, apps } = await start('latchkey')
      const setUp = {
        kind: 'latchkey',
        races: countOf({ everyday: 90, full: 10_000 }),
        repertoire: [...common, 'signs out', 'signs out everywhere'],
      } as const
      const outcome = await runRaces(apps, setUp, async (batch) => [
        ...(await endEverybody(apps, batch)),
        ...(await sessionKeys(redis)),
      ])
      console.log(`${outcome.races} races: ${JSON.stringify(outcome.acts)}`)
      publish(results, outcome, apps, 'Latchkey', '0')
      expect(outcome.faults).toEqual([])
      expect(outcome.left.slice(0, 10)).toEqual([])
      expect(refreshFigures(apps.servers.as)).toMatchObject({ familiesKilled: 0, most: 1 })
      for (const act of common) expect(outcome.acts[act]).toBeGreaterThan(0)
    },
    countTimeoutMs,
  )

  it(
    'the same with express-session, connect-redis and a refresh by hand: published, nothing is expected',
    async () => {
      const { apps } = await start('today')
      const races = countOf({ everyday: 60, full: 1_000 })
      const setUp = { kind: 'today', races, repertoire: common } as const
      const outcome = await runRaces(apps, setUp, async () => [])
      console.log(`${outcome.races} races: ${JSON.stringify(outcome.acts)}`)
      publish(results, outcome, apps, 'express-session')
      // Otherwise the races do not meet.
      expect(outcome.faults.length).toBeGreaterThan(0)
    },
    countTimeoutMs,
  )
})
