import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { Browser, FlowsFixture, navigation, plainRequest } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

/** What every refusal looks like: a fixed page, nothing stored, nothing exchanged. */
function expectRefused(reply: Reply, status = 400): void {
  expect(reply.status).toBe(status)
  expect(reply.headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
  })
  expect(reply.appSession).toBeUndefined()
  expect(reply.setCookies.filter((cookie) => cookie.startsWith('__Host-latchkey'))).toEqual([])
}

function reasons({ log }: FlowsFixture): unknown[] {
  return log.about('callback.rejected').map((fields) => fields.reason)
}

describe('GET /callback/:provider', () => {
  it('signs in: session cookie, tokens in the vault, event, new app session, and on to returnTo', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    const reply = await browser.signIn('example', '?returnTo=%2Fme%3Fa%3D1')
    expect(reply).toMatchObject({ status: 303, body: '', appSession: 'renew' })
    expect(reply.headers).toEqual({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      location: '/me?a=1',
    })
    expect(reply.setCookies).toEqual([
      expect.stringMatching(/^__Host-latchkey=[\w-]{22}\.[\w-]{43}; Max-Age=2592000/),
      expect.stringMatching(/^__Host-lk\.t\.[^=]+=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ])
    const session = await browser.session()
    expect(session?.record).toMatchObject({ userId: 'example:ada', user: { provider: 'example', id: 'ada' } })
    const [account] = session?.record.accounts ?? []
    const ref = { slot: session?.locator ?? '', id: account?.grantId ?? '' }
    const grant = await fixture.vault.read({ ref })
    expect(grant).toMatchObject({ state: 'live', tokens: { accessToken: 'access of code' }, refreshCount: 0 })
    expect(fixture.emitted).toEqual([
      ['login', { provider: 'example', accountId: 'ada', userId: 'example:ada' }],
    ])
    expect([...browser.jar.keys()]).toEqual(['__Host-latchkey'])
  })

  it('exchanges the code with what the login was begun with', async () => {
    const fixture = new FlowsFixture()
    await fixture.browser().signIn()
    const [asked] = fixture.client.requests
    const [exchange] = fixture.client.exchanges
    expect(exchange).toEqual({
      code: 'code',
      redirectUri: 'https://app.example/callback/example',
      codeVerifier: asked?.codeVerifier,
      nonce: asked?.nonce,
      scope: ['read'],
    })
  })

  it('case 1: takes nothing for equal to nothing', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    const foreign = fixture.browser()
    const state = new URL(url, 'https://x').searchParams.get('state')
    expectRefused(await foreign.get('/callback/example?code=c'))
    expectRefused(await foreign.get('/callback/example?code=c&state='))
    expectRefused(await foreign.get(`/callback/example?code=c&state=${state}`))
    expectRefused(await browser.get('/callback/example?code=c'))
    expectRefused(await browser.get('/callback/example?code=c&state='))
    expectRefused(await browser.get('/callback/example?code=c&state=undefined'))
    expect(reasons(fixture)).toEqual(Array.from({ length: 6 }, () => 'no_transaction'))
    expect(fixture.client.exchanges).toEqual([])
    expect(fixture.watched.commands).toEqual([])
    expect((await browser.get(url)).status).toBe(303)
  })

  it("case 2: refuses the attacker's own finished flow in the victim's browser", async () => {
    const fixture = new FlowsFixture()
    const attacker = await begun(fixture)
    const victim = await begun(fixture)
    expectRefused(await victim.browser.get(attacker.url))
    expect(await victim.browser.session()).toBeUndefined()
    expect(fixture.client.exchanges).toEqual([])
  })

  it('case 4: exchanges once for eight callbacks of one login in two processes, and later answers with its returnTo', async () => {
    const fixture = new FlowsFixture()
    for (let round = 0; round < 50; round += 1) {
      const { browser, url } = await begun(fixture, '?returnTo=/me')
      const twin = new Browser(fixture.flows(), fixture.sessions)
      for (const [name, value] of browser.jar) twin.jar.set(name, value)
      const before = new Map(browser.jar)
      const replies = await Promise.all(
        Array.from({ length: 8 }, (_, index) => {
          const cookie = [...before].map((pair) => pair.join('=')).join('; ')
          return (index % 2 ? browser : twin).send(plainRequest('GET', url, { ...navigation, cookie }))
        }),
      )
      expect(replies.map((reply) => reply.status).sort()).toEqual([
        303,
        ...Array.from({ length: 7 }, () => 400),
      ])
      expect(fixture.client.exchanges).toHaveLength(round + 1)
      const winner = replies.find((reply) => reply.status === 303)
      if (winner) browser.take(winner)
      const back = await browser.get(url)
      expect(back).toMatchObject({ status: 303, headers: { location: '/me' } })
      expect(back.setCookies).toEqual([])
    }
    expect(new Set(reasons(fixture))).toEqual(new Set(['used']))
  })

  it('case 4: leads a repeated callback that still has the transaction cookie on as well', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture, '?returnTo=/me')
    const transaction = browser.cookie
    await browser.get(url)
    const again = await browser.get(url, { ...navigation, cookie: `${browser.cookie}; ${transaction}` })
    expect(again).toMatchObject({ status: 303, headers: { location: '/me' } })
    expect(fixture.client.exchanges).toHaveLength(1)
  })

  it('case 4: never exchanges again when the first exchange failed', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture, '?returnTo=/me')
    const cookie = browser.cookie
    fixture.client.beforeExchange = () => {
      throw new LatchkeyError('as_unavailable', 'No answer.', { provider: 'example' })
    }
    const failed = await browser.get(url)
    expectRefused(failed, 503)
    expect(failed.headers['retry-after']).toMatch(/^\d+$/)
    expect(failed.body).toContain('href="/login/example?returnTo=%2Fme"')
    expect(failed.setCookies).toEqual([expect.stringMatching(/^__Host-lk\.t\..*Max-Age=0/)])
    expectRefused(await browser.get(url, { ...navigation, cookie }))
    expect(fixture.client.exchanges).toHaveLength(1)
    expect(reasons(fixture)).toEqual(['as_unavailable', 'used'])
  })

  it.each([
    { revocation: 'token', revoked: ['refresh of code'] },
    // There revoking would end what the user's other sessions use.
    { revocation: 'authorization', revoked: [] },
  ] as const)(
    'leaves no tokens behind when the user cannot be had (revocation: $revocation)',
    async (row) => {
      const fixture = new FlowsFixture({
        clients: [new ScriptedSignInClient('example', { revocation: row.revocation })],
      })
      const browser = fixture.browser()
      fixture.client.profile = async () => {
        throw new LatchkeyError('as_unavailable', 'No userinfo.', { provider: 'example' })
      }
      expect((await browser.signIn()).status).toBe(503)
      expect(fixture.client.revoked).toEqual(row.revoked)
      expect(await browser.session()).toBeUndefined()
    },
  )

  it('settles a lost answer of the used marker by asking again', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    let lost = false
    fixture.watched.after = ({ name }) => {
      if (name !== 'usedMarkers.take' || lost) return undefined
      lost = true
      throw new Error('The answer was lost.')
    }
    expect((await browser.get(url)).status).toBe(303)
    expect(fixture.client.exchanges).toHaveLength(1)
  })

  it.each(['sessions.read', 'usedMarkers.take'])(
    'keeps everything when the store fails at %s',
    async (command) => {
      const fixture = new FlowsFixture()
      const browser = fixture.browser()
      await browser.signIn()
      const url = await browser.begin()
      let failures = 0
      fixture.watched.before = ({ name }) => {
        if (name !== command) return
        failures += 1
        if (failures <= 2) throw new Error('The store is gone.')
      }
      const reply = await browser.get(url)
      expectRefused(reply, 503)
      expect(reply.setCookies).toEqual([])
      fixture.watched.before = () => {}
      expect((await browser.get(url)).status).toBe(303)
    },
  )

  it.each(['query', 'form_post'] as const)(
    'case 5: refuses the answer to a login at another provider (%s)',
    async (mode) => {
      const clients = ['one', 'two'].map((id) => new ScriptedSignInClient(id, { responseMode: mode }))
      for (const [from, to] of [
        ['one', 'two'],
        ['two', 'one'],
      ] as const) {
        const fixture = new FlowsFixture({ clients })
        const browser = fixture.browser()
        const url = (await browser.begin(from)).replace(`/callback/${from}`, `/callback/${to}`)
        const reply = await arrive(browser, url, mode)
        expectRefused(reply)
        expect(reasons(fixture)).toEqual(['provider_mismatch'])
        expect(reply.setCookies).toEqual([expect.stringMatching(/^__Host-lk\.t\..*Max-Age=0/)])
        expect(clients.flatMap((client) => client.exchanges)).toEqual([])
        expect(await browser.session()).toBeUndefined()
      }
    },
  )

  it('lets several providers share a callback path only when iss tells them apart', async () => {
    const clients = ['one', 'two'].map(
      (id) => new ScriptedSignInClient(id, { callbackPath: '/back', issuer: `https://${id}.example` }),
    )
    const fixture = new FlowsFixture({ clients })
    for (const id of ['one', 'two']) {
      const browser = fixture.browser()
      const query = new URL(await browser.begin(id), 'https://x').search
      expect((await browser.get(`/back${query}&iss=https://${id}.example`)).status).toBe(303)
      expect((await browser.session())?.record.user.provider).toBe(id)
      const without = new URL(await browser.begin(id), 'https://x').search
      expectRefused(await browser.get(`/back${without}`))
    }
    expect(reasons(fixture)).toEqual(['iss', 'iss'])
  })

  it('case 7: gives no code to a provider without issuer on a shared callback path', async () => {
    const honest = new ScriptedSignInClient('one', { callbackPath: '/back', issuer: 'https://one.example' })
    const hostile = new ScriptedSignInClient('two', { callbackPath: '/back' })
    const fixture = new FlowsFixture({ clients: [honest, hostile] })
    const browser = fixture.browser()
    const query = new URL(await browser.begin('two'), 'https://x').search
    expectRefused(await browser.get(`/back${query}&iss=https://one.example`))
    expect(reasons(fixture)).toEqual(['iss'])
    expect([...honest.exchanges, ...hostile.exchanges]).toEqual([])
  })

  it.each([
    'code=a&code=b',
    'state=x',
    'iss=a&iss=b',
    'error=a&error=b',
    'code[]=a',
    'code[0]=a',
    'state[a]=b',
    'iss[]=x',
    'error_description=a&error_description=b',
    'code%5B%5D=a',
    'p=1&p=2',
  ])('case 18: refuses %s beside a good answer, and spends nothing', async (extra) => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    expectRefused(await browser.get(`${url}&${extra}`))
    expectRefused(await browser.get(`${url.replace('?', `?${extra}&`)}`))
    expect(reasons(fixture)).toEqual(['duplicate', 'duplicate'])
    expect(fixture.watched.names).not.toContain('usedMarkers.take')
    expect((await browser.get(url)).status).toBe(303)
  })

  it('case 19: spends the login on an error with its state, and nothing on one without', async () => {
    const fixture = new FlowsFixture()
    for (const error of ['access_denied', 'something_new', 'x'.repeat(10_000)]) {
      const { browser, url } = await begun(fixture)
      const state = new URL(url, 'https://x').searchParams.get('state')
      const query = `error=${error}&error_description=${'d'.repeat(10_000)}`
      expectRefused(await browser.get(`/callback/example?${query}&state=wrong`))
      expect(browser.jar.size).toBe(1)
      const reply = await browser.get(`/callback/example?${query}&state=${state}`)
      expectRefused(reply, 403)
      expect(reply.body).not.toContain('ddd')
      expect(browser.jar.size).toBe(0)
      expectRefused(await browser.get(url))
    }
    expect(fixture.client.exchanges).toEqual([])
    const said = fixture.log
      .about('callback.rejected')
      .find((fields) => fields.oauthError === 'access_denied')
    expect(said).toMatchObject({ code: 'access_denied', provider: 'example' })
    expect(String(said?.oauthDescription).length).toBeLessThanOrEqual(200)
  })

  it('case 20: echoes no byte of the request', async () => {
    const fixture = new FlowsFixture()
    const marker = 'mArKeR'
    const script = `%3Cscript%3E${marker}%3C/script%3E`
    const fields = ['error', 'error_description', 'error_uri', 'state', 'code', 'iss', 'p', marker]
    for (const accept of ['text/html', 'application/json']) {
      const headers = {
        ...navigation,
        'sec-fetch-mode': accept === 'text/html' ? 'navigate' : 'cors',
        accept,
      }
      const { browser, url } = await begun(fixture)
      const urls = fields.map((field) => `/callback/example?${field}=${script}`)
      urls.push(`${url}&error=${script}&error_description=${script}&error_uri=${script}`)
      for (const each of urls) {
        const reply = await browser.get(each, {
          ...headers,
          referer: marker,
          'user-agent': marker,
          host: marker,
        })
        expect(JSON.stringify([reply.headers, reply.body])).not.toContain(marker)
        expect(reply.status).toBeGreaterThanOrEqual(400)
      }
    }
  })

  it('case 22: spends nothing on HEAD, OPTIONS, TRACE and prefetches, and the real GET follows', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'PUT', 'POST']) {
      const reply = await browser.send(plainRequest(method, url, { ...navigation, cookie: browser.cookie }))
      expect(reply).toMatchObject({ status: 405, headers: { allow: 'GET' }, setCookies: [] })
    }
    const prefetches = [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' },
      { 'x-moz': 'prefetch' },
      { 'x-purpose': 'preview' },
      { 'sec-purpose': '', purpose: 'prefetch' },
    ]
    for (const headers of prefetches) {
      const reply = await browser.get(url, { ...navigation, ...headers })
      expect(reply).toMatchObject({ status: 204, body: '', setCookies: [] })
    }
    expect(fixture.watched.commands).toEqual([])
    expect((await browser.get(url)).status).toBe(303)
  })

  it('case 23: puts neither code nor state into any next address', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    const state = new URL(url, 'https://x').searchParams.get('state') ?? ''
    for (const reply of [await browser.get(url), await browser.get(url)]) {
      expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
      expect(JSON.stringify(reply.headers)).not.toContain(state)
      expect(reply.headers.location).toBe('/')
    }
  })

  it("case 16: ignores a returnTo of the callback's own", async () => {
    const { browser, url } = await begun(new FlowsFixture(), '?returnTo=/me')
    const reply = await browser.get(`${url}&returnTo=https://evil.example/`)
    expect(reply).toMatchObject({ status: 303, headers: { location: '/me' } })
  })

  it('case 26: a sign-in over a session keeps the slot, kills the old cookie and revokes the old grant', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    await browser.signIn('example', '', 'first')
    const old = { cookie: browser.cookie, session: await browser.session() }
    const failed = await browser.get('/callback/example?code=x&state=y')
    expectRefused(failed)
    expect((await browser.session())?.version).toBe(old.session?.version)
    await browser.signIn('other', '', 'second')
    const renewed = await browser.session()
    expect(renewed?.locator).toBe(old.session?.locator)
    expect(renewed?.record.userId).toBe('other:ada')
    expect(await fixture.sessions.resume(old.cookie)).toBeUndefined()
    expect(fixture.client.revoked).toEqual(['refresh of first'])
  })

  it('case 28: takes no cookie or state of one kind for another', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    const [[name, sealed] = ['', '']] = browser.jar
    expect(await fixture.sessions.resume(`__Host-latchkey=${sealed}`)).toBeUndefined()
    await browser.get(url)
    const session = browser.jar.get('__Host-latchkey') ?? ''
    const state = encodeURIComponent(session)
    expectRefused(await browser.get(`/callback/example?code=x&state=${state}`))
    const posing = { ...navigation, cookie: `${name}=${session}` }
    expectRefused(await browser.get(url, posing))
    expectRefused(await browser.get(`/callback/example?p=${sealed}`))
    expect(fixture.client.exchanges).toHaveLength(1)
  })

  it('case 88: answers 10,000 parameters and a code of 100 KB', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    expectRefused(await browser.get(`/callback/example?${'a=1&'.repeat(10_000)}`))
    expectRefused(await browser.get(`/callback/example?state=${'['.repeat(100_000)}`))
    expectRefused(await browser.get(`/callback/example?code=${'%5B'.repeat(30_000)}`))
    expect((await browser.get(url)).status).toBe(303)
  })

  it('hands errors about the program on', async () => {
    const fixture = new FlowsFixture()
    const { browser, url } = await begun(fixture)
    fixture.client.beforeExchange = () => {
      throw new TypeError('A bug.')
    }
    await expect(browser.get(url)).rejects.toThrow('A bug.')
  })
})

async function begun(fixture: FlowsFixture, query = ''): Promise<{ browser: Browser; url: string }> {
  const browser = fixture.browser()
  return { browser, url: await browser.begin('example', query) }
}

/** Brings an authorization response to the callback the way its mode says. */
async function arrive(browser: Browser, url: string, mode: 'query' | 'form_post'): Promise<Reply> {
  if (mode === 'query') return browser.get(url)
  const [path = '', form = ''] = url.split('?')
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const relay = await browser.post(path, { ...navigation, ...type, cookie: undefined }, form)
  return browser.get(relay.headers.location ?? '')
}
