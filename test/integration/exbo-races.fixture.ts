import { expect } from 'vitest'
import { type DevicesSetup, startDevices } from './exbo-devices.fixture.ts'
import { ages, assume, type Race, runRace, titleOf, unknowns } from './exbo-race.fixture.ts'
import { countOf } from './run-counts.fixture.ts'

const tokenAges = Object.keys(ages) as (keyof typeof ages)[] // the keys of that very object

/** Somebody who is signed in, while another device signs in, or fails to. */
export const signIns: readonly Race[] = tokenAges.flatMap((tokens): readonly Race[] => [
  { held: ['B', 'signs in'], other: ['A', 'calls the API'], before: { A: 'exbo' }, tokens },
  { held: ['A', 'calls the API'], other: ['B', 'signs in'], before: { A: 'exbo' }, tokens },
  { held: ['B', 'signs in and is refused'], other: ['A', 'calls the API'], before: { A: 'exbo' }, tokens },
  {
    held: ['B', 'signs in while userinfo is away'],
    other: ['A', 'calls the API'],
    before: { A: 'exbo' },
    tokens,
  },
  {
    held: ['B', 'links EXBO to its Spotify session'],
    other: ['A', 'calls the API'],
    before: { A: 'exbo', B: 'spotify' },
    tokens,
  },
])

/** Two devices that sign in at the same time. */
export const bothSignIn: readonly Race[] = [
  { held: ['B', 'signs in'], other: ['A', 'signs in'], before: {}, tokens: 'young' },
  { held: ['B', 'signs in'], other: ['A', 'signs in'], before: { A: 'exbo' }, tokens: 'aged' },
  { held: ['B', 'signs in'], other: ['A', 'signs in'], before: { A: 'exbo', B: 'exbo' }, tokens: 'expired' },
  { held: ['B', 'signs in and is refused'], other: ['A', 'signs in'], before: { A: 'exbo' }, tokens: 'aged' },
  {
    held: ['B', 'links EXBO to its Spotify session'],
    other: ['A', 'signs in'],
    before: { B: 'spotify' },
    tokens: 'young',
  },
  {
    held: ['A', 'signs in'],
    other: ['B', 'links EXBO to its Spotify session'],
    before: { A: 'exbo', B: 'spotify' },
    tokens: 'aged',
  },
]

/** A device that signs out while another one does something. */
export const signOuts: readonly Race[] = [
  { held: ['B', 'signs in'], other: ['A', 'signs out'], before: { A: 'exbo' }, tokens: 'aged' },
  { held: ['A', 'signs out'], other: ['B', 'signs in'], before: { A: 'exbo' }, tokens: 'aged' },
  { held: ['B', 'signs in'], other: ['A', 'signs out'], before: { A: 'exbo', B: 'exbo' }, tokens: 'aged' },
  { held: ['B', 'signs in'], other: ['A', 'signs out and in again'], before: { A: 'exbo' }, tokens: 'aged' },
  {
    held: ['B', 'signs in and is refused'],
    other: ['A', 'signs out'],
    before: { A: 'exbo' },
    tokens: 'aged',
  },
  {
    held: ['B', 'links EXBO to its Spotify session'],
    other: ['A', 'signs out'],
    before: { A: 'exbo', B: 'spotify' },
    tokens: 'aged',
  },
  {
    held: ['B', 'links EXBO to its Spotify session'],
    other: ['B', 'signs out'],
    before: { A: 'exbo', B: 'spotify' },
    tokens: 'aged',
  },
  { held: ['A', 'signs in'], other: ['A', 'signs out'], before: { A: 'exbo', B: 'exbo' }, tokens: 'aged' },
  {
    held: ['A', 'calls the API'],
    other: ['B', 'signs out'],
    before: { A: 'exbo', B: 'exbo' },
    tokens: 'expired',
  },
  { held: ['A', 'calls the API'], other: ['A', 'signs out'], before: { A: 'exbo' }, tokens: 'expired' },
  {
    held: ['A', 'calls the API'],
    other: ['A', 'signs out'],
    before: { A: 'exbo', B: 'exbo' },
    tokens: 'expired',
  },
  {
    held: ['A', 'calls the API'],
    other: ['A', 'signs out and in again'],
    before: { A: 'exbo' },
    tokens: 'expired',
  },
]

/** For `it.each`: title, race and place of each. */
export function named(races: readonly Race[]): readonly (readonly [string, Race, number])[] {
  return races.map((race, index) => [titleOf(race), race, index] as const)
}

/** Everyday every fifth step in one variant of what is not known, a different one for each race. */
export async function runAll(
  race: Race,
  index: number,
  setup: Pick<DevicesSetup, 'options' | 'store'> & { readonly everydayStride?: number } = {},
): Promise<void> {
  const devices = await startDevices({ ...setup, users: 200 })
  const stride = countOf({ everyday: setup.everydayStride ?? 5, full: 1 })
  const variants = countOf({ everyday: 1, full: unknowns.length })
  let runs = 0
  for (let variant = index; variant < index + variants; variant += 1) {
    assume(devices, variant)
    for (let at = index % stride; ; at += stride) {
      const { isPast } = await runRace(devices, race, runs, at)
      runs += 1
      if (isPast) break
    }
  }
  console.log(`${titleOf(race)}: ${runs} runs, 0 killed`)
  expect(runs).toBeGreaterThanOrEqual(variants)
}
