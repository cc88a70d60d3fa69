import { inspect } from 'node:util'
import {
  exbo,
  LatchkeyError,
  type LatchkeyEvents,
  oauth2,
  type RequestOAuth,
  spotify,
} from '@latchkey/express'
import { startEmulators } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { expectNoSecret, mintRequests, parallel, startApplications } from './applications.fixture.ts'
import { startHarness } from './harness.fixture.ts'
import { bothWays, failure, fetchCall } from './signed-in.fixture.ts'

/** The error that a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

describe('auth.application()', () => {
  it.each<[name: string, args: readonly unknown[], message: RegExp]>([
    ['no provider', [], /takes a provider's id first, not nothing/],
    ['a provider object', [{ id: 'example' }], /takes a provider's id first, not an object/],
    ['a typing error', ['exmple'], /knows no "exmple"\. Did you mean "example"\?/],
    ['a list of options', ['example', ['read']], /as one object, like .*, not a list/],
    ['null', ['example', null], /as one object, like .*, not null/],
    ['an unknown option', ['example', { scopes: ['a'] }], /knows no "scopes"\. Did you mean "scope"\?/],
    ['scope as text', ['example', { scope: 'read write' }], /option scope .* list of strings, not a string/],
    ['a scope that is no text', ['example', { scope: [7] }], /option scope .* list of strings, not a list/],
    ['an empty scope', ['example', { scope: ['a', ''] }], /option scope .* has an empty entry/],
    ['an audience list', ['example', { audience: ['a'] }], /option audience .* must be a string, not a list/],
    ['an empty audience', ['example', { audience: '' }], /option audience .* is empty/],
  ])('refuses %s where it is called, and says what to do', async (_name, args, message) => {
    const { app } = await startApplications()
    const error = thrown(() => Reflect.apply(app.auth.application, undefined, args))
    expect(error).toMatchObject({ code: 'invalid_options', message: expect.stringMatching(message) })
  })

  it.each([{ scope: ['a'] }, { audience: 'https://api.example' }])(
    'refuses %j where a new token kills the one before, with the reason',
    async (options) => {
      const { app } = await startApplications({ policy: { exclusive: true } })
      expect(thrown(() => app.auth.application('example', options))).toMatchObject({
        code: 'invalid_options',
        message:
          "example keeps only one application token alive, so application('example') takes neither scope nor audience.",
      })
      expect((await app.auth.application('example', { scope: [] }).accessToken()).tokenType).toBe('Bearer')
    },
  )

  it('finds providers when asked, refuses what it does not find, and asks again next time', async () => {
    const { as, app, api } = await startApplications()
    const answers: (() => unknown)[] = []
    const { auth } = await startHarness({
      servers: { ...app, rs: api },
      options: { resolveProvider: (async () => answers.shift()?.()) as never }, // whatever an app may answer
    })
    const tenant = (exclusive: boolean) => () =>
      oauth2({
        id: 'tenant',
        authorizationEndpoint: as.endpoints.authorization,
        tokenEndpoint: as.endpoints.token,
        clientId: 'example-client',
        clientSecret: 'example-client-secret',
        resourceOrigins: [api.origin],
        exclusive,
      })
    const access = auth.application('tenant' as 'example', { scope: ['a'] })
    answers.push(() => undefined)
    expect(await failure(access.accessToken())).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('There is no provider "tenant"'),
    })
    answers.push(() => {
      throw new Error('the database is away')
    })
    expect(await failure(access.accessToken())).toMatchObject({
      code: 'as_unavailable',
      reason: 'provider_lookup',
    })
    answers.push(tenant(false))
    expect((await access.fetch(api.origin)).status).toBe(200)
    expect(mintRequests(as)).toBe(1)
  })

  it('works detached, one way like the other, and for allowed origins alone', async () => {
    const applications = await startApplications()
    const { app, api, evil } = applications
    const { fetch, request, accessToken } = app.auth.application('example')
    const detached = { fetch, request, accessToken }
    const answers = await Promise.all(bothWays.map(([, call]) => call(detached, `${api.origin}/a`)))
    for (const { text } of answers)
      expect(JSON.parse(text)).toEqual({ owner: 'example-client', scope: [], audience: null })
    const token = await accessToken({ minTtlSeconds: 60 })
    expect(Object.keys(token).toSorted()).toEqual(['expiresAt', 'scope', 'tokenType', 'value'])
    for (const [, call] of bothWays)
      expect(await failure(call(detached, evil.origin))).toMatchObject({
        code: 'origin_not_allowed',
      })
    expect([evil.connections, applications.mints()]).toEqual([0, 1])
  })

  it('ends for a caller who aborts, while its mint goes on and serves the others', async () => {
    const applications = await startApplications()
    const { as, app, api } = applications
    const access = app.auth.application('example')
    const hold = as.faults.hold('token')
    const leaving = new AbortController()
    const [aborted, other] = [access.fetch(api.origin, { signal: leaving.signal }), access.fetch(api.origin)]
    await hold.arrived
    leaving.abort(new Error('left'))
    expect(await failure(aborted)).toMatchObject({ message: 'left' })
    hold.release()
    expect([(await other).status, applications.mints()]).toEqual([200, 1])
  })

  it('prints no token, whatever is printed', async () => {
    const applications = await startApplications()
    const { as, app, clock } = applications
    const access = app.auth.application('example', { scope: ['a'], audience: 'https://api.example' })
    await access.accessToken()
    await clock.advance(3_601)
    as.faults.always('token', {
      status: 400,
      body: { error: 'invalid_scope', error_description: `not for ${as.grants()[0]?.accessToken}` },
    })
    const error = await failure(access.accessToken())
    for (const value of [access, app.auth, error, [error.oauth], inspect(app.logged, { depth: 9 })])
      expectNoSecret(applications, value)
  })
})

describe('events of application tokens', () => {
  it('name the client: one for each mint, one for each failure, none about users', async () => {
    const { as, app, clock } = await startApplications()
    const seen: unknown[] = []
    const names: readonly (keyof LatchkeyEvents)[] = [
      'login',
      'link',
      'logout',
      'refresh',
      'refresh_failed',
      'account_ended',
      'save_lost',
    ]
    for (const name of names) app.auth.events.on(name, (event) => seen.push([name, event]))
    const access = app.auth.application('example')
    const subject = { provider: 'example', accountId: 'example-client' }
    await parallel(20, () => access.accessToken())
    await clock.advance(3_601)
    await parallel(20, () => access.accessToken())
    await clock.advance(3_601)
    as.faults.next('token', 1, { status: 429 })
    await parallel(20, () => failure(access.accessToken()))
    await clock.advance(11)
    as.setClientSecret('example-client', 'another-client-secret')
    await parallel(20, () => failure(access.accessToken()))
    expect(seen).toEqual([
      ['refresh', { ...subject, refreshCount: 0 }],
      ['refresh', { ...subject, refreshCount: 1 }],
      ['refresh_failed', { ...subject, code: 'as_unavailable', reason: 'rate_limited' }],
      ['refresh_failed', { ...subject, code: 'as_misconfigured', reason: 'client_fault' }],
    ])
  })
})

describe('application tokens and those of users', () => {
  it('never stand in for each other, through expiry and 401s, also for one API', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, api, clock, instances } = applications
    const people = await Promise.all(
      instances.map(async (instance) => {
        const oauth: RequestOAuth = await instance.oauthOf(await instance.signedIn())
        return { oauth, access: instance.auth.application('example') }
      }),
    )
    for (let round = 0; round < 6; round += 1) {
      await clock.advance(round % 2 === 0 ? 3_601 : 11)
      if (round % 2 === 1) as.expireAccessTokens()
      const owners = await parallel(80, async (index) => {
        const { oauth, access } = people[index % 2] ?? people[0] ?? { oauth: undefined, access: undefined }
        const who = index % 4 < 2 ? oauth : access
        if (who === undefined) throw new Error('nobody')
        const { text } = await fetchCall(who, `${api.origin}/things`)
        const { owner } = JSON.parse(text) as { readonly owner: string } // our own API
        return owner === (index % 4 < 2 ? 'user-ada' : 'example-client')
      })
      expect(new Set(owners)).toEqual(new Set([true]))
    }
  })

  it('do not open in each other’s place', async () => {
    const { app, probe } = await startApplications()
    const oauth = await app.oauthOf(await app.signedIn())
    await app.auth.application('example').accessToken()
    const own = (slot: string): boolean =>
      probe.commands.some(({ name, args: [ref] }) => {
        return name === 'grants.create' && (ref as { readonly slot: string }).slot === slot // its first argument
      })
    const ref = probe.commands.find(({ name }) => name === 'grants.create')?.args[0] as {
      slot: string
      id: string
    }
    const application = await probe.store.grants.read(ref)
    probe.answer('grants.read', (answer, asked) => (own((asked as typeof ref).slot) ? answer : application))
    expect(await failure(oauth.accessToken())).toMatchObject({ code: 'login_required', reason: 'signed_out' })
  })
})

describe('the presets of real providers', () => {
  async function startReal() {
    const emulators = await startEmulators()
    onTestFinished(() => emulators.close())
    const { auth } = await startHarness({
      options: {
        providers: [
          spotify({ clientId: 'a', clientSecret: 'b-secret' }),
          exbo({ clientId: '4711', clientSecret: 'c-secret' }),
        ] as never, // instead of the harness's own
        dispatcher: emulators.dispatcher,
        clock: emulators.clock,
      },
    })
    const application = (id: string, options = {}) => auth.application(id as 'example', options)
    return { emulators, application }
  }

  it('call Spotify’s catalogue without a user, whose own endpoints refuse', async () => {
    const { emulators, application } = await startReal()
    const { fetch } = application('spotify')
    const statuses = await parallel(
      50,
      async () => (await fetch('https://api.spotify.com/v1/browse/new-releases')).status,
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect((await fetch('https://api.spotify.com/v1/me')).status).toBe(403)
    expect(emulators.spotify.as.mints).toMatchObject({ client_credentials: 1 })
  })

  it('call EXBO with the one token that it keeps alive, a year long', async () => {
    const { emulators, application } = await startReal()
    const { fetch } = application('exbo')
    const url = 'https://eapi.stalcraft.net/EU/auction/y1q9/lots'
    for (let month = 0; month < 12; month += 1) {
      const statuses = await parallel(20, async () => (await fetch(url)).status)
      expect(new Set(statuses)).toEqual(new Set([200]))
      await emulators.clock.advance(29 * 86_400)
    }
    expect(emulators.exbo.as.mints).toMatchObject({ client_credentials: 1 })
    const [request] = emulators.exbo.as.requests
    expect([request?.form.get('grant_type'), request?.form.get('scope')]).toEqual(['client_credentials', ''])
    expect(thrown(() => application('exbo', { scope: ['a'] }))).toMatchObject({ code: 'invalid_options' })
    expect(LatchkeyError.is(thrown(() => application('exbo', { audience: 'a' })))).toBe(true)
  })
})
