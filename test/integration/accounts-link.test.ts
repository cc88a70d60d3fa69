import { oauth2 } from '@latchkey/express'
import type { PageResponse, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import {
  type AccountsApp,
  accountsOf,
  beginLink,
  keeping,
  link,
  pressContinue,
  startAccountServers,
  startAccountsApp,
} from './accounts-app.fixture.ts'
import { sessionCookieOf, userOf } from './cookie-requests.fixture.ts'
import { GatedStore } from './gated-store.fixture.ts'
import { expectRefused, reasons } from './login-steps.fixture.ts'
import { failure } from './signed-in.fixture.ts'
import { probedStore } from './store-probe.fixture.ts'

const adaAndGrace = {
  userId: 'example:user-ada',
  user: 'user-ada',
  accounts: ['example:user-ada', 'other:user-grace'],
}

/** Refuses to link, and changes nothing: the same cookie, the same accounts. */
async function expectNotLinked(
  app: AccountsApp,
  browser: UserAgent,
  act: () => Promise<PageResponse>,
): Promise<void> {
  const [before, cookie] = [await accountsOf(app, browser), browser.cookies.all]
  const page = await act()
  expectRefused(page, page.status)
  expect(page.status).toBeGreaterThanOrEqual(400)
  expect(await accountsOf(app, browser)).toEqual(before)
  const ours = (all: typeof cookie) =>
    all.filter(({ name }) => name.startsWith('latchkey')).map(({ value }) => value)
  expect(ours(browser.cookies.all).join() === ours(cookie).join(), 'the sign-in cookie').toBe(true)
}

describe('a link', () => {
  it('adds an account to the session, of which each API gets its own token', async () => {
    const app = await startAccountsApp()
    const linked: unknown[] = []
    app.auth.events.on('link', (event) => linked.push(event))
    const browser = await app.signedIn()
    const page = await link(app, browser, 'Grace')
    expect([page.status, page.url]).toEqual([200, `${app.origin}/accounts`])
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect((await browser.get(`${app.origin}/api/example`)).text).toContain('user-ada')
    expect(linked).toEqual([
      { provider: 'other', accountId: 'user-grace', userId: 'example:user-ada', isNew: true },
    ])
  })

  it('begins with a page that changes nothing, however often it is opened', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const cookies = JSON.stringify(browser.cookies.all)
    for (const path of ['/link/other', '/login/other/link', '/link/other']) {
      const page = await browser.get(app.origin + path)
      expect([page.status, page.text.includes('Continue to other')]).toEqual([200, true])
    }
    expect(JSON.stringify(browser.cookies.all) === cookies, 'the cookies').toBe(true)
    expect(app.other.calls.authorize).toBe(0)
  })

  it.each([
    ['by no page', { 'sec-fetch-site': 'none' }],
    ['by another site', { 'sec-fetch-site': 'cross-site' }],
    ['by an old browser from another site', { 'sec-fetch-site': undefined, origin: 'http://evil.example' }],
    ['without any proof', { 'sec-fetch-site': undefined, origin: undefined }],
  ])('case 35: is not begun by a form that was sent %s', async (_, headers) => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const [, action] = /action="([^"]+)"/.exec((await browser.get(`${app.origin}/link/other`)).text) ?? []
    for (const path of ['/link/other', '/login/other/link', action ?? '']) {
      const page = await browser.post(app.origin + path, {}, { headers, redirect: 'manual' })
      expect([path, page.status, page.setCookies]).toEqual([path, 403, []])
    }
    expect(app.other.calls.authorize).toBe(0)
  })

  it('leaves user, user id and locator as they are, under a new secret: the old cookie is dead in that step', async () => {
    const servers = await startAccountServers()
    const probe = probedStore(servers.clock)
    const app = await startAccountsApp({ servers, options: { store: probe.store } })
    const browser = await app.signedIn()
    const before = sessionCookieOf(app, browser)
    const answer = await beginLink(app, browser, 'Grace')
    probe.newCommands()
    await browser.get(answer, { redirect: 'manual' })
    expect(probe.newCommands().filter((name) => name === 'sessions.write')).toHaveLength(1)
    const after = sessionCookieOf(app, browser)
    expect(after.split('.')[0] === before.split('.')[0], 'the locator').toBe(true)
    expect([await userOf(app, before), await userOf(app, after)]).toEqual([null, 'user-ada'])
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
  })

  it('leads to its returnTo again when its callback is repeated, with and without its cookie', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const answer = await beginLink(app, browser, 'Grace')
    const pending = browser.cookies.all.filter(({ name }) => name.startsWith('lk.t'))
    await browser.get(answer)
    const repeated = await browser.get(answer, { redirect: 'manual' })
    for (const { name, value } of pending) browser.cookies.plant({ name, value, host: '127.0.0.1' })
    const again = await browser.get(answer, { redirect: 'manual' })
    expect([repeated, again].map(({ status, location }) => [status, location])).toEqual([
      [303, '/accounts'],
      [303, '/accounts'],
    ])
    expect(app.other.calls.token).toBe(1)
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
  })

  it('of an account that is there replaces its grant', async () => {
    const app = await startAccountsApp()
    const isNew: boolean[] = []
    app.auth.events.on('link', (event) => isNew.push(event.isNew))
    const browser = await app.signedIn()
    await link(app, browser, 'Grace')
    await link(app, browser, 'Grace')
    expect(await accountsOf(app, browser)).toEqual(adaAndGrace)
    await expect.poll(() => app.other.grants().map(({ revoked }) => revoked)).toEqual([true, false])
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect(isNew).toEqual([true, false])
  })

  it('can add a second account of one provider, and then code must say which', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    for (const name of ['Grace', 'Linus']) await link(app, browser, name)
    for (const id of ['user-grace', 'user-linus']) {
      expect((await browser.get(`${app.origin}/api/other/${id}`)).text).toContain(id)
    }
    expect((await browser.get(`${app.origin}/api/other`)).status).toBe(500)
    const oauth = await app.oauthOf(browser)
    const ambiguous = { code: 'account_ambiguous' }
    expect(await failure(oauth.fetch(`${app.otherApi.origin}/me`))).toMatchObject(ambiguous)
    expect(app.errors).toEqual([expect.objectContaining(ambiguous)])
  })

  it('of another account of the provider that signed in leaves the API to the one that did', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const page = await pressContinue(browser, await browser.get(`${app.origin}/link/example`), 'example')
    await browser.submit(page, { button: 'Linus' })
    expect(await accountsOf(app, browser)).toMatchObject({
      user: 'user-ada',
      accounts: ['example:user-ada', 'example:user-linus'],
    })
    expect((await browser.get(`${app.origin}/me`)).text).toContain('user-ada')
    expect((await browser.get(`${app.origin}/api/example/user-linus`)).text).toContain('user-linus')
    await browser.post(`${app.origin}/logout`)
    for (const id of ['user-ada', 'user-linus']) expect(app.as.liveFor(id)).toMatchObject({ revoked: true })
  })

  it('is a sign-in for somebody who is signed in nowhere', async () => {
    const app = await startAccountsApp()
    const page = await app.browser.signIn(`${app.origin}/link/other`, { as: 'Grace' })
    expect(page.url).toBe(`${app.origin}/accounts`)
    expect(await accountsOf(app, app.browser)).toEqual({
      userId: 'other:user-grace',
      user: 'user-grace',
      accounts: ['other:user-grace'],
    })
  })

  it('says no when the user does, and leads back', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const consent = await pressContinue(browser, await browser.get(`${app.origin}/link/other`))
    let denied: PageResponse | undefined
    await expectNotLinked(
      app,
      browser,
      async () => (denied = await browser.submit(consent, { button: 'Cancel' })),
    )
    expect(denied?.status).toBe(403)
    const back = denied && (await browser.click(denied, 'Go back'))
    expect(back?.url).toBe(`${app.origin}/accounts`)
    expect(app.other.calls.token).toBe(0)
  })

  it('to a provider that nobody knows is the program’s fault, and no address of ours', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    expect((await browser.get(`${app.origin}/link/unknown`)).status).toBe(500)
    expect(app.errors).toEqual([expect.objectContaining({ code: 'invalid_options' })])
    for (const path of ['/login/unknown/link', '/login/other/link/x', '/login/other/unlink', '/login/link']) {
      expect([path, (await browser.get(app.origin + path)).status]).toEqual([path, 404])
    }
  })

  it('reaches a provider that is only known when asked for', async () => {
    const servers = await startAccountServers()
    const { endpoints } = servers.other
    const tenant = oauth2({
      id: 'tenant',
      clientId: 'other-client',
      clientSecret: 'other-client-secret',
      authorizationEndpoint: endpoints.authorization,
      tokenEndpoint: endpoints.token,
      userinfo: endpoints.userinfo,
      resourceOrigins: [servers.otherApi.origin],
    })
    const resolveProvider = (id: string) => (id === 'tenant' ? (tenant as never) : undefined)
    const app = await startAccountsApp({ servers, options: { resolveProvider } })
    servers.other.registerRedirectUri(`${app.origin}/callback/tenant`, 'other-client')
    const browser = await app.signedIn()
    await link(app, browser, 'Grace', 'tenant')
    expect((await accountsOf(app, browser)).accounts).toEqual(['example:user-ada', 'tenant:user-grace'])
    expect((await browser.get(`${app.origin}/api/tenant`)).text).toContain('user-grace')
    expect((await browser.get(`${app.origin}/login/other2/link`)).status).toBe(404)
  })
})

