import { createHash } from 'node:crypto'
import type { PageResponse, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import {
  type AccountsApp,
  accountsOf,
  keeping,
  link,
  pressContinue,
  startAccountsApp,
} from './accounts-app.fixture.ts'
import { sessionCookieOf, userOf } from './cookie-requests.fixture.ts'
import { expectRefused, locationOf, reasons } from './login-steps.fixture.ts'

/** What a fetch of the app's own script sends. */
const script = {
  accept: 'application/json',
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  'sec-fetch-site': 'same-origin',
}

/** The scopes that the authorization server was asked for, oldest first. */
function asked({ as }: AccountsApp): readonly (string | null)[] {
  return as.requests.filter(({ endpoint }) => endpoint === 'authorize').map(({ query }) => query.get('scope'))
}

/** Begins a consent and stops with the callback URL that the browser would open next. */
async function beginConsent(
  app: AccountsApp,
  browser: UserAgent,
  as: string,
  scope = 'write',
): Promise<string> {
  const consent = await browser.get(`${app.origin}/ask/example/${scope}`)
  return locationOf(await browser.submit(consent, { button: as, redirect: 'manual' }))
}

describe('a consent', () => {
  it('asks for what was granted and what is wanted, and comes back to the same address', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const page = await browser.signIn(`${app.origin}/needs/example/write?a=1&b=%2F`, { as: 'Ada' })
    expect([page.status, page.url]).toEqual([200, `${app.origin}/needs/example/write?a=1&b=%2F`])
    expect(JSON.parse(page.text)).toEqual(['read', 'write'])
    await browser.signIn(`${app.origin}/needs/example/admin`, { as: 'Ada' })
    expect(asked(app)).toEqual(['read', 'read write', 'read write admin'])
  })

  it('is what login({ provider, scope }) is for somebody who is signed in there', async () => {
    const app = await startAccountsApp()
    const events: unknown[] = []
    app.auth.events.on('link', (event) => events.push(event))
    const browser = await app.signedIn()
    await link(app, browser, 'Grace')
    const page = await browser.signIn(`${app.origin}/ask/example/write`, { as: 'Ada' })
    expect(page.url).toBe(`${app.origin}/accounts`)
    expect(await accountsOf(app, browser)).toEqual({
      userId: 'example:user-ada',
      user: 'user-ada',
      accounts: ['example:user-ada', 'other:user-grace'],
    })
    expect(asked(app)).toEqual(['read', 'read write'])
    expect(events.at(-1)).toEqual({
      provider: 'example',
      accountId: 'user-ada',
      userId: 'example:user-ada',
      isNew: false,
    })
  })

  it('leaves the old cookie dead, the old tokens revoked, and everything else as it is', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const before = sessionCookieOf(app, browser)
    await browser.signIn(`${app.origin}/ask/example/write`, { as: 'Ada' })
    const after = sessionCookieOf(app, browser)
    expect([await userOf(app, before), await userOf(app, after)]).toEqual([null, 'user-ada'])
    expect(after.split('.')[0] === before.split('.')[0], 'the locator').toBe(true)
    await expect.poll(() => app.as.grants().map(({ revoked }) => revoked)).toEqual([true, false])
    expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
  })

  it('that is denied leads back, and nobody is signed out', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const cookie = sessionCookieOf(app, browser)
    const address = `${app.origin}/needs/example/write?a=1`
    const page = await browser.signIn(address, { deny: true })
    expectRefused(page, 403)
    expect(sessionCookieOf(app, browser) === cookie, 'the cookie').toBe(true)
    expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
    // Back at the page that needs it there is a button, and no way round and round.
    const again = await browser.click(page, 'Go back')
    expect([again.status, again.url]).toEqual([403, address])
    const consent = await pressContinue(browser, again, 'example')
    expect((await browser.submit(consent, { button: 'Ada' })).url).toBe(address)
  })

  it('that brings less leaves the account usable, and says what is missing', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    app.as.policy.grantedScope = (requested) => requested.filter((item) => item !== 'write')
    const page = await browser.signIn(`${app.origin}/needs/example/write`, { as: 'Ada' })
    expect(page.status).toBe(403)
    const oauth = await app.oauthOf(browser)
    expect(await oauth.accounts[0]?.missingScopes('write', 'read')).toEqual(['write'])
    expect((await browser.get(`${app.origin}/me`)).status).toBe(200)
  })
})

