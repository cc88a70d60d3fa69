import { expect } from 'vitest'
import type { Device, Devices } from './exbo-devices.fixture.ts'
import { type ActName, acts, ages, assume, type DeviceName, unknowns } from './exbo-race.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { described, type Pick, type Step } from './schedule.fixture.ts'

/** Another one is tried with `LATCHKEY_SEED=2`. */
const seed = Number(process.env.LATCHKEY_SEED ?? 1)
const deviceNames: readonly DeviceName[] = ['A', 'B']
const tokenAges = Object.keys(ages) as (keyof typeof ages)[] // the keys of that very object

/** What one window of a device does, one after the other. */
export type Visits = readonly ActName[]

/** Sign-ins, sign-outs and calls. */
export const plain: readonly Visits[] = [
  ['signs in'],
  ['signs in'],
  ['signs in', 'calls the API'],
  ['signs out'],
  ['signs out and in again'],
  ['signs out and in again', 'calls the API'],
]
/** Sign-ins that fail. */
export const failing: readonly Visits[] = [
  ['signs in and is refused'],
  ['signs in while userinfo is away', 'calls the API'],
]

/** Numbers of a seed. */
class Dice {
  readonly #random: () => number

  constructor(round: number) {
    this.#random = seededRandom(seed * 1_000_003 + round)
  }

