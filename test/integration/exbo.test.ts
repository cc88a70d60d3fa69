import { exbo, type RequestOAuth, rateLimitOf } from '@latchkey/express'
import { type Exbo, type ExboOptions, startExbo, type UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { type HarnessSetup, startServers } from './harness.fixture.ts'
import { authorizationResponse } from './login-steps.fixture.ts'
import { bothWays, failure, type Holding, startHolding } from './signed-in.fixture.ts'

const day = 24 * 3_600
const year = 365 * day
const running: Exbo[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((emulator) => emulator.close()))
})

/** An app that can sign in with an emulated EXBO, and a browser. */
interface ExboApp extends Holding {
  readonly exbo: Exbo
  /** Of a good API call. */
  readonly charactersUrl: string
  /** Signs the browser in and returns its req.oauth, eleven seconds later. */
  signIn(browser?: UserAgent): Promise<RequestOAuth>
}

async function startExboApp(
  preset: Omit<NonNullable<Parameters<typeof exbo>[0]>, 'id'> = {},
  emulator: ExboOptions = {},
  setup: HarnessSetup = {},
): Promise<ExboApp> {
  const servers = await startServers(setup)
  const { clock } = servers
  const emulated = await startExbo({ clock, marks: servers.as.marks, ...emulator })
  running.push(emulated)
  const holding = await startHolding({
    ...setup,
    servers,
    others: [exbo({ ...emulated.presetOverrides, ...preset })],
    // Longer than the year of a token.
    options: { signIn: { idleSeconds: 400 * day, absoluteSeconds: 400 * day }, ...setup.options },
  })
  emulated.as.registerRedirectUri(`${holding.origin}/callback/exbo`)
  const signIn = async (browser = holding.browser): Promise<RequestOAuth> => {
    const page = await browser.signIn(`${holding.origin}/login/exbo?returnTo=/whoami`, { as: 'Ada' })
    expect(page.status).toBe(200)
    const oauth = await holding.oauthOf(browser)
    await clock.advance(11)
    return oauth
  }
  const charactersUrl = `${emulated.apiOrigin}/eu/characters`
  return { ...holding, as: emulated.as, exbo: emulated, charactersUrl, signIn }
}

const tokenRequests = ({ as }: ExboApp) => as.requests.filter(({ endpoint }) => endpoint === 'token')
const account = (oauth: RequestOAuth) => oauth.account('exbo' as never) // ids are another program's here

