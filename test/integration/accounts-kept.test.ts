import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LatchkeyError, type LatchkeyOptions, type LoginRequest, memoryStore } from '@latchkey/express'
import type { UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AccountsApp,
  type AccountsSetup,
  accountsOf,
  authOf,
  beginLink,
  keeping,
  link,
  startAccountServers,
  startAccountsApp,
} from './accounts-app.fixture.ts'
import { sessionCookieName, sessionCookieOf } from './cookie-requests.fixture.ts'
import { expectRefused } from './login-steps.fixture.ts'
import { failure } from './signed-in.fixture.ts'

const day = 86_400
const ada = 'example:user-ada'
const adaAndGrace = { userId: ada, user: 'user-ada', accounts: ['example:user-ada', 'other:user-grace'] }

type OnLogin = NonNullable<LatchkeyOptions<'example'>['onLogin']>

/** Ada is signed in, with an account of Grace's at `other`. */
async function startLinked(setup: AccountsSetup = {}): Promise<{ app: AccountsApp; browser: UserAgent }> {
  const app = await startAccountsApp(setup)
  const browser = await app.signedIn('Ada')
  await link(app, browser, 'Grace')
  return { app, browser }
}

async function kept(app: AccountsApp, userId = ada): Promise<readonly string[] | undefined> {
  const user = await authOf(app).user(userId)
  return user?.accounts.map(({ provider, id }) => `${provider}:${id}`)
}

/** What the API at `other` says to a job of this user; its status when it is no 200. */
async function jobOf(app: AccountsApp, userId = ada): Promise<unknown> {
  const user = await authOf(app).user(userId)
  const reply = await user?.account('other').fetch(`${app.otherApi.origin}/job`)
  return reply?.status === 200 ? ((await reply.json()) as { claims: unknown }).claims : reply?.status
}

describe('accounts that end with their session', () => {
  it('are gone with their tokens when it is signed out, linked ones as well', async () => {
    const { app, browser } = await startLinked()
    expect(await kept(app)).toEqual([])
    await browser.post(`${app.origin}/logout`)
    expect(app.as.liveFor('user-ada')).toMatchObject({ revoked: true })
    expect(app.other.liveFor('user-grace')).toMatchObject({ revoked: true })
    expect(await kept(app)).toBeUndefined()
    await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['example:user-ada'] })
  })

  it('are each session’s own: another device has its own tokens and no linked account', async () => {
    const { app, browser } = await startLinked()
    const phone = await app.signedIn('Ada')
    expect((await accountsOf(app, phone)).accounts).toEqual(['example:user-ada'])
    await phone.post(`${app.origin}/logout`)
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
    for (const path of ['/me', '/api/other']) expect((await browser.get(app.origin + path)).status).toBe(200)
  })
})

describe.each([
  ['for all providers', { options: keeping }, ['example:user-ada', 'other:user-grace']],
  ['for one provider', { otherProvider: { keepAccounts: true } }, ['other:user-grace']],
  ['for all but one', { options: keeping, provider: { keepAccounts: false } }, ['other:user-grace']],
] as const)('keepAccounts %s', (_, setup, expected) => {
  it('keeps accounts beyond sign-out, and brings them back with the next sign-in', async () => {
    const { app, browser } = await startLinked(setup)
    expect(await kept(app)).toEqual(expected)
    await browser.post(`${app.origin}/logout`)
    expect(await kept(app)).toEqual(expected)
    expect(app.other.liveFor('user-grace')).toMatchObject({ revoked: false })
    expect(await jobOf(app)).toEqual({ sub: 'user-grace' })
    const phone = await app.signedIn('Ada')
    expect(await accountsOf(app, phone)).toEqual(adaAndGrace)
    for (const path of ['/me', '/api/other']) expect((await phone.get(app.origin + path)).status).toBe(200)
  })
})

