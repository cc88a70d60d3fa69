import { LatchkeyError } from '@latchkey/express'
import {
  type AuthorizationServer,
  type AuthorizationServerBehaviour,
  startAuthorizationServer,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Applications,
  expectNoSecret,
  mintRequests,
  parallel,
  startApi,
  startApplications,
} from './applications.fixture.ts'
import { events, startHarness, startServers } from './harness.fixture.ts'
import { failure, fetchCall } from './signed-in.fixture.ts'

/** What the first calls of every instance, many at once, end with: their errors, each once. */
async function failures(applications: Applications, count = 40): Promise<readonly LatchkeyError[]> {
  const accesses = applications.instances.map(({ auth }) => auth.application('example'))
  const errors = await parallel(count, async (index) => {
    const access = accesses[index % accesses.length]
    if (access === undefined) throw new Error('no instance')
    return failure(applications.call(access, fetchCall))
  })
  for (const error of errors.slice(0, 4)) expectNoSecret(applications, error)
  expect(applications.api.calls.resource, 'no request goes out without a token').toBe(0)
  return errors.filter(LatchkeyError.is)
}

/** The codes and reasons of errors, each once. */
const kinds = (errors: readonly LatchkeyError[]): readonly string[] => [
  ...new Set(errors.map(({ code, reason, provider }) => `${provider}: ${code} ${reason}`)),
]

/** Every instance gets a token and is served. */
async function expectWell(applications: Applications): Promise<void> {
  const statuses = await parallel(100, async (index) => {
    const instance = applications.instances[index % applications.instances.length] ?? applications.app
    return applications.call(instance.auth.application('example'), fetchCall)
  })
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(applications.newTokens()).toBe(1)
}

interface Trouble {
  readonly behaviour: AuthorizationServerBehaviour
  readonly reason: string
  /** Token requests until everybody has heard of it. */
  readonly sends: number
  readonly coolDownSeconds: number
}

const troubles: Readonly<Record<string, Trouble>> = {
  'a 503': { behaviour: { status: 503 }, reason: 'server_error', sends: 2, coolDownSeconds: 10 },
  'a 503 with Retry-After': {
    behaviour: { status: 503, headers: { 'retry-after': '42' } },
    reason: 'server_error',
    sends: 1,
    coolDownSeconds: 42,
  },
  'a 429': { behaviour: { status: 429 }, reason: 'rate_limited', sends: 1, coolDownSeconds: 10 },
  'a page instead of JSON': {
    behaviour: { status: 200, body: '<html>' },
    reason: 'garbage',
    sends: 1,
    coolDownSeconds: 10,
  },
  'an answer without access token': {
    behaviour: { fields: { access_token: undefined } },
    reason: 'garbage',
    sends: 1,
    coolDownSeconds: 10,
  },
  'a cut connection': {
    behaviour: { dropBeforeCommit: true },
    reason: 'network',
    sends: 2,
    coolDownSeconds: 10,
  },
  'an answer cut short': {
    behaviour: { truncateAfterBytes: 20 },
    reason: 'network',
    sends: 2,
    coolDownSeconds: 10,
  },
}

describe.each(Object.entries(troubles))('%s for an application token', (_name, trouble) => {
  const { behaviour, reason, sends, coolDownSeconds } = trouble

  it.each([1, 4])(
    'is as_unavailable for all callers of %i instances, asks no more than needed, and passes',
    async (instances) => {
      const applications = await startApplications({ instances })
      const { as, clock } = applications
      as.faults.always('token', behaviour)
      const first = await failures(applications)
      expect(kinds(first)).toEqual([`example: as_unavailable ${reason}`])
      expect(mintRequests(as)).toBe(sends)
      for (const { status, retryAfterSeconds = 0 } of first) {
        expect(status).toBe(503)
        expect(retryAfterSeconds).toBeGreaterThan(0)
        expect(retryAfterSeconds).toBeLessThanOrEqual(coolDownSeconds)
      }
      // The failure is believed for the cool-down, by everybody, and no longer.
      expect(kinds(await failures(applications))).toEqual(kinds(first))
      expect(mintRequests(as)).toBe(sends)
      await clock.advance(coolDownSeconds + 1)
      expect(kinds(await failures(applications))).toEqual(kinds(first))
      expect(mintRequests(as)).toBe(sends + 1)
      as.faults.clear('token')
      await clock.advance(coolDownSeconds + 1)
      await expectWell(applications)
      expect(mintRequests(as)).toBe(sends + 2)
    },
  )
})

