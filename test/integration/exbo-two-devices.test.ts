import type { PageResponse } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { FailingStore, type Outage } from '../faults/failing-store.fixture.ts'
import { type Device, type Devices, startDevices } from './exbo-devices.fixture.ts'
import { expectAlive } from './exbo-race.fixture.ts'
import type { Act, Step } from './schedule.fixture.ts'

const ada = 1
const grace = 2

/** Devices of Ada's, the first of them signed in with EXBO long enough ago that a refresh is not held back. */
async function signedIn(devices: Devices): Promise<readonly [Device, Device]> {
  devices.beUser(ada)
  const [phone, laptop] = [devices.device('phone', 0), devices.device('laptop', 1)]
  expect((await phone.signIn()).status).toBe(200)
  await devices.clock.advance(11)
  return [phone, laptop]
}

/** Runs `act` alone, and time with it. */
async function passing<Result>(devices: Devices, act: () => Promise<Result>): Promise<Result> {
  const results: Result[] = []
  await devices.schedule.run({ somebody: async () => void results.push(await act()) })
  const [result] = results
  if (result === undefined) throw new Error('There is no result.')
  return result
}

/** Runs both, the first stopped at its step `what` until the second is done. */
async function stoppedAt(
  devices: Devices,
  what: string,
  acts: { readonly first: Act; readonly second: Act },
): Promise<void> {
  const pick = (steps: readonly Step[]): Step | undefined => {
    const [first, second] = ['first', 'second'].map((name) => steps.find(({ actor }) => actor === name))
    return first === undefined || (first.what === what && second !== undefined) ? second : first
  }
  await devices.schedule.run(acts, pick)
}

/** A page that tells what went wrong and lets its visitor begin anew, on the way to where they wanted. */
function expectNewStart(page: PageResponse, status: number): void {
  expect(page.status).toBe(status)
  expect(page.text).toContain('href="/login/exbo?returnTo=%2Fwhoami"')
  expect(page.setCookies.some((cookie) => cookie.startsWith('__Host-latchkey='))).toBe(false)
}

describe('a sign-in at EXBO whose tokens another device kills before its user is known', () => {
  it('is answered as_unavailable by a page that offers a new start; nothing else is harmed', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    const pages: PageResponse[] = []
    await stoppedAt(devices, 'GET /oauth/user', {
      first: async () => void pages.push(await laptop.signIn()),
      second: () => phone.signIn(),
    })
    const [page] = pages
    if (page === undefined) throw new Error('no page')
    expectNewStart(page, 503)
    expect(page.text).toContain('Nothing was lost')
    await expectAlive(devices, ada, [phone], 'the collision')
    expect((await laptop.signIn()).status).toBe(200)
    await expectAlive(devices, ada, [phone, laptop], 'the new start')
  })

  it('leaves a session that it was to replace as it is', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    expect((await laptop.signIn()).status).toBe(200)
    await stoppedAt(devices, 'GET /oauth/user', {
      first: async () => expectNewStart(await laptop.signIn(), 503),
      second: () => phone.signIn(),
    })
    await expectAlive(devices, ada, [phone, laptop], 'the collision')
  })

  it('leaves a session that it was to be linked to as it is', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    expect((await laptop.signIn({ provider: 'spotify' })).status).toBe(200)
    const statuses: number[] = []
    await stoppedAt(devices, 'GET /oauth/user', {
      first: async () => void statuses.push((await laptop.step('link')).status),
      second: () => phone.signIn(),
    })
    expect([statuses, await laptop.accounts()]).toEqual([[503], ['spotify']])
    await expectAlive(devices, ada, [phone], 'the collision')
    expect((await laptop.step('link')).status).toBe(200)
    expect(await laptop.accounts()).toEqual(['spotify', 'exbo'])
    await expectAlive(devices, ada, [phone, laptop], 'the second link')
  })
})

