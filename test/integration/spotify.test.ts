import { latchkey, type RequestOAuth, spotify } from '@latchkey/express'
import { type Spotify, type SpotifyOptions, startSpotify, type UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { events, type HarnessSetup, startServers } from './harness.fixture.ts'
import { bothWays, failure, type Holding, startHolding } from './signed-in.fixture.ts'

const day = 24 * 3_600
const running: Spotify[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((emulator) => emulator.close()))
})

type PresetChanges = Omit<NonNullable<Parameters<typeof spotify>[0]>, 'id'>

/** An app that can sign in with an emulated Spotify, and a browser. */
interface SpotifyApp extends Holding {
  readonly spotify: Spotify
  /** Signs the browser in and returns its req.oauth, eleven seconds later. */
  signIn(browser?: UserAgent): Promise<RequestOAuth>
}

async function startSpotifyApp(
  preset: PresetChanges = {},
  emulator: SpotifyOptions = {},
  setup: HarnessSetup = {},
): Promise<SpotifyApp> {
  const servers = await startServers(setup)
  const { clock } = servers
  const emulated = await startSpotify({ clock, marks: servers.as.marks, ...emulator })
  running.push(emulated)
  const provider = spotify({ ...emulated.presetOverrides, ...preset })
  const holding = await startHolding({
    ...setup,
    servers,
    others: [provider],
    // Longer than Spotify's six months, so that it is the refresh token that ends first.
    options: { signIn: { idleSeconds: 390 * day, absoluteSeconds: 390 * day }, ...setup.options },
  })
  const signIn = async (browser = holding.browser): Promise<RequestOAuth> => {
    const page = await browser.signIn(`${holding.origin}/login/spotify?returnTo=/whoami`, { as: 'Ada' })
    expect(page.status).toBe(200)
    const oauth = await holding.oauthOf(browser)
    await clock.advance(11)
    return oauth
  }
  return { ...holding, as: emulated.as, spotify: emulated, signIn }
}

const tokenRequests = ({ as }: SpotifyApp) => as.requests.filter(({ endpoint }) => endpoint === 'token')
const account = (oauth: RequestOAuth) => oauth.account('spotify' as never) // ids are another program's here

