import { describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { FlowsFixture, navigation, plainRequest } from './flows.fixture.ts'
import type { LoginRequest } from './login.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const anything: LoginRequest = {
  provider: undefined,
  scope: undefined,
  link: false,
  prompt: undefined,
  params: undefined,
  returnTo: undefined,
}

/** The authorization URL without what is new in each login. */
function comparable(location: string | undefined): string[] {
  const url = new URL(location ?? '')
  const fresh = new Set(['state', 'nonce'])
  return [
    url.origin + url.pathname,
    ...[...url.searchParams].map(([key, value]) => `${key}=${fresh.has(key) ? '' : value}`),
  ]
}

describe('GET /login/:provider', () => {
  it('sends the browser to the authorization server with one transaction cookie', async () => {
    const fixture = new FlowsFixture()
    const reply = await fixture.browser().get('/login/example?returnTo=/me')
    expect(reply).toMatchObject({ status: 303, body: '' })
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
    expect(reply.setCookies).toHaveLength(1)
    const [asked] = fixture.client.requests
    expect(asked).toMatchObject({ redirectUri: 'https://app.example/callback/example', scope: ['read'] })
    expect(Object.keys(asked ?? {}).sort()).toEqual([
      'codeVerifier',
      'nonce',
      'redirectUri',
      'scope',
      'state',
    ])
    expect(reply.headers.location).not.toContain(asked?.codeVerifier)
  })

  it('case 3: takes nothing but returnTo from the request', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    const clean = comparable((await browser.get('/login/example')).headers.location)
    const names =
      'state nonce code_challenge redirect_uri client_id scope response_mode request_uri prompt params link'
    const query = names.split(' ').map((name) => `${name}=evil&${name}=worse`)
    for (const each of [...query, query.join('&'), 'scope[]=evil']) {
      expect(comparable((await browser.get(`/login/example?${each}`)).headers.location)).toEqual(clean)
    }
    expect(JSON.stringify(fixture.client.requests)).not.toMatch(/evil|worse/)
  })

  it('case 11: refuses images, frames and scripts, sets no cookie, and changes no session by beginning', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    await browser.signIn()
    const before = await browser.session()
    for (const destination of [
      'image',
      'iframe',
      'frame',
      'empty',
      'script',
      'style',
      'embed',
      'object',
      'video',
    ]) {
      for (const url of ['/login/example', '/login']) {
        const reply = await browser.get(url, { ...navigation, 'sec-fetch-dest': destination })
        expect(reply).toMatchObject({ status: 403, setCookies: [] })
        expect(reply.headers.location).toBeUndefined()
      }
    }
    const { 'sec-fetch-mode': _, 'sec-fetch-dest': __, ...old } = navigation
    expect((await browser.get('/login/example', old)).status).toBe(303)
    expect((await browser.get('/login/example')).status).toBe(303)
    expect((await browser.session())?.version).toBe(before?.version)
  })

  it('case 11: answers a prefetch with 204 and no cookie, and any method but GET with 405', async () => {
    const browser = new FlowsFixture().browser()
    for (const url of ['/login', '/login/example']) {
      const prefetch = await browser.get(url, { ...navigation, 'sec-purpose': 'prefetch' })
      expect(prefetch).toMatchObject({ status: 204, setCookies: [] })
      for (const method of ['HEAD', 'POST', 'OPTIONS', 'PUT']) {
        const reply = await browser.send(plainRequest(method, url))
        expect(reply).toMatchObject({ status: 405, headers: { allow: 'GET' }, setCookies: [] })
      }
    }
  })

  it.each(['//evil.example', 'https://evil.example', '/.//evil.example', '/\\evil.example', '\u0000', 'x'])(
    'case 12: leads to / in the end when told to return to %j',
    async (returnTo) => {
      for (const spelling of [returnTo, encodeURIComponent(returnTo)]) {
        const reply = await new FlowsFixture()
          .browser()
          .signIn('example', `?returnTo=${encodeURIComponent(spelling)}`)
        expect(reply).toMatchObject({ status: 303, headers: { location: '/' } })
      }
    },
  )

  it('case 15: restores returnTo byte for byte and lets none of it into the authorization URL', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    const clean = comparable((await browser.get('/login/example')).headers.location)
    for (const returnTo of [
      '/x?client_id=evil&scope=admin',
      '/x#%26&a=b',
      '/x?a=%0d%0aSet-Cookie:b',
      "/a'b(c)",
    ]) {
      const query = `?returnTo=${encodeURIComponent(returnTo)}`
      const location = (await browser.get(`/login/example${query}`)).headers.location
      expect(comparable(location)).toEqual(clean)
      expect((await browser.signIn('example', query)).headers.location).toBe(returnTo)
    }
  })

  it('case 16: begins a login whatever returnTo is, and never fails', async () => {
    const browser = new FlowsFixture().browser()
    for (const raw of [
      'http://[',
      '%',
      '%ff',
      '%00',
      '%ED%A0%80',
      'a'.repeat(65_536),
      '&returnTo=/b',
      '[]=/x',
      '+',
    ]) {
      expect((await browser.get(`/login/example?returnTo=${raw}`)).status).toBe(303)
    }
  })

  it('does not return to the login itself, which would go round for ever', async () => {
    for (const returnTo of ['/login', '/login/example', '/x/../login/other', '/callback/example?code=x']) {
      const reply = await new FlowsFixture()
        .browser()
        .signIn('example', `?returnTo=${encodeURIComponent(returnTo)}`)
      expect(reply.headers.location).toBe('/')
    }
  })

  it('case 17: follows no Host or proxy header', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    const clean = comparable((await browser.get('/login/example')).headers.location)
    const names = ['host', 'proto', 'port', 'prefix', 'uri'].map((name) => `x-forwarded-${name}`)
    for (const name of [...names, 'forwarded', 'x_forwarded_host', 'x-original-url', 'x-rewrite-url']) {
      const reply = await browser.get('/login/example', { ...navigation, [name]: ['evil.example', 'http'] })
      expect(comparable(reply.headers.location)).toEqual(clean)
      expect(reply.setCookies[0]).toMatch(/^__Host-.*; Secure/)
    }
    const moved = await browser.get('/login/example?returnTo=/me', { ...navigation, host: 'evil.example' })
    expect(moved.headers.location).toBe('https://app.example/login/example?returnTo=/me&latchkey-host=1')
    expect(moved.setCookies).toEqual([])
    const behindProxy = await browser.get('/login/example?latchkey-host=1', {
      ...navigation,
      host: 'internal:8080',
    })
    expect(comparable(behindProxy.headers.location)).toEqual(clean)
  })

  it('sends localhost to the loopback address of baseUrl, once', async () => {
    const fixture = new FlowsFixture({ baseUrls: ['http://127.0.0.1:3000'] })
    const reply = await fixture.browser().get('/login/example', { ...navigation, host: 'localhost:3000' })
    expect(reply.headers.location).toBe('http://127.0.0.1:3000/login/example?latchkey-host=1')
    const there = await fixture.browser().get('/login/example', { ...navigation, host: '127.0.0.1:3000' })
    expect(there.setCookies[0]).toMatch(/^lk\.t\.3000\.[^;]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/)
  })

  it('goes by the authority of an HTTP/2 request, which has no host', async () => {
    const fixture = new FlowsFixture({ baseUrls: ['https://app.example', 'https://other.example'] })
    const at = (authority: string) =>
      fixture.browser().get('/login/example', { ...navigation, host: undefined, ':authority': authority })
    const other = new URL((await at('other.example')).headers.location ?? '')
    expect(other.searchParams.get('redirect_uri')).toBe('https://other.example/callback/example')
    const foreign = await at('old.example')
    expect(foreign.headers.location).toBe('https://app.example/login/example?latchkey-host=1')
  })

  it('stays on the baseUrl that the browser used, with its redirect URI', async () => {
    const fixture = new FlowsFixture({ baseUrls: ['https://app.example', 'https://other.example/sub'] })
    const browser = fixture.browser()
    const other = { ...navigation, host: 'other.example:443' }
    const { headers } = await browser.get('/login/example?returnTo=/me', other)
    const authorization = new URL(headers.location ?? '').searchParams
    expect(authorization.get('redirect_uri')).toBe('https://other.example/sub/callback/example')
    const reply = await browser.get(`/callback/example?code=c&state=${authorization.get('state')}`, other)
    expect(reply).toMatchObject({ status: 303, headers: { location: '/sub/me' } })
  })

  it('case 87: asks the store nothing, however many logins begin', async () => {
    const fixture = new FlowsFixture()
    for (let round = 0; round < 1_000; round += 1) await fixture.browser().get('/login/example')
    expect(fixture.watched.commands).toEqual([])
  })

  it('case 86: lets the newest of many unfinished logins complete', async () => {
    const browser = new FlowsFixture().browser()
    const urls: string[] = []
    for (let round = 0; round < 30; round += 1) urls.push(await browser.begin('example', '?returnTo=/me'))
    expect(browser.jar.size).toBe(8)
    expect(browser.cookie?.length).toBeLessThan(8_000)
    expect((await browser.get(urls[21] ?? '')).status).toBe(400)
    for (const url of urls.slice(-8)) expect((await browser.get(url)).status).toBe(303)
    expect([...browser.jar.keys()]).toEqual(['__Host-latchkey'])
  })

  it('shows a page when the metadata cannot be had', async () => {
    const fixture = new FlowsFixture()
    fixture.client.beforeUrl = () => {
      throw new LatchkeyError('as_unavailable', 'No answer.', { provider: 'example' })
    }
    const reply = await fixture.browser().get('/login/example')
    expect(reply).toMatchObject({ status: 503, setCookies: [] })
    expect(reply.headers['retry-after']).toMatch(/^\d+$/)
    expect(reply.body).toContain('<a class="primary" href="">Try again</a>')
  })

  it('shows a page when nobody can say whether there is such a provider', async () => {
    const fixture = new FlowsFixture()
    vi.spyOn(fixture.settings.providers, 'find').mockRejectedValue(
      new LatchkeyError('as_unavailable', 'No answer.'),
    )
    expect(await fixture.browser().get('/login/tenant-7')).toMatchObject({ status: 503, setCookies: [] })
    expect(await fixture.browser().get('/callback/tenant-7')).toMatchObject({ status: 503 })
  })

  it('serves a provider that is only known when asked for', async () => {
    const fixture = new FlowsFixture()
    fixture.resolvable.push(new ScriptedSignInClient('tenant-7'))
    const browser = fixture.browser()
    expect((await browser.signIn('tenant-7')).status).toBe(303)
    expect((await browser.session())?.record.userId).toBe('tenant-7:ada')
  })
})