describe('a device that is signed in with EXBO', () => {
  it('goes on living when somebody takes its account for another one that was to be allowed anew', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    devices.beUser(grace)
    expect((await laptop.signIn()).status).toBe(200)
    // Asked to allow Grace's account anew, the visitor chooses Ada's.
    devices.beUser(ada)
    const page = await passing(devices, () => laptop.step('consent'))
    expect([page.status, page.text.includes('This is another account')]).toEqual([403, true])
    await expectAlive(devices, ada, [phone], 'the mismatch')
    await expectAlive(devices, grace, [laptop], 'the mismatch')
  })

  it('goes on living when its account is another user’s who wants to sign in with it', async () => {
    let userId = 'ada'
    const options = { keepAccounts: true, onLogin: () => userId }
    const devices = await startDevices({ options })
    const [phone, laptop] = await signedIn(devices)
    userId = 'grace'
    expect((await passing(devices, () => laptop.signIn())).status).toBe(409)
    await expectAlive(devices, ada, [phone], 'the refusal')
    expect(await laptop.accounts()).toEqual([])
  })

  it('comes back to life by the commit of a sign-in elsewhere that takes longer than anybody waits', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    await devices.clock.advance(60)
    const statuses: number[] = []
    const pick = (steps: readonly Step[]): Step | undefined => {
      const [first, second] = ['first', 'second'].map((name) => steps.find(({ actor }) => actor === name))
      return first?.what === 'leases.take' && statuses.length === 0 ? second : (first ?? second)
    }
    const second = async () => void statuses.push(await phone.call())
    await devices.schedule.run({ first: () => laptop.signIn(), second }, pick)
    // Its refresh token is dead as well, and after three seconds that is believed: on to EXBO.
    expect(statuses).toEqual([303])
    await expectAlive(devices, ada, [phone, laptop], 'the slow sign-in')
  })

  it('has to sign in again when EXBO’s answer to a sign-in elsewhere is lost: nobody has its tokens', async () => {
    const devices = await startDevices()
    const [phone, laptop] = await signedIn(devices)
    await devices.clock.advance(60)
    devices.emulators.exbo.as.faults.next('token', 1, { dropAfterCommit: true })
    const page = await passing(devices, () => laptop.signIn())
    expectNewStart(page, 503)
    // The server has killed the phone's tokens, and the new ones are nowhere. The guard leads on to EXBO.
    expect(await passing(devices, () => phone.call())).toBe(303)
    expect((await phone.signIn()).status).toBe(200)
    await expectAlive(devices, ada, [phone], 'the second sign-in')
  })
})

describe.each([false, true])('the last device at EXBO (accounts are kept: %s)', (keepAccounts) => {
  it('takes the grant along when it signs out, unless it is kept; the next sign-in finds nothing in its way', async () => {
    const devices = await startDevices({ options: { keepAccounts } })
    const [phone, laptop] = await signedIn(devices)
    expect((await laptop.signIn()).status).toBe(200)
    await laptop.signOut()
    await expectAlive(devices, ada, [phone], 'the first sign-out')
    await phone.signOut()
    const { record, sessions } = await devices.standing(ada)
    expect([record !== undefined, sessions]).toEqual([keepAccounts, 0])
    expect((await laptop.signIn()).status).toBe(200)
    await expectAlive(devices, ada, [laptop], 'the new sign-in')
  })

  it.each([
    ['idle', { idleSeconds: 1_000, absoluteSeconds: 100_000 }],
    ['at its end', { idleSeconds: 1_000, absoluteSeconds: 1_000 }],
  ] as const)('that is gone because its session was %s is no trouble for the next', async (_why, signIn) => {
    const devices = await startDevices({ options: { keepAccounts, signIn } })
    const [phone, laptop] = await signedIn(devices)
    expect((await laptop.signIn()).status).toBe(200)
    await devices.clock.advance(1_001)
    for (const device of [phone, laptop]) expect(await device.accounts()).toEqual([])
    expect((await phone.signIn()).status).toBe(200)
    expect([await phone.call(), await phone.accessToken()]).toEqual([200, devices.living(ada)])
  })
})

describe.each<Outage>(['one refused', 'one lost', 'refused from here on', 'lost from here on'])(
  'the store fails at a command of a sign-in at EXBO (%s)',
  (outage) => {
    it.each([false, true])(
      'whichever it is, the other device goes on living (kept: %s)',
      async (keepAccounts) => {
        let failing: FailingStore | undefined
        const devices = await startDevices({
          options: { keepAccounts },
          store: (clock) => {
            failing = new FailingStore(clock)
            return failing.store
          },
        })
        let command: string | undefined
        let commands = 0
        do {
          const [phone, laptop] = await signedIn(devices)
          failing?.begin(outage, commands)
          await passing(devices, () => laptop.signIn())
          command = failing?.end()
          commands += 1
          // What a failed sign-in has left is tried again; a lease that could not be given back runs out in 15 seconds.
          const first = await passing(devices, () => phone.call())
          expect(outage.startsWith('one') ? [200] : [200, 503], `after ${command}`).toContain(first)
          expect(await passing(devices, () => phone.call()), `after ${command}`).toBe(200)
          expect(await phone.accessToken(), `after ${command}`).toBe(devices.living(ada))
          expect((await passing(devices, () => laptop.signIn())).status, `after ${command}`).toBe(200)
          for (const device of [phone, laptop]) {
            expect(await passing(devices, () => device.call()), `after ${command}`).toBe(200)
            await device.signOut()
          }
        } while (command !== undefined)
        expect(commands).toBeGreaterThan(10)
      },
    )
  },
)
