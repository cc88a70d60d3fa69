import { bitfount } from '@latchkey/express'
import { type AuthorizationServer, type Emulators, startEmulators } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { type Auth0App, apiUrl, appOrigin, startAuth0App } from './auth0-app.fixture.ts'
import { standalone, WatchedClock } from './standalone-client.fixture.ts'

type Name = keyof typeof apiUrl

const daySeconds = 86_400

/** The app after Ada has signed in. */
async function signedIn(
  name: Name,
  framework: 'Express' | 'Fastify' = 'Express',
  store: 'memory' | 'Redis' = 'memory',
): Promise<Auth0App> {
  const app = await startAuth0App(framework, store)
  await app.browser.signIn(`${appOrigin}/login/${name}`, { as: 'Ada' })
  return app
}

describe.each([
  ['Express', 'memory'],
  ['Fastify', 'memory'],
  ['Express', 'Redis'],
  ['Fastify', 'Redis'],
] as const)('on %s over %s', (framework, store) => {
  describe.skipIf(store === 'Redis' && redisIsMissing)('an app', () => {
    it('signs in at Auth0, and calls the API that its tokens are for', async () => {
      const app = await signedIn('auth0', framework, store)
      expect(await app.call(apiUrl.auth0)).toMatchObject({
        user: { provider: 'auth0', id: 'auth0|user-ada', name: 'Ada', email: 'ada@example.com' },
        answer: { target: '/seats', sub: 'auth0|user-ada', scope: 'openid profile email offline_access' },
      })
      expect(app.emulators.auth0.as.calls).toMatchObject({ token: 1, discovery: 0 })
    })

    it('signs in at Bitfount as a public client, and knows the name there', async () => {
      const app = await signedIn('bitfount', framework, store)
      expect(await app.call(apiUrl.bitfount)).toMatchObject({
        user: { provider: 'bitfount', id: 'auth0|user-ada', ids: { username: 'ada' }, name: 'ada' },
        answer: { sub: 'auth0|user-ada' },
      })
      const [request] = app.emulators.bitfount.as.requests.filter(({ endpoint }) => endpoint === 'token')
      expect(request?.form.has('client_secret')).toBe(false)
      expect(request?.form.get('code_verifier')).toMatch(/^.{43,}$/)
    })

    it.each(['auth0', 'bitfount'] as const)(
      'refreshes once a day at %s, however many requests come at once, without leeway',
      async (name) => {
        const app = await signedIn(name, framework, store)
        const { as } = app.emulators[name]
        for (let day = 1; day <= 3; day += 1) {
          await app.emulators.clock.advance(daySeconds + 1)
          const hold = as.faults.hold('token')
          const calls = Array.from({ length: 20 }, () => app.call(apiUrl[name]))
          await expect.poll(app.underWay).toBe(20)
          await hold.arrived
          as.faults.clear('token')
          for (const { answer } of await Promise.all(calls)) expect(answer).toMatchObject({ status: 200 })
          expect(as.mints.refresh_token).toBe(day)
        }
        expect(as.liveFor('user-ada')).toMatchObject({ generation: 3, familyRevoked: false, revoked: false })
      },
    )

    it.each(['auth0', 'bitfount'] as const)(
      'ends the grant, and leads to the sign-in, when %s answers 403',
      async (name) => {
        const app = await signedIn(name, framework, store)
        app.emulators[name].as.killRefreshToken('user-ada')
        await app.emulators.clock.advance(daySeconds + 1)
        const page = await app.page(apiUrl[name])
        expect(new URL(page.url).pathname).toBe('/authorize')
        await app.emulators.clock.advance(3_600)
        await app.page(apiUrl[name])
        // The grant is over: the refresh token is not tried again.
        expect(app.emulators[name].as.calls.token).toBe(2)
      },
    )
  })
})

describe('a grant of Auth0', () => {
  it.each([
    ['500', { status: 500, body: 'Internal Server Error' }],
    ['503', { status: 503, body: '' }],
    ['cut connection', { dropBeforeCommit: true }],
  ])('outlives a %s at the token endpoint', async (_what, behaviour) => {
    const app = await signedIn('auth0')
    const { as } = app.emulators.auth0
    await app.emulators.clock.advance(daySeconds + 1)
    as.faults.always('token', behaviour)
    expect(await app.call(apiUrl.auth0)).toMatchObject({ answer: 'as_unavailable' })
    as.faults.clear()
    await app.emulators.clock.advance(60)
    expect(await app.call(apiUrl.auth0)).toMatchObject({ answer: { sub: 'auth0|user-ada' } })
    expect(as.liveFor('user-ada')).toMatchObject({ generation: 1, familyRevoked: false })
  })

  it('ends with its family when somebody uses a spent refresh token', async () => {
    const app = await signedIn('auth0')
    const { as, clientId, clientSecret } = app.emulators.auth0
    const spent = as.liveFor('user-ada')?.refreshToken ?? ''
    await app.emulators.clock.advance(daySeconds + 1)
    await app.call(apiUrl.auth0)
    const form = { grant_type: 'refresh_token', refresh_token: spent }
    const body = new URLSearchParams({ ...form, client_id: clientId, client_secret: clientSecret })
    expect((await fetch(as.endpoints.token, { method: 'POST', body })).status).toBe(403)
    await app.emulators.clock.advance(11)
    const page = await app.page(apiUrl.auth0)
    expect(new URL(page.url).pathname).toBe('/authorize')
  })

  it('takes a refresh whose answer was lost once more, where the leeway allows it', async () => {
    const app = await signedIn('auth0')
    const { as } = app.emulators.auth0
    as.policy.graceSeconds = 60
    await app.emulators.clock.advance(daySeconds + 1)
    as.faults.next('token', 1, { dropAfterCommit: true })
    await app.call(apiUrl.auth0)
    await app.emulators.clock.advance(11)
    expect(await app.call(apiUrl.auth0)).toMatchObject({ answer: { sub: 'auth0|user-ada' } })
    expect(as.liveFor('user-ada')?.familyRevoked).toBe(false)
  })
})