describe.each([
  ['that ends with its session', {}, {}],
  ['that its user keeps', keeping, {}],
  ['of a server that keeps one token set alive', {}, { exclusive: true }],
  ['of such a server that its user keeps', keeping, { exclusive: true }],
])('an account %s', (_, options, provider) => {
  const start = () => startAccountsApp({ options, provider, server: provider })

  it('is not changed when another one answers its consent', async () => {
    const app = await start()
    const browser = await app.signedIn('Ada')
    const cookie = sessionCookieOf(app, browser)
    const before = app.as.liveFor('user-ada')
    const page = await browser.get(await beginConsent(app, browser, 'Linus'))
    expectRefused(page, 403)
    expect(page.text).toContain('This is another account')
    expect(sessionCookieOf(app, browser) === cookie, 'the cookie').toBe(true)
    expect(await accountsOf(app, browser)).toMatchObject({ user: 'user-ada', accounts: ['example:user-ada'] })
    expect(app.as.liveFor('user-ada')).toEqual(before)
    expect((await browser.get(`${app.origin}/needs/example/read`)).text).toBe('["read"]')
    await expect.poll(() => app.as.liveFor('user-linus')?.revoked).toBe(true)
    expect(await app.auth.user('example:user-linus')).toBeUndefined()
    expect((await browser.click(page, 'Go back')).url).toBe(`${app.origin}/accounts`)
  })

  it('is authorized anew when the server has ended it, on the way to the same address', async () => {
    const app = await start()
    const browser = await app.signedIn('Ada')
    await browser.signIn(`${app.origin}/ask/example/write`, { as: 'Ada' })
    await app.clock.advance(120)
    app.as.revokeGrant(app.as.liveFor('user-ada')?.grantId ?? '')
    const address = `${app.origin}/me?tab=2`
    const going = browser.signIn(address, { as: 'Ada' })
    await passing(app, going)
    const page = await going
    expect([page.status, page.url]).toEqual([200, address])
    expect(JSON.parse(page.text)).toMatchObject({ user: 'user-ada' })
    expect(asked(app).at(-1)).toBe('read write')
    expect(await accountsOf(app, browser)).toMatchObject({ accounts: ['example:user-ada'] })
    expect(app.as.liveFor('user-ada')).toMatchObject({ revoked: false, scope: ['read', 'write'] })
  })
})

/** Lets time pass until it is done: a dead token set of an exclusive server is believed after three seconds. */
async function passing({ clock }: AccountsApp, work: Promise<unknown>): Promise<void> {
  let isDone = false
  void work.finally(() => {
    isDone = true
  })
  while (!isDone) await clock.advance(0.2)
}