describe('a kept account', () => {
  it('is used without anybody signed in, and refreshed with rotation, once for many', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    app.other.policy.reuseKillsFamily = true
    await browser.post(`${app.origin}/logout`)
    for (let expiry = 1; expiry <= 5; expiry += 1) {
      await app.clock.advance(3_700)
      const jobs = Array.from({ length: 20 }, () => jobOf(app))
      expect(new Set((await Promise.all(jobs)).map((claims) => JSON.stringify(claims)))).toEqual(
        new Set(['{"sub":"user-grace"}']),
      )
    }
    expect(app.other.liveFor('user-grace')).toMatchObject({ generation: 5, familyRevoked: false })
    await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
  })

  it('signs its keeper in, also through what was linked', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    await browser.post(`${app.origin}/logout`)
    await browser.signIn(`${app.origin}/login/other`, { as: 'Grace' })
    expect(await accountsOf(app, browser)).toEqual({
      userId: ada,
      user: 'user-grace',
      accounts: ['other:user-grace', 'example:user-ada'],
    })
    expect((await browser.get(`${app.origin}/api/example`)).text).toContain('user-ada')
  })

  it('is not narrowed by a sign-in that asks for less', async () => {
    const app = await startAccountsApp({ options: keeping })
    const browser = await app.signedIn('Ada')
    await browser.signIn(`${app.origin}/ask/example/write`, { as: 'Ada' })
    await browser.post(`${app.origin}/logout`)
    await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect((await browser.get(`${app.origin}/needs/example/write`)).text).toBe('["read","write"]')
    // The narrower token set that the sign-in brought is nobody's.
    await expect
      .poll(() => app.as.grants().map(({ scope, revoked }) => [scope.length, revoked]))
      .toEqual([
        [1, true],
        [2, false],
        [1, true],
      ])
  })

  it('ends after 180 days unused, and not while it is used', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    await browser.post(`${app.origin}/logout`)
    for (let use = 0; use < 4; use += 1) {
      await app.clock.advance(100 * day)
      expect(await jobOf(app)).toEqual({ sub: 'user-grace' })
    }
    expect(await kept(app)).toEqual(['other:user-grace'])
    await app.clock.advance(181 * day)
    expect(await kept(app)).toBeUndefined()
  })

  it('that the server has ended says so to jobs, and the next sign-in makes it work again', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    app.as.revokeGrant(app.as.liveFor('user-ada')?.grantId ?? '')
    await app.clock.advance(3_700)
    const user = await authOf(app).user(ada)
    const job = () => failure(user?.account('example').fetch(`${app.rs.origin}/job`) ?? Promise.resolve())
    for (let call = 0; call < 2; call += 1) {
      expect(await job()).toMatchObject({
        code: 'login_required',
        reason: 'grant_ended',
        provider: 'example',
      })
    }
    expect(await user?.account('example').status()).toMatchObject({ state: 'ended', scope: ['read'] })
    await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect((await user?.account('example').fetch(`${app.rs.origin}/job`))?.status).toBe(200)
  })

  it.each([
    [
      'by a link',
      async (app: AccountsApp, browser: UserAgent) => browser.get(await beginLink(app, browser, 'Grace')),
    ],
    [
      'by a sign-in under another user id',
      async (app: AccountsApp, browser: UserAgent) =>
        browser.signIn(`${app.origin}/login/other`, { as: 'Grace' }),
    ],
  ])('is refused to another user %s: nothing is changed, the new tokens are revoked', async (_, act) => {
    const onLogin: OnLogin = ({ provider, user }) => (provider === 'other' ? 'somebody else' : user.id)
    const { app } = await startLinked({ options: { ...keeping, onLogin } })
    const before = app.other.liveFor('user-grace')
    const linus = await app.signedIn('Linus')
    const [cookie, accounts] = [sessionCookieOf(app, linus), await accountsOf(app, linus)]
    const page = await act(app, linus)
    expectRefused(page, 409)
    expect(page.text).toContain('This account is in use')
    expect(sessionCookieOf(app, linus) === cookie, 'the cookie').toBe(true)
    expect(await accountsOf(app, linus)).toEqual(accounts)
    await expect.poll(() => app.other.liveFor('user-grace')?.revoked).toBe(true)
    expect(app.other.live(before?.grantId ?? '')).toEqual(before)
    expect([
      await kept(app, 'user-ada'),
      await kept(app, 'user-linus'),
      await kept(app, 'somebody else'),
    ]).toEqual([['example:user-ada', 'other:user-grace'], ['example:user-linus'], undefined])
    expect(await jobOf(app, 'user-ada')).toEqual({ sub: 'user-grace' })
  })

  it('case 56: serves nobody who kept it before, whatever object they still hold', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    const held = (await authOf(app).user(ada))?.account('other')
    await browser.post(`${app.origin}/disconnect/other`)
    const linus = await app.signedIn('Linus')
    await link(app, linus, 'Grace')
    const calls = app.otherApi.calls.resource
    expect(await failure(held?.fetch(`${app.otherApi.origin}/me`) ?? Promise.resolve())).toMatchObject({
      code: 'login_required',
      provider: 'other',
    })
    expect(await failure(held?.status() ?? Promise.resolve())).toMatchObject({ code: 'login_required' })
    await held?.disconnect()
    expect(app.otherApi.calls.resource).toBe(calls)
    expect((await linus.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect(app.other.liveFor('user-grace')).toMatchObject({ revoked: false })
  })
})