describe('GET /login', () => {
  it('goes straight on with one provider', async () => {
    const fixture = new FlowsFixture({ clients: [new ScriptedSignInClient('example')] })
    const reply = await fixture.browser().get('/login?returnTo=/me')
    expect(reply).toMatchObject({
      status: 303,
      headers: { location: expect.stringContaining('/authorize?') },
    })
  })

  it('is the app’s own page when no provider is listed', async () => {
    const fixture = new FlowsFixture({ clients: [] })
    fixture.resolvable.push(new ScriptedSignInClient('tenant-1'))
    for (const method of ['GET', 'POST']) {
      expect(await fixture.flows().route(plainRequest(method, '/login'))).toBeUndefined()
    }
    expect((await fixture.browser().get('/login/tenant-1')).status).toBe(303)
  })

  it('offers each provider and keeps a safe returnTo', async () => {
    const icon = '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>'
    const clients = [
      new ScriptedSignInClient('one', { name: 'A & B <i>', icon }),
      new ScriptedSignInClient('two'),
    ]
    const fixture = new FlowsFixture({ clients, baseUrls: ['https://app.example/sub'] })
    const { status, body, headers, setCookies } = await fixture
      .browser()
      .get('/login?returnTo=%2Fme%3Fa%3D1%26b')
    expect(status).toBe(200)
    expect(setCookies).toEqual([])
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]+='; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    )
    expect(body).toContain('<html lang="en">')
    expect(body).toContain('href="/sub/login/one?returnTo=%2Fme%3Fa%3D1%26b"')
    expect(body).toContain('href="/sub/login/two?returnTo=%2Fme%3Fa%3D1%26b"')
    expect(body).toContain('Sign in with A &amp; B &lt;i&gt;')
    expect(body).toContain(
      '<svg width="20" height="20" aria-hidden="true" focusable="false" viewBox="0 0 1 1">',
    )
    expect(body).not.toMatch(/<script|javascript:|\son\w+=|style="/)
    const evil = await fixture.browser().get('/login?returnTo=%22%3E%3Cscript%3EmArKeR')
    expect(evil.body).not.toContain('mArKeR')
  })
})

