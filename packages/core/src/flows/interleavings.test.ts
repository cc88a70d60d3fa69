import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { Provider } from '../protocol/provider.ts'
import { Crowd, type Start } from './crowd.fixture.ts'
import { audit } from './crowd-audit.fixture.ts'
import { type Operation, operations } from './crowd-operations.fixture.ts'
import type { LosesStore, Run } from './crowd-run.fixture.ts'

/** What becomes of Ada's account at `other`, and how far it has come when two operations meet. */
const settings: readonly (readonly [string, Partial<Provider>, readonly Start[]])[] = [
  ['of a session', {}, ['all her devices have it']],
  ['of a session, revoked as one', { revocation: 'authorization' }, ['her laptop has it']],
  ['kept', { keepAccounts: true }, ['all her devices have it']],
  [
    'kept, revoked as one',
    { keepAccounts: true, revocation: 'authorization' },
    ['nobody has it', 'her laptop has it'],
  ],
  ['exclusive', { exclusive: true, revocation: 'authorization' }, ['nobody has it', 'her laptop has it']],
  [
    'exclusive and kept',
    { exclusive: true, keepAccounts: true, revocation: 'authorization' },
    ['her laptop has it'],
  ],
]

/** Longer than anything here waits for. */
const mostSeconds = 30
/** By then whatever is tried again has met a store that is back. */
const settleSeconds = 20

interface Met {
  readonly first: Run
  readonly second: Run
  readonly findings: readonly string[]
  /** The next step before which holding the first one can make a difference; `undefined`: there is none. */
  readonly nextHoldAt: number | undefined
}

/**
 * Runs the second operation from start to end while the first one is held before a step, then lets that go on. Held
 * after a step's answer is held before the next one: nothing else happens between the two. `undefined`: it ended before
 * that step.
 */
async function meet(
  crowd: Crowd,
  pair: readonly [Operation, Operation],
  holdAt: number,
  losesStore?: LosesStore,
): Promise<Met | undefined> {
  const prepared = [await pair[0].prepare(crowd), await pair[1].prepare(crowd)] as const
  const first = crowd.start(prepared[0], holdAt, losesStore)
  await until(crowd, () => first.isHeld || first.isDone)
  // One after the other is what the same two do the other way round, where the first one is held before it begins.
  if (!first.isHeld && first.isDone) return undefined
  const second = crowd.start(prepared[1])
  await crowd.turn()
  // A second one that is not done by now waits for a timer: for what the first one holds. So that one goes on.
  const hadToWait = !second.isDone
  const stepsSoFar = second.steps.length
  first.release()
  await until(crowd, () => first.isDone && second.isDone)
  // What an outage cut off is done after it.
  if (first.hasLostStore) await crowd.fixture.clock.advance(settleSeconds)
  await crowd.flows.close()
  await crowd.fixture.vault.close()
  for (const { gained } of [first, second]) if (gained !== undefined) crowd.holdings.push(gained)
  const done = [
    { operation: pair[0], run: first },
    { operation: pair[1], run: second },
  ]
  const faults = [...done.flatMap(unexpectedIn), ...(await audit(crowd, done))]
  const when = `held before ${holdAt} ${first.steps[holdAt]?.name}`
  const isOnItsOwn = !hadToWait && stepsSoFar === second.steps.length
  const mayDiffer = first.steps.findIndex(
    (step, at) => at >= holdAt && !(isOnItsOwn && second.commutesWith(step)),
  )
  return {
    first,
    second,
    findings: faults.map((fault) => `${when}: ${fault}`),
    nextHoldAt: mayDiffer === -1 ? undefined : mayDiffer + 1,
  }
}

/** Whoever is refused is told so; nothing else may go wrong. */
function unexpectedIn({
  operation: { name },
  run: { isDone, failure },
}: {
  readonly operation: Operation
  readonly run: Run
}): readonly string[] {
  if (!isDone) return [`${name} never ends`]
  return failure === undefined || LatchkeyError.is(failure) ? [] : [`${name} failed with ${failure}`]
}

async function until(crowd: Crowd, isSo: () => boolean): Promise<void> {
  await crowd.turn()
  for (let passed = 0; !isSo() && passed < mostSeconds; passed += 0.1) await crowd.fixture.clock.advance(0.1)
}

function arePossible(pair: readonly Operation[], provider: Partial<Provider>, start: Start): boolean {
  // Where tokens from elsewhere end all others of their user, they end what somebody else keeps.
  if (provider.exclusive && pair.some(isImport) && pair.some(({ name }) => name.startsWith('Bob')))
    return false
  if (start === 'nobody has it' && pair.some(({ needs }) => needs === 'the account')) return false
  return provider.keepAccounts === true || !pair.some(isImport)
}

function isImport({ needs }: Operation): boolean {
  return needs === 'kept accounts'
}

const gatherings = new Map<string, Promise<Crowd>>()

function gathered(kind: string, provider: Partial<Provider>, start: Start): Promise<Crowd> {
  const name = `${kind}, ${start}`
  const known = gatherings.get(name) ?? Crowd.gathered(provider, start)
  gatherings.set(name, known)
  return known
}

const pairs = operations.flatMap((first) =>
  operations.map((second) => [`${first.name} and ${second.name}`, [first, second] as const] as const),
)

/** Every way for the two to meet, until the first one is done before it would be held. */
async function meetings(
  name: string,
  pair: readonly [Operation, Operation],
  losesStore?: LosesStore,
): Promise<readonly Met[]> {
  const met: Met[] = []
  for (const [kind, provider, starts] of settings) {
    for (const start of starts.filter((one) => arePossible(pair, provider, one))) {
      const crowd = await gathered(kind, provider, start)
      for (let holdAt: number | undefined = 0; holdAt !== undefined; ) {
        const outcome: Met | undefined = await meet(await crowd.copy(), pair, holdAt, losesStore)
        if (outcome === undefined) break
        const findings = outcome.findings.map((finding) => `${name}, ${kind}, ${start}, ${finding}`)
        met.push({ ...outcome, findings })
        holdAt = outcome.nextHoldAt
      }
    }
  }
  return met
}

describe('two operations that meet', () => {
  it.each(pairs)('%s leave nothing behind and lose nothing', async (name, pair) => {
    const met = await meetings(name, pair)
    expect(met.flatMap(({ findings }) => findings)).toEqual([])
    expect(met.filter(({ first }) => first.failure === undefined).length).toBeGreaterThan(0)
    expect(met.filter(({ second }) => second.failure === undefined).length).toBeGreaterThan(0)
  })
})

const storing = pairs.filter(([, [first]]) => first.storesSession)

describe.each(['before the answer', 'after the answer'] as const)(
  'two operations that meet while the store goes away for the first, which has written its session, %s',
  (losesStore) => {
    it.each(storing)('%s leave nothing behind and lose nothing', async (name, pair) => {
      const met = await meetings(name, pair, losesStore)
      expect(met.flatMap(({ findings }) => findings)).toEqual([])
      expect(met.filter(({ first }) => first.hasLostStore).length).toBeGreaterThan(0)
    })
  },
)
