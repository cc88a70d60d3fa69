import { afterAll, describe, expect, it } from 'vitest'
import type { StorePoint } from '../integration/app-messages.ts'
import type { Apps } from '../integration/apps.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { callsOf, isWhole, type Person, type Recovery, recovered, startRig } from './refresh-rig.fixture.ts'

/** A point in the middle of a refresh where a process is killed. */
interface KillPoint {
  readonly name: string
  /** Stops the refresh of this person there; resolves to what waits until it has come there. */
  readonly stopAt: (apps: Apps, person: Person) => Promise<() => Promise<unknown>>
  /** How often the refresh token is sent in all. */
  readonly sends: number
  /** True where the server has rotated the token and nobody has saved the new one. */
  readonly isOpen: boolean
}

/** The process whose turn it is to die, and the one that lives on. */
const [victim, survivor] = [0, 1]
const points: readonly KillPoint[] = [
  {
    name: '(a) before the token request',
    stopAt: atStore('leases.writeAttempt after'),
    sends: 1,
    isOpen: false,
  },
  { name: '(b) rotated, before the answer', stopAt: atServer, sends: 2, isOpen: true },
  { name: '(c) answered, before the save', stopAt: atStore('grants.commit before'), sends: 2, isOpen: true },
  {
    name: '(d) saved, before the release',
    stopAt: atStore('leases.release before'),
    sends: 1,
    isOpen: false,
  },
]
const kills = countOf({ everyday: 2, full: 250 })
/** Longer than the lease (15 s) and the wait for a commit of its owner (3 s), or not. */
const longGraceSeconds = 60
const shortGraces = countOf({ everyday: 1, full: 2 }) === 2 ? [5, 0] : [0]

interface Trial {
  readonly point: KillPoint
  readonly person: Person
  readonly recovery: Recovery
}

function atStore(point: StorePoint): KillPoint['stopAt'] {
  return async (apps) => {
    const hold = await apps.at(victim).hold(point)
    return () => hold.arrivals()
  }
}

/** This person's refresh token is rotated, and the answer never comes. */
async function atServer({ servers: { as } }: Apps, { userId }: Person): Promise<() => Promise<unknown>> {
  const { refreshToken } = as.liveFor(userId) ?? {}
  as.faults.next('token', 1, {
    when: ({ form }) => form.get('refresh_token') === refreshToken,
    commit: true,
    noHeaders: true,
  })
  return async () => expect.poll(() => as.liveFor(userId)?.generation, { interval: 5 }).toBe(1)
}

/** Kills a process in the middle of this person's refresh, and starts another one in its place. */
async function kill(apps: Apps, { stopAt }: KillPoint, person: Person): Promise<void> {
  const arrives = await stopAt(apps, person)
  const cut = apps.get(victim, '/me', person.cookie).catch(() => 'cut off')
  await arrives()
  await apps.at(victim).kill9()
  expect(await cut).toBe('cut off')
  await apps.replace(victim)
}

/** So many kills at each point, one after the other; the recoveries go on meanwhile. */
async function killSeries(graceSeconds: number) {
  const rig = await startRig({ count: 2, people: kills * points.length + 1, policy: { graceSeconds } })
  const { apps, people } = rig
  const [bystander, ...others] = people
  const recoveries: Promise<Trial>[] = []
  let disturbed = 0
  for (const [index, person] of others.entries()) {
    const point = points[index % points.length]
    if (point === undefined || bystander === undefined) throw new Error('No point or nobody is left.')
    await kill(apps, point, person)
    const recovery = recovered(apps, survivor, person.cookie)
    recoveries.push(recovery.then((done) => ({ point, person, recovery: done })))
    if ((await recovered(apps, survivor, bystander.cookie, 0)).status !== 200) disturbed += 1
  }
  return { apps, disturbed, trials: await Promise.all(recoveries) }
}

describe.skipIf(redisIsMissing)('case 64: a process is killed in the middle of a refresh', () => {
  const results = new ResultsFile({
    name: 'refresh-killed',
    title: 'Grants lost by kill -9 in the middle of a refresh (case 64)',
    command: 'npm run test:full -- test/faults/refresh-killed.test.ts',
    setUp: { kills, processes: 2, 'lease seconds': 15, 'reuse kills family': true },
  })
  afterAll(() => void results.write())

  function publish(trials: readonly Trial[], graceSeconds: number): void {
    for (const point of points) {
      const mine = trials.filter((trial) => trial.point === point)
      const lost = mine.filter(({ recovery }) => recovery.status !== 200).length
      const mustKeep = !point.isOpen || graceSeconds === longGraceSeconds
      const name = `${point.name}, grace ${graceSeconds} s`
      results.count(`lost grants: ${name}`, lost, { of: mine.length, ...(mustKeep ? { bar: '0' } : {}) })
      const times = mine.map(({ recovery }) => recovery.ms)
      results.samples(`until the next answer that is final: ${name}`, times, { unit: 'ms' })
    }
  }

  /** Recovered, each by the fewest token requests, and whole past the next expiry. */
  async function expectKept(apps: Apps, trials: readonly Trial[]): Promise<void> {
    for (const { point, person, recovery } of trials) {
      const told = [point.name, recovery.status, callsOf(apps, person.userId)]
      expect(told).toEqual([point.name, 200, [point.sends, 0]])
      expect(await apps.vaultIsLive(survivor, person.cookie, person.userId)).toBe(true)
    }
    const kept = trials.map(({ person }) => person)
    for (const place of [victim, survivor]) expect(await isWhole(apps, place, kept)).toBe(true)
  }

  it(
    `with ${longGraceSeconds} s of grace at the server nothing is lost at any point`,
    async () => {
      const { apps, disturbed, trials } = await killSeries(longGraceSeconds)
      publish(trials, longGraceSeconds)
      await expectKept(apps, trials)
      expect(disturbed).toBe(0)
      expect(apps.servers.as.grants().filter(({ revoked }) => revoked)).toEqual([])
    },
    countTimeoutMs,
  )

  it.each(shortGraces)(
    'with %i s of grace exactly the grants are lost whose new token nobody has saved',
    async (graceSeconds) => {
      const { apps, disturbed, trials } = await killSeries(graceSeconds)
      publish(trials, graceSeconds)
      const isLost = ({ point, recovery }: Trial): boolean => point.isOpen && recovery.status === 401
      await expectKept(
        apps,
        trials.filter((trial) => !isLost(trial)),
      )
      expect(disturbed).toBe(0)
      const { token } = apps.servers.as.calls
      for (const { point, person } of trials.filter(isLost)) {
        expect(callsOf(apps, person.userId)).toEqual([point.sends, 0])
        // Signed in as before, without a grant: a login away, and no loop.
        for (const place of [victim, survivor]) {
          expect((await recovered(apps, place, person.cookie, 0)).status).toBe(401)
          const whoami = await apps.get(place, '/whoami', person.cookie)
          expect(await whoami.json()).toMatchObject({ isAuthenticated: true })
        }
      }
      expect(apps.servers.as.calls.token).toBe(token)
    },
    countTimeoutMs,
  )
})