describe('Flows.login', () => {
  it('asks for the scope, prompt and parameters that code wants, and exchanges with the same scope', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const browser = fixture.browser(flows)
    const options = {
      ...anything,
      provider: 'example',
      scope: ['write', 'read'],
      prompt: 'consent',
      params: { a: 'b' },
    }
    const reply = await flows.login(plainRequest('POST', '/connect'), undefined, {
      ...options,
      returnTo: '/me',
    })
    browser.take(reply)
    expect(fixture.client.requests[0]).toMatchObject({
      scope: ['read', 'write'],
      prompt: 'consent',
      params: { a: 'b' },
    })
    const state = fixture.client.requests[0]?.state
    expect((await browser.get(`/callback/example?code=c&state=${state}`)).headers.location).toBe('/me')
    expect(fixture.client.exchanges[0]?.scope).toEqual(['read', 'write'])
  })

  it('lets the user choose without a provider, and takes the one that signed in', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const request = plainRequest('GET', '/premium?a=1')
    const choice = await flows.login(request, undefined, anything)
    expect(choice.headers.location).toBe('/login?returnTo=%2Fpremium%3Fa%3D1')
    await expect(flows.login(request, undefined, { ...anything, scope: ['x'] })).rejects.toMatchObject({
      code: 'invalid_options',
    })
    const browser = fixture.browser(flows)
    await browser.signIn('other')
    const again = await flows.login(request, await browser.session(), { ...anything, scope: ['x'] })
    expect(again.headers.location).toMatch(/^https:\/\/other\.example\/authorize\?/)
    await expect(flows.login(request, undefined, { ...anything, provider: 'nobody' })).rejects.toMatchObject({
      code: 'invalid_options',
    })
  })

  it('comes back to a GET, but not to a route that has just been come back to', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const browser = fixture.browser(flows)
    const start = async (method: string): Promise<string | undefined> => {
      const session = await browser.session()
      const options = { ...anything, provider: 'example' }
      browser.take(await flows.login(plainRequest(method, '/connect'), session, options))
      const state = fixture.client.requests.at(-1)?.state
      return (await browser.get(`/callback/example?code=c&state=${state}`)).headers.location
    }
    expect(await start('GET')).toBe('/connect')
    expect(await start('GET')).toBe('/')
    await fixture.clock.advance(60)
    expect(await start('GET')).toBe('/connect')
    await fixture.clock.advance(60)
    expect(await start('POST')).toBe('/')
  })
})

