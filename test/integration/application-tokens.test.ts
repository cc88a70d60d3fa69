import { describe, expect, it } from 'vitest'
import { type Applications, mintRequests, parallel, startApplications } from './applications.fixture.ts'
import { bothWays, fetchCall } from './signed-in.fixture.ts'

const callers = 500
const day = 86_400

/** `count` calls at once, round the instances, half of them by `fetch` and half by `request`; their status codes. */
async function herd(applications: Applications, count = callers): Promise<readonly number[]> {
  const accesses = applications.instances.map(({ auth }) => auth.application('example'))
  const statuses = await parallel(count, async (index) => {
    const access = accesses[index % accesses.length] ?? accesses[0]
    const [, call] = bothWays[index % 2] ?? bothWays[0] ?? []
    if (access === undefined || call === undefined) throw new Error('no instance')
    return applications.call(access, call)
  })
  return [...new Set(statuses)]
}

describe.each([
  ['that leaves earlier tokens alone', false],
  ['where a new token kills the one before', true],
] as const)('application tokens at a server %s', (_name, exclusive) => {
  const policy = { exclusive }

  it.each([1, 4])('are minted once for 500 parallel first calls of %i instances', async (instances) => {
    const applications = await startApplications({ instances, policy })
    expect(await herd(applications)).toEqual([200])
    expect([applications.mints(), applications.newTokens(), applications.api.calls.resource]).toEqual([
      1,
      1,
      callers,
    ])
    const [request] = applications.as.requests
    expect(Object.fromEntries(request?.form ?? [])).toEqual({ grant_type: 'client_credentials' })
    expect(request?.headers.authorization).toMatch(/^Basic /)
  })

  it('are minted once per expiry, whoever comes', async () => {
    const applications = await startApplications({ instances: 4, policy })
    for (let expiry = 1; expiry <= 20; expiry += 1) {
      expect(await herd(applications, 50)).toEqual([200])
      expect([applications.mints(), applications.newTokens()]).toEqual([expiry, 1])
      await applications.clock.advance(3_601)
    }
  })

  it('are minted once after a 401, and every refused call is sent once more', async () => {
    const applications = await startApplications({ instances: 4, policy })
    const { as, api, clock } = applications
    await herd(applications, 4)
    await clock.advance(11)
    as.expireAccessTokens()
    const hold = api.faults.hold('resource')
    const answers = herd(applications)
    await expect.poll(() => hold.waiting).toBe(callers)
    hold.release()
    expect(await answers).toEqual([200])
    expect([applications.mints(), api.calls.resource]).toEqual([2, 4 + 2 * callers])
  })

  it('hand a 401 on while they are younger than 10 seconds, at once and without a mint', async () => {
    const applications = await startApplications({ policy })
    const { as, api, probe, app } = applications
    const access = app.auth.application('example')
    await access.accessToken()
    as.expireAccessTokens()
    probe.newCommands()
    expect(await applications.call(access, fetchCall)).toBe(401)
    expect(probe.newCommands()).toEqual(['grants.read', 'grants.read'])
    expect([applications.mints(), api.calls.resource]).toEqual([1, 1])
  })

  it('of unknown lifetime are used for months, until a 401', async () => {
    const applications = await startApplications({
      instances: 2,
      policy: { ...policy, accessTokenLifetimeSeconds: 400 * day },
    })
    const { as, clock } = applications
    as.faults.always('token', { fields: { expires_in: undefined } })
    for (let visit = 0; visit < 10; visit += 1) {
      expect(await herd(applications, 4)).toEqual([200])
      await clock.advance(20 * day)
    }
    expect(applications.mints()).toBe(1)
    as.expireAccessTokens()
    expect(await herd(applications, 50)).toEqual([200])
    expect(applications.mints()).toBe(2)
  })

  it('never use a refresh token, should the server send one (RFC 6749 §4.4.3)', async () => {
    const applications = await startApplications({ policy })
    const { as, clock } = applications
    as.faults.always('token', {
      fields: { refresh_token: 'rt-of-an-application', refresh_expires_in: 3_600 },
    })
    for (let mint = 1; mint <= 3; mint += 1) {
      expect(await herd(applications, 4)).toEqual([200])
      await clock.advance(3_601)
    }
    const sent = as.requests.map(({ form }) => Object.fromEntries(form))
    expect(sent).toEqual(Array.from({ length: 3 }, () => ({ grant_type: 'client_credentials' })))
  })

  it('are forgotten when nobody uses them for 30 days, and not before', async () => {
    const lifetime = { accessTokenLifetimeSeconds: 400 * day }
    const applications = await startApplications({ policy: { ...policy, ...lifetime } })
    for (const [days, mints] of [
      [0, 1],
      [29, 1],
      [29, 1],
      [31, 2],
    ] as const) {
      await applications.clock.advance(days * day)
      expect(await herd(applications, 1)).toEqual([200])
      expect(applications.mints()).toBe(mints)
    }
  })
})

describe('an application token near its end', () => {
  it('is served while the next one is minted beside it', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, clock } = applications
    await herd(applications, 2)
    await clock.advance(3_600 - 30)
    const hold = as.faults.hold('token')
    expect(await herd(applications, 100)).toEqual([200])
    await hold.arrived
    expect(await herd(applications, 100)).toEqual([200])
    expect([applications.newTokens(), mintRequests(as)]).toEqual([1, 1 + hold.waiting])
    hold.release()
    const [first] = applications.instances
    const newest = (): string | undefined => as.grants().at(-1)?.accessToken
    await expect
      .poll(async () => (await first?.auth.application('example').accessToken())?.value)
      .toBe(newest())
    expect(await herd(applications, 100)).toEqual([200])
    expect([applications.newTokens(), applications.mints()]).toEqual([1, 2])
  })

  it('is not served where the next one kills it: nobody is refused, bodies that cannot be sent again included', async () => {
    const applications = await startApplications({ instances: 2, policy: { exclusive: true } })
    const { as, api, clock, app } = applications
    await herd(applications, 2)
    await clock.advance(3_600 - 30)
    const hold = as.faults.hold('token', { at: 'afterCommit' })
    const stream = new Blob(['a body']).stream()
    const posted = app.auth
      .application('example')
      .fetch(`${api.origin}/things`, { method: 'POST', body: stream, duplex: 'half' })
    const others = herd(applications, 100)
    await hold.arrived
    hold.release()
    expect([(await posted).status, await others]).toEqual([200, [200]])
    expect([applications.mints(), api.calls.resource]).toEqual([2, 2 + 101])
  })

  it('is served while the server cannot mint another', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, clock } = applications
    await herd(applications, 2)
    await clock.advance(3_600 - 45)
    as.faults.always('token', { status: 503, headers: { 'retry-after': '5' } })
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await herd(applications, 100)).toEqual([200])
      await clock.advance(11)
    }
    as.faults.clear('token')
    await clock.advance(11)
    expect(await herd(applications, 100)).toEqual([200])
  })
})
