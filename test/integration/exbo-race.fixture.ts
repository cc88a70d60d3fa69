import { expect } from 'vitest'
import { type Device, type Devices, tokenSeconds } from './exbo-devices.fixture.ts'
import { described, type Pick, type Step } from './schedule.fixture.ts'

/** What is not known about EXBO: each of these may be so. */
export const unknowns: readonly Readonly<{
  readonly policy: Partial<Devices['emulators']['exbo']['as']['policy']>
  readonly refusedRefreshToken: 'invalid_grant' | 'invalid_request'
}>[] = [
  { policy: {}, refusedRefreshToken: 'invalid_grant' },
  { policy: { spendOnRotate: false, refreshEndsAccessToken: true }, refusedRefreshToken: 'invalid_grant' },
  {
    policy: { exclusiveEndsRefreshTokens: false, refreshEndsAccessToken: true },
    refusedRefreshToken: 'invalid_grant',
  },
  { policy: {}, refusedRefreshToken: 'invalid_request' },
]

const known = { spendOnRotate: true, refreshEndsAccessToken: false, exclusiveEndsRefreshTokens: true }

/** From now on EXBO is as the variant with this number says. */
export function assume({ emulators: { exbo } }: Devices, variant: number): void {
  const { policy, refusedRefreshToken } = unknowns[variant % unknowns.length] ?? {}
  Object.assign(exbo.as.policy, known, policy)
  Object.assign(exbo.switches, { refusedRefreshToken })
}

/** What a device does; the status of each answer that it gets. */
export const acts = {
  'signs in': async (device) => [(await device.signIn()).status],
  'signs in and is refused': async (device) => [
    (await device.signIn({ headers: { 'x-refused': 'yes' } })).status,
  ],
  'signs in while userinfo is away': async (device, { emulators }) => {
    emulators.exbo.as.faults.next('userinfo', 1, { status: 503 })
    return [(await device.signIn()).status]
  },
  'links EXBO to its Spotify session': async (device) => [(await device.step('link')).status],
  'calls the API': async (device) => [await device.call()],
  'signs out': async (device) => [await device.signOut()],
  'signs out and in again': async (device) => [await device.signOut(), (await device.signIn()).status],
} satisfies Readonly<Record<string, (device: Device, devices: Devices) => Promise<readonly number[]>>>

/** Names of {@link acts}. */
export type ActName = keyof typeof acts
/** The devices of a race. */
export type DeviceName = 'A' | 'B'

/** The first is held at each of its steps in turn; meanwhile the second goes as far as it can. */
export interface Race {
  readonly held: readonly [DeviceName, ActName]
  readonly other: readonly [DeviceName, ActName]
  /** Where each device is signed in before. */
  readonly before: Readonly<Partial<Record<DeviceName, 'exbo' | 'spotify'>>>
  /** How old the tokens are. */
  readonly tokens: keyof typeof ages
}

/** Seconds. A token set that is younger than ten is not refreshed. */
export const ages = { young: 0, aged: 11, expired: tokenSeconds + 100 } as const

/** A race in one line. */
export function titleOf({ held, other, before, tokens }: Race): string {
  const who = Object.entries(before).map(([name, provider]) => `${name} at ${provider}`)
  return `${held.join(' ')}, meanwhile ${other.join(' ')} (signed in: ${who.join(', ') || 'nobody'}; ${tokens} tokens)`
}

/** A race that was run. */
export interface Ran {
  /** There was no step any more at which the first could have been held. */
  readonly isPast: boolean
}

/** Runs a race of this person's devices, the first held after `at` steps, and expects all that must hold in the end. */
export async function runRace(devices: Devices, race: Race, person: number, at: number): Promise<Ran> {
  const { held, other, before, tokens } = race
  devices.beUser(person)
  const all = { A: devices.device('A', 0), B: devices.device('B', 1) }
  for (const [name, provider] of Object.entries(before)) {
    expect((await all[name as DeviceName].signIn({ provider })).status).toBe(200) // the keys of a record of these
  }
  await devices.clock.advance(ages[tokens])
  const answers = { held: [] as readonly number[], other: [] as readonly number[] }
  const act =
    (role: 'held' | 'other', [name, what]: Race['held']) =>
    async () => {
      answers[role] = await acts[what](all[name], devices)
    }
  const { pick, isPast } = holding(at)
  const steps = await devices.schedule.run({ held: act('held', held), other: act('other', other) }, pick)
  const about = `${described(steps)} → ${JSON.stringify(answers)}`
  for (const [role, mine, theirs] of [
    ['held', held, other],
    ['other', other, held],
  ] as const) {
    expect(expectedOf(mine, theirs, before, devices.keepsAccounts), about).toContainEqual([...answers[role]])
  }
  await expectAlive(devices, person, await signedInAfter(race, all, answers, about), about)
  return { isPast: isPast() }
}