  of<One>(choices: readonly One[]): One {
    return choices[Math.floor(this.#random() * choices.length)] as One // there is one at each of these places
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  number(): number {
    return this.#random()
  }
}

/** What happens in a round. Each device has one window that signs in and out, and any number that call. */
interface Plan {
  readonly before: readonly DeviceName[]
  readonly tokens: keyof typeof ages
  /** By the name of the actor. */
  readonly visits: Readonly<Record<string, { readonly name: DeviceName; readonly visits: Visits }>>
  /** How likely time passes instead of a step. */
  readonly slowness: number
}

function planOf(dice: Dice, repertoire: readonly Visits[]): Plan {
  const before = deviceNames.filter((name) => dice.chance(name === 'A' ? 0.8 : 0.5))
  const visits: Record<string, Plan['visits'][string]> = {}
  for (const name of deviceNames) {
    if (dice.chance(0.8)) visits[`${name} 1`] = { name, visits: dice.of(repertoire) }
    if (dice.chance(0.5)) visits[`${name} 2`] = { name, visits: ['calls the API'] }
  }
  return { before, tokens: dice.of(tokenAges), visits, slowness: dice.of([0, 0, 0.1, 0.5]) }
}

/** Any step that waits, or rather always the same actor's until that changes: each finds other faults. */
function pickBy(dice: Dice, slowness: number): Pick {
  const priorities = new Map<string, number>()
  const priorityOf = (actor: string): number => {
    const known = priorities.get(actor) ?? dice.number()
    priorities.set(actor, known)
    return known
  }
  const isSteady = dice.chance(0.6)
  return (steps) => {
    if (dice.chance(slowness)) return undefined
    if (!isSteady) return dice.of(steps)
    const first = steps.toSorted((a, b) => priorityOf(b.actor) - priorityOf(a.actor))[0]
    if (first !== undefined && dice.chance(0.1)) priorities.set(first.actor, -dice.number())
    return first
  }
}

/** What came of a round. */
interface Round {
  readonly plan: Plan
  readonly steps: readonly Step[]
  /** By the name of the actor. */
  readonly answers: Readonly<Record<string, readonly number[]>>
  readonly faults: readonly string[]
}

async function runRound(devices: Devices, round: number, repertoire: readonly Visits[]): Promise<Round> {
  const dice = new Dice(round)
  assume(devices, Math.floor(dice.number() * unknowns.length))
  const plan = planOf(dice, repertoire)
  devices.beUser(round)
  const all = { A: devices.device('A'), B: devices.device('B') }
  const process = (): number => dice.of([0, 1])
  for (const name of plan.before) await all[name].at(process()).signIn()
  await devices.clock.advance(ages[plan.tokens])
  const answers = Object.fromEntries(Object.keys(plan.visits).map((actor) => [actor, [] as number[]]))
  const toRun = Object.entries(plan.visits).map(([actor, { name, visits }]) => {
    const act = async (): Promise<void> => {
      for (const visit of visits)
        answers[actor]?.push(...(await acts[visit](all[name].at(process()), devices)))
    }
    return [actor, act] as const
  })
  const steps = await devices.schedule.run(Object.fromEntries(toRun), pickBy(dice, plan.slowness))
  devices.emulators.exbo.as.faults.clear('userinfo')
  const faults = [...faultsIn(plan, answers), ...(await killed(devices, round, plan, all, answers))]
  return { plan, steps, answers, faults }
}

const isSignIn = (visit: ActName): boolean => visit.startsWith('signs in') || visit.endsWith('in again')

/** While one other device signs in, and not for long, a call of whoever is signed in ends well. */
function faultsIn({ before, visits, slowness }: Plan, answers: Round['answers']): readonly string[] {
  const others = Object.values(visits)
  const signIns = others.flatMap((one) => one.visits.filter(isSignIn))
  if (signIns.length > 1 || slowness > 0) return []
  return Object.entries(visits).flatMap(
    ([
      actor,
      {
        name,
        visits: [visit],
      },
    ]) => {
      const isSteady =
        before.includes(name) && !others.some((one) => one.name === name && one.visits[0] !== visit)
      if (visit !== 'calls the API' || !isSteady || answers[actor]?.[0] === 200) return []
      return [`${actor}: a call under way ended with ${answers[actor]?.[0]}`]
    },
  )
}

/** Whoever is signed in afterwards can use the API, with the one token that lives. */
async function killed(
  devices: Devices,
  round: number,
  { before, visits }: Plan,
  all: Readonly<Record<DeviceName, Device>>,
  answers: Round['answers'],
): Promise<readonly string[]> {
  const faults: string[] = []
  const signedIn: DeviceName[] = []
  for (const name of deviceNames) {
    const [first] = visits[`${name} 1`]?.visits ?? []
    const isThere = (await all[name].accounts()).includes('exbo')
    if (isThere) signedIn.push(name)
    const isExpected =
      first === 'signs out and in again'
        ? answers[`${name} 1`]?.[1] === 200
        : before.includes(name) && first !== 'signs out'
    if (isExpected && !isThere) faults.push(`${name} is not signed in any more`)
  }
  for (const name of signedIn) {
    const statuses: number[] = []
    await devices.schedule.run({ [name]: async () => void statuses.push(await all[name].call()) })
    if (statuses[0] !== 200) faults.push(`${name} is killed: its next call ended with ${statuses[0]}`)
  }
  // What a failed sign-in has left is tried again after a second. Until then an older refresh token may do as well.
  await devices.schedule.pass(2)
  for (const name of signedIn) {
    const isLiving = (await all[name].accessToken()) === devices.living(round)
    if (!isLiving) faults.push(`${name} is handed another token than the one that lives`)
  }
  const { record, sessions } = await devices.standing(round)
  if (sessions !== signedIn.length)
    faults.push(`${sessions} sessions are counted, ${signedIn.length} are there`)
  if ((record !== undefined) !== signedIn.length > 0)
    faults.push('a grant stands there for nobody, or none for somebody')
  return faults
}

/**
 * So many rounds at random, each with people of its own: nobody is killed, and
 * the vault has the living token.
 */
export async function expectNobodyKilled(
  devices: Devices,
  title: string,
  { rounds, repertoire }: { readonly rounds: number; readonly repertoire: readonly Visits[] },
): Promise<void> {
  const answered: Record<string, number> = {}
  const broken: string[] = []
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    const { plan, steps, answers, faults } = await runRound(devices, round, repertoire)
    for (const [actor, statuses] of Object.entries(answers)) {
      const key = `${plan.visits[actor]?.visits.join(', ')}: ${statuses.join(' ')}`
      answered[key] = (answered[key] ?? 0) + 1
    }
    if (faults.length > 0) {
      broken.push(`round ${round}: ${faults.join('; ')}\n${JSON.stringify(plan)}\n${described(steps)}`)
    }
  }
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  console.log(`${title}: ${rounds} rounds of seed ${seed}, ${broken.length} broken, ${seconds} s`)
  console.log(JSON.stringify(answered))
  expect(broken).toEqual([])
}