describe('disconnect()', () => {
  it.each([
    ['that are kept', keeping],
    ['that end with their session', {}],
  ])(
    'takes an account out of accounts %s, on every device, and revokes it; other users keep theirs',
    async (_, options) => {
      const { app, browser: laptop } = await startLinked({ options })
      const phone = await app.signedIn('Ada')
      if (options !== keeping) await link(app, phone, 'Grace')
      const linus = await app.signedIn('Linus')
      await link(app, linus, 'Linus')
      const page = await laptop.post(`${app.origin}/disconnect/other`)
      expect(JSON.parse(page.text)).toEqual(['example:user-ada'])
      for (const browser of [laptop, phone]) {
        expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['example:user-ada'] })
        expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
        expect((await browser.get(`${app.origin}/api/other`, { redirect: 'manual' })).status).toBe(302)
      }
      expect(await kept(app)).not.toContain('other:user-grace')
      const states = app.other.grants().map(({ userId, revoked }) => [userId, revoked])
      expect(states.filter(([userId]) => userId === 'user-grace').every(([, revoked]) => revoked)).toBe(true)
      expect(states).toContainEqual(['user-linus', false])
      expect((await linus.get(`${app.origin}/api/other`)).status).toBe(200)
    },
  )

  it('of the account that signed in leaves its user signed in, who can add it again', async () => {
    const { app, browser } = await startLinked({ options: keeping })
    await browser.post(`${app.origin}/disconnect/example`)
    expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['other:user-grace'] })
    expect(await kept(app)).toEqual(['other:user-grace'])
    const page = await browser.get(`${app.origin}/me`)
    expect(new URL(page.url).pathname).toBe('/login/example/link')
    const consent = await browser.submit(page, { button: 'Continue to example' })
    expect((await browser.submit(consent, { button: 'Ada' })).url).toBe(`${app.origin}/me`)
  })

  it.each([
    ['is kept', keeping],
    ['ends with its session', {}],
  ])(
    'case 38: of an account that %s while it is refreshed stores nothing, and revokes what comes',
    async (_, options) => {
      const { app, browser } = await startLinked({ options })
      const oauth = await app.oauthOf(browser)
      await app.clock.advance(3_700)
      const hold = app.other.faults.hold('token', { at: 'afterCommit' })
      const underWay = failure(oauth.fetch(`${app.otherApi.origin}/me`))
      await hold.arrived
      // Revoking the refresh token that was spent does nothing at many servers: what comes must be revoked itself.
      app.other.faults.always('revoke', { status: 200 })
      expect((await browser.post(`${app.origin}/disconnect/other`)).status).toBe(200)
      app.other.faults.clear('revoke')
      hold.release()
      expect(await underWay).toMatchObject({ code: 'login_required', provider: 'other' })
      await expect.poll(() => app.other.liveFor('user-grace')).toMatchObject({ generation: 1, revoked: true })
      expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['example:user-ada'] })
      expect(await failure(oauth.fetch(`${app.otherApi.origin}/me`))).toMatchObject({
        code: 'login_required',
      })
      expect(app.other.calls.token).toBe(2)
    },
  )
})

