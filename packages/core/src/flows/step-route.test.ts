import { describe, expect, it } from 'vitest'
import { type Browser, FlowsFixture, navigation, ownForm } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

async function signedIn(fixture = new FlowsFixture()): Promise<{ fixture: FlowsFixture; browser: Browser }> {
  const browser = fixture.browser()
  await browser.signIn()
  return { fixture, browser }
}

/** Where the button of a page leads. */
function actionOf({ body }: Reply): string {
  const [, action = ''] = /<form method="post" action="([^"]+)"><button class="primary">/.exec(body) ?? []
  return action.replaceAll('&amp;', '&')
}

/** Where a page leads by itself. */
function leadsTo({ body }: Reply): URL {
  const [, url = ''] = /http-equiv="refresh" content="0; url=([^"]+)"/.exec(body) ?? []
  return new URL(url.replaceAll('&amp;', '&'))
}

describe('GET /login/:provider/link', () => {
  it('shows a page with a button, and changes nothing', async () => {
    const { fixture, browser } = await signedIn()
    const before = (await browser.session())?.version
    fixture.watched.commands.length = 0
    const reply = await browser.get('/login/other/link?returnTo=%2Fsettings')
    expect([reply.status, reply.setCookies]).toEqual([200, []])
    expect(reply.body).toContain('Add your Other account')
    expect(reply.body).toContain('Continue to Other')
    expect(actionOf(reply)).toMatch(/^\/login\/other\/link\?t=[\w-]+$/)
    expect(reply.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(fixture.watched.names).toEqual(['sessions.read'])
    expect((await browser.session())?.version).toBe(before)
    expect(fixture.clients[1]?.requests).toEqual([])
  })

  it('leads to a sign-in when nobody is signed in', async () => {
    const { headers, status } = await new FlowsFixture()
      .browser()
      .get('/login/other/link?returnTo=%2Fsettings')
    expect([status, headers.location]).toEqual([303, '/login/other?returnTo=%2Fsettings'])
  })

  it('begins nothing for a guess, and shows nothing to what is no page', async () => {
    const { browser } = await signedIn()
    expect(
      (await browser.get('/login/other/link', { ...navigation, 'sec-purpose': 'prefetch' })).status,
    ).toBe(204)
    for (const destination of ['image', 'iframe', 'empty', 'script']) {
      const reply = await browser.get('/login/other/link', { ...navigation, 'sec-fetch-dest': destination })
      expect([destination, reply.status]).toEqual([destination, 403])
    }
  })

  it('moves to baseUrl first, where the cookies are', async () => {
    const { browser } = await signedIn()
    const reply = await browser.get('/login/other/link', { ...navigation, host: 'localhost' })
    expect(reply.headers.location).toBe('https://app.example/login/other/link?latchkey-host=1')
  })

  it('is no place to return to', async () => {
    const { browser } = await signedIn()
    const page = await browser.get('/login/other/link?returnTo=%2Flogin%2Fother%2Flink')
    const reply = await browser.get(`${await answerTo(browser, actionOf(page))}&code=code`)
    expect(reply.headers.location).toBe('/')
  })

  it.each(['HEAD', 'PUT', 'DELETE'])('takes no %s', async (method) => {
    const { browser } = await signedIn()
    const reply = await browser.send({
      method,
      url: '/login/other/link',
      headers: { ...ownForm, cookie: browser.cookie },
      native: undefined,
      ready: async () => {},
      readBody: async () => '',
    })
    expect([reply.status, reply.headers.allow]).toEqual([405, 'GET, POST'])
  })
})

/** Presses a button; the callback path with its state. */
async function answerTo(browser: Browser, action: string): Promise<string> {
  const url = leadsTo(await browser.post(action))
  return `/callback/other?state=${url.searchParams.get('state')}`
}

describe('POST /login/:provider/link', () => {
  it.each([
    ['without any proof', { 'sec-fetch-site': undefined, origin: undefined }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sub-domain', { 'sec-fetch-site': 'same-site' }],
    ['by no page', { 'sec-fetch-site': 'none' }],
    ['from another origin', { 'sec-fetch-site': undefined, origin: 'https://evil.example' }],
    ['from a sandbox', { 'sec-fetch-site': undefined, origin: 'null' }],
    [
      'with a proof that contradicts itself',
      { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' },
    ],
  ])('case 35: begins nothing %s', async (_, headers) => {
    const { fixture, browser } = await signedIn()
    fixture.watched.commands.length = 0
    const reply = await browser.post('/login/other/link', { ...ownForm, ...headers })
    expect([reply.status, reply.setCookies]).toEqual([403, []])
    expect(reply.body).toContain('This request was refused')
    expect([fixture.watched.names, fixture.clients[1]?.requests]).toEqual([[], []])
  })

  it('is answered by a page that leads on, because form-action would stop a redirect', async () => {
    const { fixture, browser } = await signedIn()
    const reply = await browser.post('/login/other/link')
    expect(reply.status).toBe(200)
    expect(leadsTo(reply).origin).toBe('https://other.example')
    expect(reply.setCookies).toEqual([expect.stringMatching(/^__Host-lk\.t\./)])
    expect(fixture.clients[1]?.requests).toMatchObject([{ scope: ['read'] }])
  })

  it('tells a script where to go', async () => {
    const { browser } = await signedIn()
    const script = {
      ...ownForm,
      accept: 'application/json',
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
    }
    const reply = await browser.post('/login/other/link', script)
    const { location } = JSON.parse(reply.body) as { location: string }
    expect([reply.status, new URL(location).origin]).toEqual([200, 'https://other.example'])
  })

  it('takes a proof by Origin from a browser that sends no Sec-Fetch-Site', async () => {
    const { browser } = await signedIn()
    const reply = await browser.post('/login/other/link', { ...ownForm, 'sec-fetch-site': undefined })
    expect(leadsTo(reply).origin).toBe('https://other.example')
  })

  it('goes on to a sign-in when its user has signed out meanwhile', async () => {
    const { browser } = await signedIn()
    const action = actionOf(await browser.get('/login/other/link'))
    await browser.post('/logout')
    const reply = await browser.post(action)
    expect([reply.status, reply.headers.location]).toEqual([303, '/login/other?returnTo=%2F'])
  })

  it('refuses the page of another session, and of another user of the same browser', async () => {
    const { fixture, browser } = await signedIn()
    const action = actionOf(await browser.get('/login/other/link'))
    const elsewhere = fixture.browser()
    await elsewhere.signIn()
    fixture.client.person = { id: 'grace' }
    await browser.signIn()
    for (const each of [elsewhere, browser]) {
      const reply = await each.post(action)
      expect([reply.status, reply.setCookies]).toEqual([400, []])
    }
    expect(fixture.clients[1]?.requests).toEqual([])
  })

  it('serves a provider that is only known when asked for', async () => {
    const { fixture, browser } = await signedIn()
    fixture.resolvable.push(new ScriptedSignInClient('tenant'))
    const page = await browser.get('/login/tenant/link')
    expect(page.body).toContain('Add your Tenant account')
    expect(leadsTo(await browser.post(actionOf(page))).origin).toBe('https://tenant.example')
    expect((await fixture.flows().route({ ...bare, url: '/login/unknown/link' }))?.status).toBeUndefined()
  })
})

const bare = {
  method: 'GET',
  headers: navigation,
  native: undefined,
  ready: async () => {},
  readBody: async () => '',
}

describe('/login/:provider/consent without what code asked for', () => {
  it('is a link where the session has no account there', async () => {
    const { browser } = await signedIn()
    expect(actionOf(await browser.get('/login/other/consent'))).toMatch(/^\/login\/other\/link\?t=/)
  })

  it('is about the account that signed in, not about another one there', async () => {
    const { fixture, browser } = await signedIn()
    fixture.client.person = { id: 'grace' }
    await browser.link('example')
    const reply = await browser.get(await browser.beginStep('consent', 'example'))
    expect([reply.status, reply.body]).toEqual([403, expect.stringContaining('This is another account')])
  })

  it('asks for the account of another client configuration by a link, which replaces it', async () => {
    const { fixture, browser } = await signedIn()
    fixture.client.identity = () => 'https://example.example another client'
    const page = await browser.get('/login/example/consent')
    expect(actionOf(page)).toMatch(/^\/login\/example\/link\?t=/)
    expect((await browser.link('example')).status).toBe(303)
    const session = await browser.session()
    expect(session?.record.accounts.map(({ id }) => id)).toEqual(['ada'])
  })
})