describe('an authorization server', () => {
  it('that nobody listens at, and then somebody does, is asked again', async () => {
    let as: AuthorizationServer | undefined
    const servers = await startServers()
    const api = await startApi(
      { introspect: (token) => as?.introspect(token), marks: servers.as.marks },
      servers,
    )
    const start = async (port?: number): Promise<AuthorizationServer> => {
      const client = { clientId: 'example-client', clientSecret: 'example-client-secret', redirectUris: [] }
      const {
        clock,
        as: { marks },
      } = servers
      const started = await startAuthorizationServer({
        clients: [client],
        clock,
        marks,
        ...(port ? { port } : {}),
      })
      onTestFinished(() => started.close())
      return started
    }
    as = await start()
    const { token: tokenEndpoint } = as.endpoints
    const port = Number(new URL(as.origin).port)
    await as.close()
    const { auth } = await startHarness({
      servers,
      provider: { tokenEndpoint, resourceOrigins: [api.origin] },
    })
    const access = auth.application('example')
    const call = (): Promise<number> => access.fetch(api.origin).then(({ status }) => status)
    const errors = await parallel(100, () => failure(call()))
    expect(kinds(errors.filter(LatchkeyError.is))).toEqual(['example: as_unavailable network'])
    as = await start(port)
    await servers.clock.advance(11)
    expect(new Set(await parallel(100, call))).toEqual(new Set([200]))
    expect(mintRequests(as)).toBe(1)
  })

  it('that never answers is waited for 10 seconds and 4, by everybody together', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, clock } = applications
    as.faults.always('token', { noHeaders: true })
    const asked = failures(applications)
    await expect.poll(() => mintRequests(as)).toBe(1)
    await clock.advance(10)
    await expect.poll(() => mintRequests(as)).toBe(2)
    await clock.advance(4)
    expect(kinds(await asked)).toEqual(['example: as_unavailable timeout'])
    as.faults.clear('token')
    await clock.advance(11)
    await expectWell(applications)
    expect(mintRequests(as)).toBe(3)
  })
})

describe('a client that the authorization server does not know', () => {
  it('is as_misconfigured, and everybody recovers once the secret is right', async () => {
    const applications = await startApplications({ instances: 4 })
    const { as, clock } = applications
    as.setClientSecret('example-client', 'another-client-secret')
    const errors = await failures(applications)
    expect(kinds(errors)).toEqual(['example: as_misconfigured client_fault'])
    const [error] = errors
    expect([error?.status, error?.message]).toEqual([
      500,
      expect.stringMatching(/clientId, clientSecret and clientAuth/),
    ])
    expect(mintRequests(as)).toBe(1)
    await clock.advance(11)
    await failures(applications)
    expect(mintRequests(as)).toBe(2)
    as.setClientSecret('example-client', 'example-client-secret')
    await clock.advance(11)
    await expectWell(applications)
    expect(mintRequests(as)).toBe(3)
  })
})

describe.each([
  ['invalid_scope', 400],
  ['invalid_target', 400],
  ['unauthorized_client', 403],
  ['unauthorized_client', 401],
  ['unsupported_grant_type', 400],
  ['access_denied', 403],
  ['invalid_grant', 400],
])('%s (%i) for an application token', (error, status) => {
  const refusal = { status, body: { error, error_description: 'The client is not authorized for it.' } }

  it('is as_misconfigured, names scope and audience, and stops no other scope', async () => {
    const { as, clock, app, api } = await startApplications()
    const wanted = { scope: ['write', 'read'], audience: 'https://api.example/v1' }
    as.faults.always('token', { ...refusal, when: ({ form }) => form.has('audience') })
    const refused = app.auth.application('example', wanted)
    const errors = await parallel(20, () => failure(refused.fetch(api.origin)))
    expect(errors[0]).toMatchObject({
      code: 'as_misconfigured',
      status: 500,
      reason: 'application_refused',
      provider: 'example',
      message: expect.stringMatching(/the scope "read write" and the audience "https:\/\/api\.example\/v1"/),
      oauth: { error, description: 'The client is not authorized for it.' },
    })
    expect(mintRequests(as)).toBe(1)
    expect((await app.auth.application('example', { scope: ['read'] }).fetch(api.origin)).status).toBe(200)
    expect(events(app, 'refresh.failed').map(({ level }) => level)).toEqual(['error'])
    as.faults.clear('token')
    await clock.advance(11)
    expect((await refused.fetch(api.origin)).status).toBe(200)
  })

  it("is no reason to stop users' refreshes", async () => {
    const { as, clock, app, api } = await startApplications()
    const visitor = await app.signedIn()
    const oauth = await app.oauthOf(visitor)
    as.faults.always('token', {
      ...refusal,
      when: ({ form }) => form.get('grant_type') === 'client_credentials',
    })
    await clock.advance(3_601)
    expect(await failure(app.auth.application('example').fetch(api.origin))).toMatchObject({
      code: 'as_misconfigured',
      message: expect.stringContaining('with no scope and no audience'),
    })
    expect((await oauth.fetch(api.origin)).status).toBe(200)
  })
})