describe('case 69: a login that meets a refresh of the same kept account', () => {
  it.each(['beforeCommit', 'afterCommit'] as const)(
    'leaves it with tokens of one grant that live (%s)',
    async (at) => {
      const app = await startAccountsApp({ options: keeping })
      app.as.policy.reuseKillsFamily = true
      const browser = await app.signedIn('Ada')
      const oauth = await app.oauthOf(browser)
      await app.clock.advance(3_700)
      const isRefresh = (form: URLSearchParams): boolean => form.get('grant_type') === 'refresh_token'
      const hold = app.as.faults.hold('token', { at, calls: 1 })
      const underWay = oauth.fetch(`${app.rs.origin}/me`)
      await hold.arrived
      await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
      hold.release()
      expect((await underWay).status).toBe(200)
      const { value } = await (await app.oauthOf(browser)).accessToken()
      const grant = app.as.introspect(value)
      expect(grant).toMatchObject({ revoked: false, familyRevoked: false })
      await app.clock.advance(3_700)
      expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
      const refreshes = app.as.requests.filter(
        ({ endpoint, form }) => endpoint === 'token' && isRefresh(form),
      )
      expect(refreshes).toHaveLength(2)
      expect(app.as.live(grant?.grantId ?? '')).toMatchObject({
        generation: 1,
        revoked: false,
        familyRevoked: false,
      })
    },
  )
})

describe('onLogin', () => {
  const start = (onLogin: OnLogin, options = {}) => startAccountsApp({ options: { ...options, onLogin } })

  it('names the user, at once or later, and hears who was signed in before and who keeps the account', async () => {
    const heard: unknown[] = []
    const app = await start(async ({ provider, user, raw, keptBy }, req) => {
      const { oauth } = req as unknown as LoginRequest // Express's own, with what was there before
      heard.push([provider, user.id, raw.email, keptBy, oauth.userId])
      return `number of ${user.id}`
    }, keeping)
    const browser = await app.signedIn('Ada')
    await link(app, browser, 'Grace')
    await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, userId: 'number of user-ada' })
    expect(heard).toEqual([
      ['example', 'user-ada', 'ada@example.com', undefined, undefined],
      ['example', 'user-ada', 'ada@example.com', 'number of user-ada', 'number of user-ada'],
    ])
  })

  it.each([undefined, null])('that returns %s leaves it at the default', async (nothing) => {
    const app = await start(() => nothing as undefined)
    expect((await accountsOf(app, await app.signedIn('Ada'))).userId).toBe(ada)
  })

  it('refuses a sign-in by access_denied, on Latchkey’s page: nothing is stored, the tokens are revoked', async () => {
    const banned: OnLogin = ({ user }) => {
      if (user.id === 'user-linus') throw new LatchkeyError('access_denied', 'Linus is banned.')
    }
    const app = await start(banned, keeping)
    const browser = await app.signedIn('Ada')
    const cookie = sessionCookieOf(app, browser)
    const page = await browser.signIn(`${app.origin}/login/example`, { as: 'Linus' })
    expectRefused(page, 403)
    expect(page.text).not.toContain('banned')
    expect(sessionCookieOf(app, browser) === cookie, 'the cookie').toBe(true)
    expect((await accountsOf(app, browser)).userId).toBe(ada)
    await expect.poll(() => app.as.liveFor('user-linus')?.revoked).toBe(true)
    expect(await kept(app, 'example:user-linus')).toBeUndefined()
    expect(app.errors).toEqual([])
  })

  it('that throws an error of its own hands it to the app’s error handling', async () => {
    const own = new Error('The database of users is away.')
    const app = await start(() => Promise.reject(own), keeping)
    const page = await app.browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect([page.status, app.errors]).toEqual([500, [own]])
    expect((await accountsOf(app, app.browser)).userId).toBeNull()
    await expect.poll(() => app.as.liveFor('user-ada')?.revoked).toBe(true)
  })

  it.each([[7], [''], [{ id: 7 }], [true]])('must not return %j', async (value) => {
    const app = await start(() => value as string)
    const page = await app.browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
    expect(page.status).toBe(500)
    expect(app.errors).toEqual([
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('onLogin') }),
    ])
    await expect.poll(() => app.as.liveFor('user-ada')?.revoked).toBe(true)
  })

  it('is not asked about links and consents', async () => {
    let calls = 0
    const app = await start(() => {
      calls += 1
    })
    const browser = await app.signedIn('Ada')
    await link(app, browser, 'Grace')
    await browser.signIn(`${app.origin}/ask/example/write`, { as: 'Ada' })
    expect(calls).toBe(1)
  })
})