describe('signing in with Spotify', () => {
  it('takes the account id for the user, and keeps the other ids beside it', async () => {
    const { signIn } = await startSpotifyApp()
    const oauth = await signIn()
    expect(oauth.user).toEqual({
      provider: 'spotify',
      id: 'account-user-ada',
      ids: { account_id: 'account-user-ada', id: 'user-ada' },
      name: 'Ada',
    })
    expect(oauth.userId).toBe('spotify:account-user-ada')
  })

  it('learns the address, unverified, with the scope for it', async () => {
    const app = await startSpotifyApp({ scope: ['user-read-email', 'user-top-read'] })
    const oauth = await app.signIn()
    expect(oauth.user).toMatchObject({ email: 'ada@example.com' })
    expect(oauth.user?.emailVerified).toBeUndefined()
    expect((await account(oauth).status()).scope).toEqual(['user-read-email', 'user-top-read'])
    expect(app.as.requests[0]?.query.get('scope')).toBe('user-read-email user-top-read')
    const tracks = await oauth.fetch(`${app.spotify.apiOrigin}/v1/me/top/tracks?limit=2`)
    expect(await tracks.json()).toMatchObject({ items: [{}, {}], limit: 2 })
  })

  it('proves the client in the header and the login by PKCE', async () => {
    const app = await startSpotifyApp()
    await app.signIn()
    expect(Object.fromEntries(app.as.requests[0]?.query ?? [])).toEqual({
      response_type: 'code',
      client_id: 'spotify-client',
      redirect_uri: `${app.origin}/callback/spotify`,
      state: expect.stringMatching(/^.{22,}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
    const [exchange] = tokenRequests(app)
    expect([...(exchange?.form.keys() ?? [])].sort()).toEqual([
      'code',
      'code_verifier',
      'grant_type',
      'redirect_uri',
    ])
    const basic = Buffer.from('spotify-client:spotify-emulator-secret').toString('base64')
    expect(exchange?.headers.authorization === `Basic ${basic}`).toBe(true)
    expect(exchange?.form.get('redirect_uri')).toBe(`${app.origin}/callback/spotify`)
  })

  it('can show the dialog again', async () => {
    const app = await startSpotifyApp({ params: { show_dialog: 'true' } })
    await app.signIn()
    expect(app.as.requests[0]?.query.get('show_dialog')).toBe('true')
  })

  it('says no when the user does', async () => {
    const { browser, origin, as } = await startSpotifyApp()
    const page = await browser.signIn(`${origin}/login/spotify`, { deny: true })
    expect([page.status, as.calls.token]).toEqual([403, 0])
  })

  it('signs out without a revocation, because there is no endpoint for it', async () => {
    const { browser, signIn, origin, as } = await startSpotifyApp()
    await signIn()
    expect((await browser.post(`${origin}/logout`)).status).toBe(200)
    expect(as.requests.filter(({ endpoint }) => endpoint === 'unknown')).toEqual([])
    expect((await browser.get(`${origin}/whoami`)).text).toContain('"isAuthenticated":false')
  })
})

describe('redirect URIs at Spotify', () => {
  it('are loopback literals or https: localhost is refused at the start', () => {
    const provider = spotify({ clientId: 'a', clientSecret: 'a-client-secret' })
    for (const baseUrl of ['http://localhost:3000', 'http://app.example']) {
      expect(() => latchkey({ baseUrl, providers: [provider] })).toThrow(/baseUrl|redirect URI/)
    }
  })

  it('are compared exactly, apart from the port of a loopback literal', async () => {
    const app = await startSpotifyApp({ callbackPath: '/somewhere-else' })
    const page = await app.browser.get(`${app.origin}/login/spotify`)
    expect([page.status, page.text]).toEqual([400, 'INVALID_CLIENT: Invalid redirect URI'])
    const registered = await startSpotifyApp({ callbackPath: '/callback' })
    expect((await registered.signIn()).isAuthenticated).toBe(true)
  })
})

describe('a refresh at Spotify', () => {
  it.each([
    ['leaves it out', {}],
    ['repeats it', { repeatRefreshToken: true }],
  ])('keeps the refresh token when the answer %s', async (_name, policy) => {
    const app = await startSpotifyApp({}, { policy })
    const oauth = await app.signIn()
    const { authorizedAt, refreshTokenExpiresAt } = await account(oauth).status()
    for (let refresh = 1; refresh <= 5; refresh += 1) {
      await app.clock.advance(3_700)
      expect((await oauth.fetch(`${app.spotify.apiOrigin}/v1/me`)).status).toBe(200)
      expect(await account(oauth).status()).toMatchObject({
        state: 'live',
        refreshCount: refresh,
        authorizedAt,
        refreshTokenExpiresAt,
      })
    }
    expect(app.as.refreshCallsByGeneration(app.as.liveFor('user-ada')?.grantId ?? '')).toEqual([5])
    for (const request of tokenRequests(app)) {
      expect(request.form.has('client_id') || request.form.has('client_secret')).toBe(false)
      expect(request.headers.authorization).toMatch(/^Basic /)
    }
  })

  it('takes the new one should Spotify rotate for apps with a secret', async () => {
    const app = await startSpotifyApp({}, { policy: { rotate: true, reuseKillsFamily: true } })
    const oauth = await app.signIn()
    for (let refresh = 1; refresh <= 3; refresh += 1) {
      await app.clock.advance(3_700)
      expect((await oauth.fetch(`${app.spotify.apiOrigin}/v1/me`)).status).toBe(200)
    }
    expect(app.as.liveFor('user-ada')).toMatchObject({ generation: 3, familyRevoked: false })
  })

  it('rotates for an app without a secret, and 500 callers cost one', async () => {
    const app = await startSpotifyApp(
      { clientSecret: undefined, clientAuth: { method: 'none' } },
      { policy: { reuseKillsFamily: true } },
    )
    const oauth = await app.signIn()
    const { authorizedAt } = await account(oauth).status()
    for (let refresh = 1; refresh <= 3; refresh += 1) {
      await app.clock.advance(3_700)
      const replies = Array.from({ length: 500 }, () => oauth.request(`${app.spotify.apiOrigin}/v1/me`))
      const statuses = replies.map(async (reply) => {
        const { statusCode, body } = await reply
        await body.dump()
        return statusCode
      })
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
    }
    const grant = app.as.liveFor('user-ada')?.grantId ?? ''
    expect(app.as.refreshCallsByGeneration(grant)).toEqual([1, 1, 1, 0])
    expect((await account(oauth).status()).authorizedAt).toBe(authorizedAt)
    for (const request of tokenRequests(app)) {
      expect(request.headers.authorization).toBeUndefined()
      expect(request.form.get('client_id')).toBe('spotify-client')
      expect(request.form.has('client_secret')).toBe(false)
    }
  })
})

describe('six months after the authorization', () => {
  it.each([
    ['with a secret', {}],
    ['without one', { clientSecret: undefined, clientAuth: { method: 'none' } as const }],
  ])('the user signs in again, and then all is well (%s)', async (_name, preset) => {
    const app = await startSpotifyApp(preset)
    const oauth = await app.signIn()
    const { authorizedAt, refreshTokenExpiresAt = 0 } = await account(oauth).status()
    const sixMonthsOn = new Date(authorizedAt * 1_000)
    sixMonthsOn.setUTCMonth(sixMonthsOn.getUTCMonth() + 6)
    expect(Math.abs(refreshTokenExpiresAt - sixMonthsOn.getTime() / 1_000)).toBeLessThan(3.1 * day)
    for (let week = 1; week <= 25; week += 1) {
      await app.clock.advance(7 * day)
      expect((await oauth.fetch(`${app.spotify.apiOrigin}/v1/me`)).status).toBe(200)
      expect(await account(oauth).status()).toMatchObject({
        authorizedAt,
        refreshTokenExpiresAt,
        refreshCount: week,
      })
    }
    await app.clock.advance(8 * day)
    const tokenCalls = app.as.calls.token
    for (const [, call] of bothWays) {
      expect(await failure(call(oauth, `${app.spotify.apiOrigin}/v1/me`))).toMatchObject({
        code: 'login_required',
        reason: 'grant_ended',
        provider: 'spotify',
      })
    }
    expect(app.as.calls.token).toBe(tokenCalls + 1)
    expect(await account(oauth).status()).toMatchObject({ state: 'ended', authorizedAt, refreshCount: 25 })
    expect(events(app, 'account.ended')).toHaveLength(1)

    const again = await app.signIn()
    expect((await again.fetch(`${app.spotify.apiOrigin}/v1/me`)).status).toBe(200)
    const renewed = await account(again).status()
    expect(renewed).toMatchObject({ state: 'live', refreshCount: 0 })
    expect(renewed.authorizedAt).toBeGreaterThan(refreshTokenExpiresAt - 3.1 * day)
  })
})

describe.each(bothWays)('Spotify’s API through %s', (_name, call) => {
  it('a 429 is handed to the app with its Retry-After, at once', async () => {
    const { signIn, spotify: emulator, as } = await startSpotifyApp()
    const oauth = await signIn()
    const calls = emulator.api.calls.me
    emulator.limitRate(1, 17)
    const reply = await call(oauth, `${emulator.apiOrigin}/v1/me`)
    expect([reply.status, reply.headers['retry-after']]).toEqual([429, '17'])
    expect(JSON.parse(reply.text)).toEqual({ error: { status: 429, message: 'API rate limit exceeded' } })
    expect([emulator.api.calls.me - calls, as.calls.token]).toEqual([1, 1])
    expect((await call(oauth, `${emulator.apiOrigin}/v1/me`)).status).toBe(200)
  })

  it('a 401 for no reason is answered by one refresh and one replay', async () => {
    const { signIn, spotify: emulator, as } = await startSpotifyApp()
    const oauth = await signIn()
    const calls = emulator.api.calls.me
    emulator.refuseForNoReason(1)
    expect((await call(oauth, `${emulator.apiOrigin}/v1/me`)).status).toBe(200)
    expect([emulator.api.calls.me - calls, as.calls.token]).toEqual([2, 2])
    // Again within ten seconds: the app gets it as it is.
    emulator.refuseForNoReason(1)
    expect((await call(oauth, `${emulator.apiOrigin}/v1/me`)).status).toBe(401)
    expect([emulator.api.calls.me - calls, as.calls.token]).toEqual([3, 2])
  })

  it('a missing scope is a 403 that refreshes nothing', async () => {
    const { signIn, spotify: emulator, as } = await startSpotifyApp()
    const oauth = await signIn()
    expect((await call(oauth, `${emulator.apiOrigin}/v1/me/top/tracks`)).status).toBe(403)
    expect(as.calls.token).toBe(1)
  })

  it('a user who removed the app is asked to sign in again', async () => {
    const { signIn, spotify: emulator, as } = await startSpotifyApp()
    const oauth = await signIn()
    as.revokeGrant(as.liveFor('user-ada')?.grantId ?? '')
    const ended = { code: 'login_required', reason: 'grant_ended' }
    expect(await failure(call(oauth, `${emulator.apiOrigin}/v1/me`))).toMatchObject(ended)
    expect(as.calls.token).toBe(2)
  })
})