describe.each(['auth0', 'bitfount'] as const)('a bearer token of %s', (name) => {
  it('is not sent to a foreign origin', async () => {
    const app = await signedIn(name)
    const { foreign, foreignOrigin } = app.emulators[name]
    expect(await app.call(`${foreignOrigin}/api`)).toMatchObject({ answer: 'origin_not_allowed' })
    expect([foreign.connections, foreign.bytes]).toEqual([0, 0])
  })

  it.each([301, 302, 303, 307, 308])('is not sent there after a %d either', async (code) => {
    const app = await signedIn(name)
    const { api, foreign, foreignOrigin } = app.emulators[name]
    api.faults.next('echo', 1, { redirect: { code, url: `${foreignOrigin}/api` } })
    const { answer } = await app.call(apiUrl[name])
    expect(answer).toMatchObject({ status: code, location: `${foreignOrigin}/api` })
    // Nor when the app goes on by itself.
    expect(await app.call(`${foreignOrigin}/api`)).toMatchObject({ answer: 'origin_not_allowed' })
    expect([foreign.connections, foreign.bytes]).toEqual([0, 0])
    expect(api.requests.map(({ headers }) => headers.authorization?.slice(0, 7))).toEqual(['Bearer '])
  })
})

interface Device extends ReturnType<typeof standalone> {
  readonly clock: WatchedClock
  readonly emulators: Emulators<'bitfount'>
  readonly as: AuthorizationServer
  /** Waits until the client waits for its next poll in so many seconds, and lets them pass. */
  readonly nextPoll: (seconds: number) => Promise<void>
}

describe('a device at Bitfount', () => {
  /** A program with a client of its own, until the end of the test. */
  async function start(clientId = 'any-client'): Promise<Device> {
    const clock = new WatchedClock()
    const emulators = await startEmulators({ only: ['bitfount'], clock })
    onTestFinished(() => emulators.close())
    const { dispatcher } = emulators
    // No request may wait as long as a pause does, so that the two can be told apart.
    const options = { clock, dispatcher, timeoutMs: 9_000 }
    const { client, watch } = standalone(bitfount({ clientId }), emulators, options)
    const nextPoll = async (seconds: number): Promise<void> => {
      const { calls } = emulators.bitfount.as
      const { token } = calls
      await expect.poll(() => clock.lastDelayMs).toBe(seconds * 1000)
      await clock.advance(seconds)
      await expect.poll(() => calls.token).toBe(token + 1)
    }
    return { client, watch, clock, emulators, nextPoll, as: emulators.bitfount.as }
  }

  it('waits through 403 and 429 until somebody agreed on the page, and refreshes', async () => {
    const { client, emulators, as, nextPoll } = await start()
    as.faults.next('deviceAuthorization', 1, { fields: { interval: 1 } })
    as.policy.deviceSlowDownSeconds = 0
    const device = await client.deviceAuthorization()
    const page = `https://auth.bitfount.com/device?user_code=${device.userCode}`
    expect(device.verificationUriComplete).toBe(page)
    const answer = device.tokens()
    await nextPoll(1) // 403
    await nextPoll(1) // 429: the server wants 5 seconds
    await nextPoll(6) // 403
    const browser = emulators.browser()
    await browser.submit(await browser.get(page), { button: 'Grace' })
    await nextPoll(6)
    const { tokens, claims } = await answer
    expect(claims).toMatchObject({
      iss: 'https://auth.bitfount.com/',
      sub: 'auth0|user-grace',
      'https://www.bitfount.com/username': 'grace',
    })
    expect(as.liveFor('user-grace')?.audience).toBe('https://hub.bitfount.com/api')
    expect(await client.userinfo(tokens)).toMatchObject({ ids: { username: 'grace' } })
    const refreshed = await client.refresh(tokens)
    expect(refreshed.tokens.refreshToken).toBe(as.liveFor('user-grace')?.refreshToken)
  })

  it.each([
    ['says no', 'access_denied', 'access_denied'],
    ['does nothing', 'login_required', 'expired_token'],
  ])('tells when the user %s', async (deed, code, reason) => {
    const { client, clock, as, nextPoll, watch } = await start()
    const device = await client.deviceAuthorization()
    const failure = watch.failure(device.tokens())
    await nextPoll(5)
    if (deed === 'says no') as.denyDevice(device.userCode)
    await expect.poll(() => clock.lastDelayMs).toBe(5_000)
    await clock.advance(deed === 'says no' ? 5 : 900)
    expect(await failure).toMatchObject({ code, reason })
    watch.seen.push(device)
  })

  it.each([401, 403] as const)('tells that the client is unknown, when told so with %d', async (status) => {
    const { client, as, watch } = await start('unknown')
    Object.assign(as.policy, { acceptsAnyClient: false, invalidClientStatus: status })
    expect(await watch.failure(client.deviceAuthorization())).toMatchObject({
      code: 'as_misconfigured',
      asStatus: status,
    })
  })
})