describe('signing in with EXBO', () => {
  it('asks for the empty scope, which the server wants, and for nothing that it does not know', async () => {
    const app = await startExboApp()
    await app.signIn()
    expect(Object.fromEntries(app.as.requests[0]?.query ?? [])).toEqual({
      response_type: 'code',
      client_id: '30',
      redirect_uri: `${app.origin}/callback/exbo`,
      scope: '',
      state: expect.stringMatching(/^.{22,}$/),
    })
  })

  it('proves the client in the body', async () => {
    const app = await startExboApp()
    await app.signIn()
    const [exchange] = tokenRequests(app)
    expect(exchange?.headers.authorization).toBeUndefined()
    expect(exchange?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    const { code, client_secret: secret, ...form } = Object.fromEntries(exchange?.form ?? [])
    expect([typeof code, secret === 'exbo-emulator-secret']).toEqual(['string', true])
    expect(form).toEqual({
      grant_type: 'authorization_code',
      client_id: '30',
      redirect_uri: `${app.origin}/callback/exbo`,
    })
  })

  it('knows the user by the number, with the other ids beside it', async () => {
    const { signIn } = await startExboApp()
    const oauth = await signIn()
    expect(oauth.user).toEqual({
      provider: 'exbo',
      id: '1001',
      ids: { uuid: '00000000-0000-4000-8000-000000001001', login: 'ada' },
      name: 'Ada',
    })
  })

  it.each([
    [{ display_login: null, distributor_id: null }, 'ada', undefined],
    [{ distributor: 'STEAM', distributor_id: '7656' }, 'Ada', '7656'],
  ])('reads %j', async (fields, name, distributorId) => {
    const { signIn, exbo: emulator } = await startExboApp()
    emulator.as.faults.always('userinfo', { fields })
    const { user } = await signIn()
    expect([user?.name, user?.ids?.distributor_id]).toEqual([name, distributorId])
  })

  it('says no when the user says no', async () => {
    const { browser, origin, as } = await startExboApp()
    const page = await browser.signIn(`${origin}/login/exbo`, { deny: true })
    expect([page.status, as.calls.token]).toEqual([403, 0])
  })
})

describe('the redirect URI at EXBO', () => {
  it('is compared exactly at the authorization: another port is refused', async () => {
    const { browser, origin } = await startExboApp({ callbackPath: '/callback/other' })
    const page = await browser.get(`${origin}/login/exbo`)
    expect([page.status, page.url.startsWith(origin)]).toEqual([400, false])
  })

  it('is the same text at the code exchange', async () => {
    const app = await startExboApp({}, { autoApprove: 'user-ada' })
    const { callbackUrl, authorizationUrl } = await authorizationResponse(
      app.browser,
      `${app.origin}/login/exbo`,
    )
    expect((await app.browser.get(callbackUrl, { redirect: 'manual' })).status).toBe(303)
    const sent = authorizationUrl.searchParams.get('redirect_uri')
    expect(tokenRequests(app)[0]?.form.get('redirect_uri')).toBe(sent)
  })

  it('is bound to the code: a code of another registered one is refused, and nobody signed in', async () => {
    const app = await startExboApp({}, { autoApprove: 'user-ada' })
    app.as.registerRedirectUri(`${app.origin}/callback/exbo?other`)
    const start = await app.browser.get(`${app.origin}/login/exbo`, { redirect: 'manual' })
    const authorization = new URL(start.location ?? '')
    authorization.searchParams.set('redirect_uri', `${app.origin}/callback/exbo?other`)
    const answer = await app.browser.get(authorization, { redirect: 'manual' })
    const code = new URL(answer.location ?? '').searchParams.get('code') ?? ''
    const state = authorization.searchParams.get('state') ?? ''
    const query = new URLSearchParams({ code, state })
    const page = await app.browser.get(`${app.origin}/callback/exbo?${query}`)
    expect([page.status, app.as.calls.token]).toEqual([400, 1])
    expect((await app.browser.get(`${app.origin}/whoami`)).text).toContain('"isAuthenticated":false')
  })
})

describe.each(['number', 'string'] as const)('a lifetime of a year, as a %s', (expiresIn) => {
  it('is read, and no request but the last of the year refreshes', async () => {
    const app = await startExboApp(
      {},
      { switches: { expiresIn }, policy: { spendOnRotate: true, reuseKillsFamily: true } },
    )
    const delays: number[] = []
    const after = app.clock.after.bind(app.clock)
    app.clock.after = (delayMs, run) => {
      delays.push(delayMs)
      return after(delayMs, run)
    }
    const oauth = await app.signIn()
    const { expiresAt = 0, authorizedAt } = await account(oauth).status()
    expect(Math.abs(expiresAt - authorizedAt - year)).toBeLessThan(2)
    for (let month = 1; month <= 12; month += 1) {
      await app.clock.advance(30 * day)
      expect((await oauth.fetch(app.charactersUrl)).status).toBe(200)
    }
    expect(app.as.calls.token).toBe(1)
    await app.clock.advance(6 * day)
    expect((await oauth.fetch(app.charactersUrl)).status).toBe(200)
    expect(app.as.calls.token).toBe(2)
    expect(await account(oauth).status()).toMatchObject({ refreshCount: 1, authorizedAt })
    expect(app.as.liveFor('user-ada')).toMatchObject({ generation: 1, familyRevoked: false })
    expect(Math.max(...delays)).toBeLessThan(60_000)
  })
})

describe('a refresh at EXBO', () => {
  it('rotates, one token request for 500 callers, and the old refresh token is never sent again', async () => {
    const app = await startExboApp(
      {},
      {
        accessTokenLifetimeSeconds: 3_600,
        policy: { reuseKillsFamily: true },
        switches: { rateLimit: 5_000 },
      },
    )
    const oauth = await app.signIn()
    for (let refresh = 1; refresh <= 3; refresh += 1) {
      await app.clock.advance(3_700)
      const replies = await Promise.all(Array.from({ length: 500 }, () => oauth.fetch(app.charactersUrl)))
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
      await Promise.all(replies.map((reply) => reply.body?.cancel()))
    }
    const grant = app.as.liveFor('user-ada')?.grantId ?? ''
    expect(app.as.refreshCallsByGeneration(grant)).toEqual([1, 1, 1, 0])
    for (const { form, headers } of tokenRequests(app).slice(1)) {
      expect([form.get('client_id'), form.get('client_secret') === 'exbo-emulator-secret']).toEqual([
        '30',
        true,
      ])
      expect(headers.authorization).toBeUndefined()
    }
  })

  it.each([
    ['rfc', 'invalid_grant', 'ended'],
    ['hint', 'invalid_grant', 'ended'],
    ['rfc', 'invalid_request', 'live'],
    ['hint', 'invalid_request', 'live'],
  ] as const)(
    'refused (%s body, %s) leads to the login; the grant is %s',
    async (errorBody, refused, state) => {
      const app = await startExboApp(
        {},
        { accessTokenLifetimeSeconds: 3_600, switches: { errorBody, refusedRefreshToken: refused } },
      )
      const oauth = await app.signIn()
      app.as.killRefreshToken('user-ada')
      await app.clock.advance(3_700)
      // An exclusive provider's verdict is believed after three seconds without a newer token set.
      const call = failure(oauth.fetch(app.charactersUrl))
      await expect.poll(() => app.as.calls.token).toBe(2)
      for (let second = 0; second < 4; second += 1) await app.clock.advance(1)
      // What the error looks like is not documented: only the error of the RFC ends a grant.
      const reason = state === 'ended' ? 'grant_ended' : 'refused'
      expect(await call).toMatchObject({ code: 'login_required', reason, provider: 'exbo' })
      expect(await failure(oauth.fetch(app.charactersUrl))).toMatchObject({ code: 'login_required', reason })
      expect((await account(oauth).status()).state).toBe(state)
      expect(app.as.calls.token).toBe(2)
      expect((await (await app.signIn()).fetch(app.charactersUrl)).status).toBe(200)
    },
  )

  it('has its callers wait, because it may end the access token they would get', async () => {
    const app = await startExboApp(
      {},
      { accessTokenLifetimeSeconds: 3_600, policy: { refreshEndsAccessToken: true } },
    )
    const oauth = await app.signIn()
    await app.clock.advance(3_600 - 11 - 30)
    const hold = app.as.faults.hold('token', { at: 'afterCommit' })
    const calls = bothWays.map(([, call]) => call(oauth, app.charactersUrl))
    await hold.arrived
    expect(app.exbo.api.calls.characters).toBe(0)
    hold.release()
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200])
    // Nobody was turned away with an ended token.
    expect([app.exbo.api.calls.characters, app.as.calls.token]).toEqual([2, 2])
  })

  it('that fails near the end of a token is not noticed', async () => {
    const app = await startExboApp({}, { accessTokenLifetimeSeconds: 3_600 })
    const oauth = await app.signIn()
    await app.clock.advance(3_600 - 11 - 30)
    app.as.faults.always('token', { status: 503 })
    for (const [, call] of bothWays) expect((await call(oauth, app.charactersUrl)).status).toBe(200)
    expect(app.as.calls.token).toBe(3)
  })

  it('that ends a token under way is covered by the replay', async () => {
    const app = await startExboApp(
      {},
      { accessTokenLifetimeSeconds: 3_600, policy: { refreshEndsAccessToken: true } },
    )
    const oauth = await app.signIn()
    const hold = app.exbo.api.faults.hold('characters', { calls: 1 })
    const underWay = oauth.fetch(app.charactersUrl)
    await hold.arrived
    await app.clock.advance(3_600 - 11 - 30)
    expect((await oauth.fetch(app.charactersUrl)).status).toBe(200)
    hold.release()
    expect((await underWay).status).toBe(200)
    expect([app.exbo.api.calls.characters, app.as.calls.token]).toEqual([3, 2])
  })
})