describe('createSession()', () => {
  /** A browser with the cookie that was made. */
  function browserWith(app: AccountsApp, cookie: string): UserAgent {
    const browser = app.newBrowser()
    const [name = '', value = ''] = cookie.split('=')
    browser.cookies.plant({ name, value, host: '127.0.0.1' })
    return browser
  }

  it('makes the session that a sign-in makes, whose tokens work and are refreshed', async () => {
    const app = await startAccountsApp()
    const tokens = app.as.tokens('ada', { scope: ['read'], expired: true })
    const { cookie, setCookie } = await app.auth.createSession({
      provider: 'example',
      user: { id: tokens.userId, name: 'Ada' },
      tokens,
    })
    expect(setCookie).toMatch(
      /^latchkey-\d+=[\w-]{22}\.[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    expect(cookie.startsWith(`${sessionCookieName(app)}=`)).toBe(true)
    const browser = browserWith(app, cookie)
    expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['example:user-ada'] })
    expect((await browser.get(`${app.origin}/me`)).text).toContain('user-ada')
    expect(app.as.mints).toMatchObject({ authorization_code: 0, refresh_token: 1 })
    await link(app, browser, 'Grace')
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
    await browser.post(`${app.origin}/logout`)
    expect(app.as.liveFor('user-ada')).toMatchObject({ revoked: true })
  })

  it.each([
    ['kept', keeping],
    ['not kept', {}],
  ])('without tokens signs in, and the API asks for a consent first (%s)', async (_, options) => {
    const app = await startAccountsApp({ options })
    const { cookie } = await app.auth.createSession({ provider: 'example', user: { id: 'user-ada' } })
    const browser = browserWith(app, cookie)
    expect(await accountsOf(app, browser)).toEqual({ ...adaAndGrace, accounts: ['example:user-ada'] })
    const page = await browser.signIn(`${app.origin}/me`, { as: 'Ada' })
    expect([page.url, JSON.parse(page.text)]).toMatchObject([`${app.origin}/me`, { user: 'user-ada' }])
    expect((await accountsOf(app, browser)).accounts).toEqual(['example:user-ada'])
  })

  it('has the accounts that its user keeps', async () => {
    const { app } = await startLinked({ options: keeping })
    const { cookie } = await app.auth.createSession({ provider: 'example', user: { id: 'user-ada' } })
    const browser = browserWith(app, cookie)
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
  })
})