describe('a consent that comes too late', () => {
  it.each([
    ['signed out', async (app: AccountsApp, browser: UserAgent) => browser.post(`${app.origin}/logout`)],
    [
      'left the browser to another user',
      async (app: AccountsApp, browser: UserAgent) =>
        browser.signIn(`${app.origin}/login/example`, { as: 'Grace' }),
    ],
    [
      'disconnected the account',
      async (app: AccountsApp, browser: UserAgent) => browser.post(`${app.origin}/disconnect/example`),
    ],
  ])('redeems no code when its user has %s', async (_, meanwhile) => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const answer = await beginConsent(app, browser, 'Ada')
    await meanwhile(app, browser)
    const [before, redeemed] = [await accountsOf(app, browser), app.as.mints.authorization_code]
    expectRefused(await browser.get(answer))
    expect([app.as.mints.authorization_code, reasons(app)]).toEqual([redeemed, ['session_changed']])
    expect(await accountsOf(app, browser)).toEqual(before)
  })

  it('case 37: brings no account back that is disconnected while the code is redeemed', async () => {
    const app = await startAccountsApp({ options: keeping })
    const browser = await app.signedIn()
    const answer = await beginConsent(app, browser, 'Ada')
    const hold = app.as.faults.hold('token', { at: 'afterCommit' })
    const callback = browser.clone().get(answer)
    await hold.arrived
    await browser.post(`${app.origin}/disconnect/example`)
    hold.release()
    expectRefused(await callback, 401)
    expect(await accountsOf(app, browser)).toMatchObject({ user: 'user-ada', accounts: [] })
    expect((await app.auth.user('example:user-ada'))?.accounts).toEqual([])
    await expect.poll(() => app.as.grants().map(({ revoked }) => revoked)).toEqual([true, true])
  })
})