describe.each(bothWays)('EXBO’s API through %s', (_name, call) => {
  it.each(['seconds', 'milliseconds'] as const)(
    'hands over the rate limit, reset in %s',
    async (rateLimitReset) => {
      const app = await startExboApp({}, { switches: { rateLimitReset } })
      const oauth = await app.signIn()
      const { headers } = await call(oauth, app.charactersUrl)
      expect([headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]).toEqual(['200', '199'])
      expect(String(headers['x-ratelimit-reset'])).toHaveLength(rateLimitReset === 'seconds' ? 10 : 13)
      const { clock } = app
      const read = rateLimitOf({ headers: headers as Readonly<Record<string, string>> }, { clock })
      expect(read).toMatchObject({ limit: 200, remaining: 199 })
      expect(Math.abs((read?.resetAt ?? 0) - clock.now())).toBeLessThan(61)
    },
  )

  it.each([true, false])('hands over a 429 at once (Retry-After: %s)', async (retryAfter) => {
    const app = await startExboApp({}, { switches: { rateLimit: 1, retryAfter } })
    const oauth = await app.signIn()
    expect((await call(oauth, app.charactersUrl)).status).toBe(200)
    const limited = await call(oauth, app.charactersUrl)
    expect([limited.status, limited.headers['x-ratelimit-remaining']]).toEqual([429, '0'])
    expect(typeof limited.headers['retry-after']).toBe(retryAfter ? 'string' : 'undefined')
    expect([app.exbo.api.calls.characters, app.as.calls.token]).toEqual([2, 1])
  })

  it('takes the token to both of EXBO’s hosts and to no other', async () => {
    const app = await startExboApp()
    const oauth = await app.signIn()
    expect((await call(oauth, `${app.exbo.oauthOrigin}/oauth/user`)).status).toBe(200)
    expect((await call(oauth, `${app.exbo.apiOrigin}/regions`)).status).toBe(200)
    expect(await failure(call(oauth, app.evil.origin))).toMatchObject({ code: 'origin_not_allowed' })
    expect(app.evil.connections).toBe(0)
  })
})