/** Holds the first after `at` steps, until the second is done or only time helps it. */
function holding(at: number): { readonly pick: Pick; readonly isPast: () => boolean } {
  let taken = 0
  let isHeld = true
  const pick = (steps: readonly Step[]): Step | undefined => {
    const mine = steps.find(({ actor }) => actor === 'held')
    const theirs = steps.find(({ actor }) => actor === 'other')
    if (mine !== undefined && taken < at) {
      taken += 1
      return mine
    }
    if (isHeld && theirs !== undefined) return theirs
    isHeld = false
    return mine ?? theirs
  }
  return { pick, isPast: () => taken < at }
}

/** The answers that a device may get. */
function expectedOf(
  [name, what]: Race['held'],
  [otherName, otherWhat]: Race['held'],
  before: Race['before'],
  keepsAccounts: boolean,
): readonly (readonly number[])[] {
  const isDisturbed = name === otherName && otherWhat !== 'calls the API'
  // Killed by the other's exchange before its user was known: it begins anew.
  const isRaced = ['signs in', 'links EXBO to its Spotify session', 'signs out and in again'].includes(
    otherWhat,
  )
  const signIns = isRaced ? [200, 503] : [200]
  // Meanwhile a user of the app who signed in at Spotify keeps the account that was to be a new user's.
  const isKeptMeanwhile = keepsAccounts && otherWhat === 'links EXBO to its Spotify session'
  switch (what) {
    case 'signs in':
      return [...signIns, ...(isKeptMeanwhile ? [409] : [])].map((status) => [status])
    case 'signs out and in again':
      return signIns.map((status) => [303, status])
    case 'links EXBO to its Spotify session':
      // A user of the app who signed in at Spotify is another one than who signed in at EXBO, and keeps it.
      return [...signIns, ...(isDisturbed ? [400, 401] : []), ...(keepsAccounts ? [409] : [])].map(
        (status) => [status],
      )
    case 'signs in and is refused':
      return [[500], ...(isRaced ? [[503]] : [])]
    case 'signs in while userinfo is away':
      return [[503]]
    case 'signs out':
      return [[303]]
    case 'calls the API':
      return isDisturbed || before[name] !== 'exbo' ? [[200], [302], [303]] : [[200]]
  }
}

/** Whoever can use EXBO's API afterwards, and nobody else. */
async function signedInAfter(
  { held, other, before }: Race,
  all: Readonly<Record<DeviceName, Device>>,
  answers: Readonly<Record<'held' | 'other', readonly number[]>>,
  about: string,
): Promise<readonly Device[]> {
  const signedIn: Device[] = []
  for (const name of ['A', 'B'] as const) {
    const own = (['held', 'other'] as const).filter((role) => ({ held, other })[role][0] === name)
    const isThere = (await all[name].accounts()).includes('exbo')
    if (isThere) signedIn.push(all[name])
    const [role, second] = own
    // Two windows of one browser at once: either may have the last word.
    if (second !== undefined) continue
    const what = role && { held, other }[role][1]
    const isIn = role !== undefined && answers[role].at(-1) === 200
    const stays = before[name] === 'exbo'
    const expected =
      what === 'signs out'
        ? false
        : what === 'signs out and in again'
          ? isIn
          : what === 'signs in' || what?.startsWith('links')
            ? stays || isIn
            : stays
    expect(isThere, `${name} is signed in, after ${about}`).toBe(expected)
  }
  return signedIn
}

/** Everybody who is signed in can use the API, with the one token that lives; nobody else is counted. */
export async function expectAlive(
  devices: Devices,
  person: number,
  signedIn: readonly Device[],
  about: string,
): Promise<void> {
  const { record, sessions } = await devices.standing(person)
  const isKept = record !== undefined && sessions === 0 && devices.keepsAccounts
  expect([sessions, record !== undefined], about).toEqual([signedIn.length, signedIn.length > 0 || isKept])
  for (const device of signedIn) {
    const statuses: number[] = []
    await devices.schedule.run({ [device.name]: async () => void statuses.push(await device.call()) })
    expect(statuses, `${device.name}, after ${about}`).toEqual([200])
  }
  // What a failed sign-in has left is tried again after a second. Until then an older refresh token may do as well.
  await devices.schedule.pass(2)
  for (const device of signedIn) {
    expect(await device.accessToken(), `${device.name}, after ${about}`).toBe(devices.living(person))
  }
}