describe('Flows.route', () => {
  it.each([
    '/',
    '/me',
    '/login/',
    '/login/nobody',
    '/login/example/',
    '/Login/example',
    '//login/example',
    '/%6cogin/example',
    '/login;x',
    '/login/example;x',
    '/login/..%2flogin',
    '/x/../login',
    'http://evil.example/login/example',
    '*',
    '/callback',
    '/callback/',
    '/callback/nobody',
    '/callback/example/',
    '//callback/example',
    '/%63allback/example',
    '/callback/__proto__',
    '/login/constructor',
    '/logout/',
    '/login/Example',
    '',
    '/login#x',
    'login/example',
  ])('case 25: does not take %s for one of its paths', async (url) => {
    expect(await new FlowsFixture().flows().route(plainRequest('GET', url))).toBeUndefined()
  })

  it('serves its routes under the configured prefix and names', async () => {
    const routes = { prefix: '/auth', login: '/in', callback: '/back', logout: '/out', afterLogin: '/home' }
    const fixture = new FlowsFixture({ routes })
    const browser = fixture.browser()
    const { headers } = await browser.get('/auth/in/example')
    const query = new URL(headers.location ?? '').searchParams
    expect(query.get('redirect_uri')).toBe('https://app.example/auth/back/example')
    const reply = await browser.get(`/auth/back/example?code=c&state=${query.get('state')}`)
    expect(reply.headers.location).toBe('/home')
    expect((await browser.post('/auth/out')).status).toBe(303)
    expect(await fixture.flows().route(plainRequest('GET', '/login'))).toBeUndefined()
  })
})

describe('Flows.buttons', () => {
  it('are links without script, to a safe returnTo', () => {
    const flows = new FlowsFixture().flows()
    const html = flows.buttons({ returnTo: undefined })
    expect(html.match(/<svg width="20" height="20" aria-hidden="true"/g)).toHaveLength(2)
    expect(html.replaceAll(/<svg.*?<\/svg>/g, '')).toBe(
      '<ul class="latchkey-buttons" role="list">' +
        '<li><a class="latchkey-button latchkey-button-example" href="/login/example" rel="nofollow">' +
        '<span>Sign in with Example</span></a></li>' +
        '<li><a class="latchkey-button latchkey-button-other" href="/login/other" rel="nofollow">' +
        '<span>Sign in with Other</span></a></li></ul>',
    )
    expect(flows.buttons({ returnTo: '/a"b' })).toContain('href="/login/example?returnTo=%2Fa%22b"')
    expect(flows.buttons({ returnTo: '//evil.example' })).toContain('href="/login/example?returnTo=%2F"')
  })
})
