import { afterAll, describe, expect, it } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import { herdOfTest, proxyOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { callsOf, isWhole, type Person, type RefreshRig, recovered, startRig } from './refresh-rig.fixture.ts'

const trials = countOf({ everyday: 10, full: 250 })
const longestAnswerSeconds = 10
const coolDownSeconds = 10
const policies = [60, 5, 0].flatMap((graceSeconds) =>
  [true, false].map((reuseKillsFamily) => ({ graceSeconds, reuseKillsFamily })),
)

interface Proxied extends RefreshRig {
  /** Before the authorization server. */
  readonly proxy: FaultProxy
}

async function startProxied(setup: {
  readonly count: number
  readonly people: number
  readonly policy: Parameters<typeof startRig>[0]['policy'] & object
}): Promise<Proxied> {
  const proxy = await proxyOfTest(1)
  const rig = await startRig({
    ...setup,
    provider: ({ as }) => {
      proxy.retarget(Number(new URL(as.origin).port))
      return { tokenEndpoint: as.endpoints.token.replace(as.origin, `http://${proxy.address}`) }
    },
  })
  return { ...rig, proxy }
}

/** The answer to the next requests with this person's refresh token is lost after the server has rotated it. */
function loseAnswer({ apps, proxy }: Proxied, { userId }: Person, nth = 1): void {
  const { refreshToken } = apps.servers.as.liveFor(userId) ?? {}
  if (refreshToken === undefined) throw new Error('no refresh token')
  void proxy.dropReply({ of: refreshToken, nth })
}

async function statusesOf(answers: readonly Promise<Response>[]): Promise<readonly number[]> {
  return (await Promise.all(answers)).map(({ status }) => status)
}

/** Those that were lost are a login away, and nothing is sent for them any more. */
async function expectEnded(apps: Apps, people: readonly Person[]): Promise<void> {
  const { token } = apps.servers.as.calls
  for (const { cookie } of people) expect((await recovered(apps, 0, cookie, 0)).status).toBe(401)
  expect(apps.servers.as.calls.token).toBe(token)
}

describe.skipIf(redisIsMissing)('case 65: the answer to a refresh is lost, and the process lives', () => {
  const results = new ResultsFile({
    name: 'refresh-unanswered',
    title: 'Grants lost when the answer to a refresh is lost (case 65)',
    command: 'npm run test:full -- test/faults/refresh-unanswered.test.ts',
    setUp: { trials, processes: 1 },
  })
  afterAll(() => void results.write())

  async function expectOutcome(
    { apps, people }: Proxied,
    how: string,
    policy: (typeof policies)[number],
    statuses: readonly number[],
    isKept: boolean,
  ): Promise<void> {
    const lost = statuses.filter((status) => status !== 200).length
    const reuse = policy.reuseKillsFamily ? 'reuse kills family' : 'reuse is refused'
    const name = `lost grants: ${how}, grace ${policy.graceSeconds} s, ${reuse}`
    results.count(name, lost, { of: trials, ...(isKept ? { bar: '0' } : {}) })
    expect(new Set(statuses)).toEqual(new Set([isKept ? 200 : 401]))
    // The same token once more, and never again.
    for (const { userId } of people) expect(callsOf(apps, userId)).toEqual([2, 0])
    expect(apps.at(0).events('refresh.unknown_outcome')).toHaveLength(trials)
    if (!isKept) await expectEnded(apps, people)
    else expect(await isWhole(apps, 0, people)).toBe(true)
  }

  it.each(policies)(
    'the connection is cut, grace $graceSeconds s, reuse kills family $reuseKillsFamily: one more send decides',
    async (policy) => {
      const rig = await startProxied({ count: 1, people: trials, policy })
      for (const person of rig.people) loseAnswer(rig, person)
      const answers = rig.people.map(({ cookie }) => rig.apps.get(0, '/me', cookie))
      const statuses = await statusesOf(answers)
      expect(rig.proxy.dropped).toBe(trials)
      await expectOutcome(rig, 'cut', policy, statuses, policy.graceSeconds > 0)
    },
    countTimeoutMs,
  )

  it.each(policies)(
    'nothing comes for 10 s, grace $graceSeconds s, reuse kills family $reuseKillsFamily: one more send decides',
    async (policy) => {
      const rig = await startProxied({ count: 1, people: trials, policy })
      const { apps, people, proxy } = rig
      proxy.set('toClient', { blackHole: true })
      const answers = people.map(({ cookie }) => apps.get(0, '/me', cookie))
      const rotated = () => people.filter(({ userId }) => apps.servers.as.liveFor(userId)?.generation === 1)
      await expect.poll(rotated).toHaveLength(trials)
      proxy.set('toClient', {})
      await apps.advance(longestAnswerSeconds)
      const statuses = await statusesOf(answers)
      await expectOutcome(rig, 'timed out', policy, statuses, policy.graceSeconds > longestAnswerSeconds)
    },
    countTimeoutMs,
  )

  it('both answers are lost: the grant is kept, nothing is sent until the cool-down is over', async () => {
    const rig = await startProxied({ count: 2, people: 1, policy: { graceSeconds: 60 } })
    const { apps, people } = rig
    const [person = { cookie: '', userId: '' }] = people
    for (const nth of [1, 2]) loseAnswer(rig, person, nth)
    expect((await apps.get(0, '/me', person.cookie)).status).toBe(503)
    expect(rig.proxy.dropped).toBe(2)
    for (const place of [0, 1, 0, 1]) {
      const reply = await apps.get(place, '/me', person.cookie)
      expect([reply.status, Number(reply.headers.get('retry-after')) > 0]).toEqual([503, true])
      expect(reply.headers.getSetCookie()).toEqual([])
    }
    expect(callsOf(apps, person.userId)).toEqual([2, 0])
    await apps.advance(coolDownSeconds + 1)
    expect((await apps.get(1, '/me', person.cookie)).status).toBe(200)
    expect(callsOf(apps, person.userId)).toEqual([3, 0])
    expect(await isWhole(apps, 0, people)).toBe(true)
  })

  it('a herd at two processes is served by the second send', async () => {
    const rig = await startProxied({ count: 2, people: 1, policy: { graceSeconds: 60 } })
    const [person = { cookie: '', userId: '' }] = rig.people
    loseAnswer(rig, person)
    const { statuses } = await herdOfTest(rig.apps).run({ cookies: [person.cookie], requests: 60 })
    expect(rig.proxy.dropped).toBe(1)
    expect(statuses).toEqual({ 200: 60 })
    expect(callsOf(rig.apps, person.userId)).toEqual([2, 0])
    expect(await isWhole(rig.apps, 1, rig.people)).toBe(true)
  })
})