describe('a guard', () => {
  it('sends a browser once a minute for the same scope, then shows a page with a button, and never a loop', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    app.as.policy.autoApprove = 'user-ada'
    app.as.policy.grantedScope = (requested) => requested.filter((item) => item !== 'write')
    const address = `${app.origin}/needs/example/write`
    for (let minute = 1; minute <= 3; minute += 1) {
      for (let reload = 0; reload < 20; reload += 1) {
        const page = await browser.get(address)
        expect([page.status, page.url]).toEqual([403, address])
        expect(page.text).toContain('Continue to example')
        await app.clock.advance(2)
      }
      expect(app.as.calls.authorize).toBe(1 + minute)
      await app.clock.advance(30)
    }
    // Whoever presses the button is sent, as often as they like.
    for (let press = 1; press <= 2; press += 1) {
      const page = await browser.submit(await browser.get(address), { button: 'Continue to example' })
      expect([page.status, page.url]).toEqual([403, address])
      expect(app.as.calls.authorize).toBeGreaterThanOrEqual(4 + press)
    }
  })

  it('sends a browser once a minute for a grant that ends at once, however often it is authorized', async () => {
    const server = { accessTokenLifetimeSeconds: 2, policy: { refreshTokens: 'never' } } as const
    const app = await startAccountsApp({ server })
    const browser = await app.signedIn()
    app.as.policy.autoApprove = 'user-ada'
    await app.clock.advance(70)
    const statuses: number[] = []
    for (let reload = 0; reload < 20; reload += 1) {
      const page = await browser.get(`${app.origin}/me`)
      statuses.push(page.status)
      if (page.status === 401) expect(page.text).toContain('Continue to example')
      await app.clock.advance(2.8)
    }
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)])
    expect(app.as.calls.authorize).toBe(2)
  })

  it('sends one of twenty tabs that come at once', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const tabs = Array.from({ length: 20 }, () =>
      browser.clone().get(`${app.origin}/needs/example/write`, { redirect: 'manual' }),
    )
    const statuses = (await Promise.all(tabs)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 303)).toHaveLength(1)
    expect(statuses.filter((status) => status === 403)).toHaveLength(19)
  })

  it('sends for each scope and each session apart', async () => {
    const app = await startAccountsApp()
    const [first, second] = [await app.signedIn(), await app.signedIn()]
    const sent: number[] = []
    for (const browser of [first, first, second]) {
      for (const scope of ['write', 'admin']) {
        sent.push((await browser.get(`${app.origin}/needs/example/${scope}`, { redirect: 'manual' })).status)
      }
    }
    expect(sent).toEqual([303, 303, 403, 403, 303, 303])
  })

  it('leads somebody who is signed in elsewhere to a link, and on to the page they wanted', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const address = `${app.origin}/needs/other/extra?a=1`
    const page = await browser.get(address)
    expect([page.status, new URL(page.url).pathname]).toEqual([200, '/login/other/link'])
    const consent = await pressContinue(browser, page)
    const arrived = await browser.submit(consent, { button: 'Grace' })
    expect([arrived.url, arrived.text]).toEqual([address, '["basic","extra"]'])
    expect(await accountsOf(app, browser)).toMatchObject({
      accounts: ['example:user-ada', 'other:user-grace'],
    })
  })

  it.each([
    ['more scope', 'needs/example/write', 403, 'example', 'Ada'],
    ['an account', 'needs/other', 401, 'other', 'Grace'],
  ])('tells a script that needs %s where to go, and that works', async (_, path, status, provider, as) => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    for (const method of ['get', 'post'] as const) {
      const answer =
        method === 'get'
          ? await browser.get(`${app.origin}/${path}`, { headers: script })
          : await browser.post(`${app.origin}/${path}`, {}, { headers: script })
      expect([answer.status, answer.headers['content-type']]).toEqual([
        status,
        'application/problem+json; charset=utf-8',
      ])
      const problem = JSON.parse(answer.text) as { login: string; provider: string } // RFC 9457
      expect(problem).toMatchObject({
        provider,
        login: expect.stringMatching(/^\/login\/\w+\/(consent|link)\?t=/),
      })
      if (method === 'get') continue
      const page = await browser.get(app.origin + problem.login, { from: `${app.origin}/accounts` })
      const consent = await pressContinue(browser, page, provider)
      await browser.submit(consent, { button: as })
    }
    expect((await browser.get(`${app.origin}/${path}`, { headers: script })).status).toBe(200)
  })

  it('says which option to change when it needs more scope than a login can carry', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    // Much alike, scopes are packed; these are not.
    const long = Array.from({ length: 8 }, (_, index) =>
      createHash('sha256').update(`${index}`).digest('hex'),
    )
    const page = await browser.get(`${app.origin}/needs/example/${long.join('.')}`)
    expect([page.status, page.text]).toEqual([500, expect.stringMatching(/provider(&#39;|')s scope option/)])
  })

  it('shows a person who sent a form the page with the button, and begins nothing by itself', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const page = await browser.post(`${app.origin}/needs/example/write`)
    expect([page.status, page.url]).toEqual([403, `${app.origin}/needs/example/write`])
    expect(app.as.calls.authorize).toBe(1)
    const consent = await pressContinue(browser, page, 'example')
    expect((await browser.submit(consent, { button: 'Ada' })).url).toBe(`${app.origin}/`)
    expect((await browser.post(`${app.origin}/needs/example/write`)).status).toBe(200)
  })
})

describe('a ticket', () => {
  it('case 28: is nothing else, and nothing else is a ticket', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const ticket = new URL((await browser.get(`${app.origin}/needs/other`)).url).searchParams.get('t') ?? ''
    await browser.get(`${app.origin}/login/example`, { redirect: 'manual' })
    const pending = browser.cookies.all.find(({ name }) => name.startsWith('lk.t'))
    const others = [pending?.value, sessionCookieOf(app, browser), 'x'.repeat(5_000), '']
    for (const value of others) {
      const page: PageResponse = await browser.get(`${app.origin}/login/other/link?t=${value}`)
      expectRefused(page)
      expect(page.text).not.toContain('x'.repeat(100))
    }
    browser.cookies.plant({ name: pending?.name ?? '', value: ticket, host: '127.0.0.1' })
    const state = 'a'.repeat(43)
    expectRefused(await browser.get(`${app.origin}/callback/example?code=a&state=${state}`))
    expectRefused(await browser.get(`${app.origin}/login/other/consent?t=${ticket}`))
    expectRefused(await browser.get(`${app.origin}/login/third/link?t=${ticket}`))
    expect((await browser.get(`${app.origin}/login/other/link?t=${ticket}`)).status).toBe(200)
  })
})