describe('from(req)', () => {
  const servers: { close(): void }[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  /** Upgrades a connection; the server answers what `from(req)` says. */
  async function upgraded(app: AccountsApp, cookie: string | undefined): Promise<Record<string, unknown>> {
    const server = createServer()
    servers.push(server)
    server.on('upgrade', async (req, socket) => {
      const oauth = await app.auth.from(req)
      const reply = oauth.isAuthenticated ? await oauth.fetch(`${app.rs.origin}/socket`) : undefined
      const refused = await Promise.all([failure(oauth.login()), failure(oauth.logout())])
      const said = { userId: oauth.userId, api: reply?.status, refused: refused.map(({ code }) => code) }
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\n${JSON.stringify(said)}`,
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
    const headers = { connection: 'Upgrade', upgrade: 'test', ...(cookie === undefined ? {} : { cookie }) }
    const client = request({ host: '127.0.0.1', port, headers })
    return new Promise((resolve, reject) => {
      client.on('error', reject)
      client.on('upgrade', async (_response, socket, head) => {
        const chunks: Uint8Array[] = [head]
        for await (const chunk of socket) chunks.push(chunk as Uint8Array)
        resolve(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
      })
      client.end()
    })
  }

  it('knows who opens a WebSocket, and answers nothing', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn('Ada')
    const cookie = `${sessionCookieName(app)}=${sessionCookieOf(app, browser)}`
    const refused = ['not_supported', 'not_supported']
    expect(await upgraded(app, cookie)).toEqual({ userId: ada, api: 200, refused })
    expect(await upgraded(app, undefined)).toEqual({ refused })
    await browser.post(`${app.origin}/logout`)
    expect(await upgraded(app, cookie)).toEqual({ refused })
  })
})

describe('importAccount()', () => {
  const imported = (app: AccountsApp, tokens: ReturnType<AccountsApp['other']['tokens']>, userId = ada) =>
    authOf(app).importAccount({ userId, provider: 'other', tokens })

  it('keeps an account by its expired tokens, which twenty calls refresh once', async () => {
    const app = await startAccountsApp({ options: keeping })
    app.other.policy.reuseKillsFamily = true
    const tokens = app.other.tokens('grace', { scope: ['basic'], expired: true })
    await Promise.all(Array.from({ length: 20 }, () => imported(app, tokens)))
    expect(app.other.mints.refresh_token).toBe(1)
    expect([await kept(app), await jobOf(app)]).toEqual([['other:user-grace'], { sub: 'user-grace' }])
    await imported(app, tokens)
    await app.clock.advance(3_700)
    expect(await jobOf(app)).toEqual({ sub: 'user-grace' })
    expect(app.other.liveFor('user-grace')).toMatchObject({
      generation: 2,
      familyRevoked: false,
      revoked: false,
    })
    expect((await accountsOf(app, await app.signedIn('Ada'))).accounts).toEqual([
      'example:user-ada',
      'other:user-grace',
    ])
  })

  it('loses nothing when userinfo fails after the rotation', async () => {
    const app = await startAccountsApp({ options: keeping })
    app.other.policy.reuseKillsFamily = true
    const tokens = app.other.tokens('grace', { scope: ['basic'], expired: true })
    app.other.faults.always('userinfo', { status: 503 })
    for (let call = 0; call < 3; call += 1) {
      expect(await failure(imported(app, tokens))).toMatchObject({ code: 'as_unavailable' })
    }
    app.other.faults.clear()
    await imported(app, tokens)
    expect(app.other.mints.refresh_token).toBe(1)
    expect(await jobOf(app)).toEqual({ sub: 'user-grace' })
  })

  it('says that dead tokens are dead, and that another user keeps the account', async () => {
    const { app } = await startLinked({ options: keeping })
    const before = app.other.liveFor('user-grace')
    const theirs = app.other.tokens('grace', { scope: ['basic'] })
    expect(await failure(imported(app, theirs, 'another user'))).toMatchObject({ code: 'account_in_use' })
    expect([await kept(app, 'another user'), app.other.live(before?.grantId ?? '')]).toEqual([
      undefined,
      before,
    ])
    const dead = app.other.tokens('linus', { expired: true })
    app.other.killRefreshToken('user-linus')
    expect(await failure(imported(app, dead))).toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
    expect(await kept(app)).toEqual(['example:user-ada', 'other:user-grace'])
  })
})

describe('a configuration that changes while accounts are kept', () => {
  it.each([
    ['off', keeping, {}],
    ['on', {}, keeping],
  ])(
    'lets sessions go on when keepAccounts is turned %s, and every account ends as its owner does',
    async (_, first, then) => {
      const servers = await startAccountServers()
      const store = memoryStore({ clock: servers.clock })
      const secret = 'kD7-kept-Qm2vX9tRz5wLp8Bn3Ys6Hc4Jf1Ga'
      const common = { store, secret, signIn: { cookieName: 'same' } }
      const before = await startAccountsApp({ servers, options: { ...first, ...common } })
      const browser = await before.signedIn('Ada')
      await link(before, browser, 'Grace')
      const after = await startAccountsApp({ servers, options: { ...then, ...common } })
      const value = browser.cookies.all.find(({ name }) => name.startsWith('same'))?.value ?? ''
      browser.cookies.plant({ name: `same-${new URL(after.origin).port}`, value, host: '127.0.0.1' })
      expect(await accountsOf(after, browser)).toEqual(adaAndGrace)
      for (const path of ['/me', '/api/other'])
        expect((await browser.get(after.origin + path)).status).toBe(200)
      await browser.post(`${after.origin}/logout`)
      const wasKept = first === keeping
      expect(servers.other.liveFor('user-grace')).toMatchObject({ revoked: !wasKept })
      expect(await kept(after)).toEqual(wasKept ? adaAndGrace.accounts : undefined)
      if (!wasKept) return
      // What was kept once can still be disconnected.
      const user = await authOf(after).user(ada)
      await user?.account('other').disconnect()
      expect(servers.other.liveFor('user-grace')).toMatchObject({ revoked: true })
      expect(await kept(after)).toEqual(['example:user-ada'])
    },
  )
})