describe.each([
  ['that end with it', {}],
  ['that their user keeps', keeping],
])('a session with accounts %s', (_, options) => {
  it.each([
    [
      'has signed out',
      async (app: AccountsApp, browser: UserAgent) => void (await browser.post(`${app.origin}/logout`)),
    ],
    [
      'has signed out and in again',
      async (app: AccountsApp, browser: UserAgent) => {
        await browser.post(`${app.origin}/logout`)
        await browser.signIn(`${app.origin}/login/example`, { as: 'Ada' })
      },
    ],
    [
      'has left the browser to another user',
      async (app: AccountsApp, browser: UserAgent) =>
        void (await browser.signIn(`${app.origin}/login/example`, { as: 'Linus' })),
    ],
  ])('gets no account by a link whose user %s: no code is redeemed', async (__, meanwhile) => {
    const app = await startAccountsApp({ options })
    const browser = await app.signedIn()
    const answer = await beginLink(app, browser, 'Grace')
    await meanwhile(app, browser)
    await expectNotLinked(app, browser, () => browser.get(answer))
    expect([app.other.calls.token, reasons(app)]).toEqual([0, ['session_changed']])
    expect(
      await app.auth.user('example:user-ada').then((user) => user?.accounts.map(({ id }) => id) ?? []),
    ).not.toContain('user-grace')
  })

  it.each([
    ['signs out', async (app: AccountsApp, browser: UserAgent) => browser.post(`${app.origin}/logout`)],
    [
      'leaves the browser to another user',
      async (app: AccountsApp, browser: UserAgent) =>
        browser.signIn(`${app.origin}/login/example`, { as: 'Linus' }),
    ],
    [
      'signs out everywhere',
      async (app: AccountsApp, browser: UserAgent) => browser.post(`${app.origin}/everywhere`),
    ],
  ])(
    'case 37: gets no account when its user %s while the code is redeemed; the tokens are revoked',
    async (__, meanwhile) => {
      const app = await startAccountsApp({ options })
      const browser = await app.signedIn()
      const answer = await beginLink(app, browser, 'Grace')
      const hold = app.other.faults.hold('token', { at: 'afterCommit' })
      const callback = browser.clone().get(answer, { redirect: 'manual' })
      await hold.arrived
      await meanwhile(app, browser)
      const before = await accountsOf(app, browser)
      hold.release()
      const page = await callback
      expectRefused(page, 401)
      expect(await accountsOf(app, browser)).toEqual(before)
      await expect.poll(() => app.other.liveFor('user-grace')?.revoked).toBe(true)
      const kept = await app.auth.user('example:user-ada')
      expect(kept?.accounts.map(({ id }) => id) ?? []).not.toContain('user-grace')
      // Nobody holds it: whoever comes next may have it.
      const linus = await app.signedIn('Linus')
      expect((await link(app, linus, 'Grace')).url).toBe(`${app.origin}/accounts`)
    },
  )

  it('keeps both accounts that two tabs link at once', async () => {
    const servers = await startAccountServers()
    const gated = new GatedStore(servers.clock)
    const app = await startAccountsApp({ servers, options: { ...options, store: gated.store } })
    const browser = await app.signedIn()
    const [slow, quick] = [
      await beginLink(app, browser, 'Grace'),
      await beginLink(app, browser, 'Linus', 'third'),
    ]
    const gate = gated.stop('sessions.write')
    const first = browser.clone().get(slow, { redirect: 'manual' })
    await gate.arrived
    // The other tab sends the old cookie too: both answers are on their way at the same time.
    const second = await browser.clone().get(quick, { redirect: 'manual' })
    gate.open()
    const last = await first
    expect([second.status, last.status]).toEqual([303, 303])
    for (const header of last.setCookies) browser.cookies.receive(header, new URL(app.origin))
    expect((await accountsOf(app, browser)).accounts).toEqual([
      'example:user-ada',
      'third:user-linus',
      'other:user-grace',
    ])
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect((await browser.get(`${app.origin}/api/third`)).text).toContain('user-linus')
    expect(app.other.grants().map(({ revoked }) => revoked)).toEqual([false, false])
  })

  it('keeps every account that six tabs link at once', async () => {
    const app = await startAccountsApp({ options })
    const browser = await app.signedIn()
    const answers: string[] = []
    for (const provider of ['other', 'third']) {
      for (const name of ['Ada', 'Grace', 'Linus'])
        answers.push(await beginLink(app, browser, name, provider))
    }
    const tabs = answers.map((answer) => browser.clone().get(answer, { redirect: 'manual' }))
    const pages = await Promise.all(tabs)
    const linked = pages.filter(({ status }) => status === 303)
    const newest = await Promise.all(
      linked.map(async ({ setCookies }) => {
        const [, value = ''] = /^latchkey-\d+=([^;]+)/.exec(setCookies[0] ?? '') ?? []
        return { setCookies, isAlive: (await userOf(app, value)) !== null }
      }),
    )
    const [alive, ...more] = newest.filter(({ isAlive }) => isAlive)
    expect(more).toEqual([])
    for (const header of alive?.setCookies ?? []) browser.cookies.receive(header, new URL(app.origin))
    const { accounts } = await accountsOf(app, browser)
    expect(accounts).toHaveLength(1 + linked.length)
    // Whoever came later than a new cookie is told to try again, and has left nothing behind.
    expect(app.other.grants().filter(({ revoked }) => !revoked)).toHaveLength(linked.length)
  })
})

describe('somebody else’s code', () => {
  it('case 2: links nothing: it is bound to the login that it was issued for', async () => {
    const servers = await startAccountServers()
    servers.other.policy.pkce = 'required'
    const app = await startAccountsApp({ servers })
    const victim = await app.signedIn('Ada')
    const answer = new URL(await beginLink(app, victim, 'Ada'))
    const attacker = await app.signedIn('Linus')
    const stolen = new URL(await beginLink(app, attacker, 'Linus'))
    // The attacker's whole answer, and the attacker's code in the victim's own login.
    await expectNotLinked(app, victim, () => victim.get(stolen))
    answer.searchParams.set('code', stolen.searchParams.get('code') ?? '')
    await expectNotLinked(app, victim, () => victim.get(answer))
    expect((await accountsOf(app, victim)).accounts).toEqual(['example:user-ada'])
  })
})
