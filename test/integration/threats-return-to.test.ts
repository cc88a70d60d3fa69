import { latchkey, oauth2 } from '@latchkey/express'
import express, { type RequestHandler } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { type Harness, isFastify, startHarness } from './harness.fixture.ts'
import { authorizationResponse, expectRefused, locationOf, reasons, whoami } from './login-steps.fixture.ts'
import { navigationLines, type RawResponse, rawRequest, valuesOf } from './raw-http.fixture.ts'
import { escapeOf, seededRandom } from './return-to-corpus.fixture.ts'
import { publicOrigin, startTwoProcesses } from './two-processes.fixture.ts'

const server = { autoApprove: 'user-ada' }
const minted = ['state', 'nonce', 'code_challenge']

/** An authorization URL without what is different in every login. */
function shape(location: string): string {
  const url = new URL(location)
  for (const name of minted) if (url.searchParams.has(name)) url.searchParams.set(name, '')
  return url.href
}

describe('case 14: originalUrl as return address', () => {
  const targets = [
    '//evil.example/path',
    '///evil.example/path',
    '//evil.example',
    '//user@evil.example:80/path?a=b',
    'http://evil.example/',
    'http://evil.example/path?a=b',
    'https://evil.example/',
    'HTTP://evil.example',
    'javascript:alert(1)//',
    '/\\evil.example',
    '/\\\\evil.example',
    '\\\\evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '//evil.example/%2f..',
    '/x?y=//evil.example#//evil.example',
  ]

  // Fastify answers a URL as target by its path, and `/` with the route for it.
  const caught = targets.filter((target) => !isFastify || !/^https?:/i.test(target))

  it.each(
    caught.flatMap((target) => [
      { target, host: undefined },
      { target, host: 'evil.example' },
    ]),
  )(
    'case 14: GET $target (Host: $host) on a guarded catch-all leads to the login and back to us',
    async ({ target, host }) => {
      const guarded: RequestHandler = (_req, res) => void res.send('guarded')
      const harness = await startHarness({
        server,
        routes: (app, auth) => app.use(auth.requireLogin(), guarded),
      })
      const { browser, origin } = harness
      const lines = navigationLines
      const response = await rawRequest(origin, { target, lines, ...(host === undefined ? {} : { host }) })
      // Targets that are neither a path nor a URL never get past Node's own parser.
      if (!/^(\/|https?:|[a-z]+:\/\/)/i.test(target) && response.status === 400) return
      expect([target, response.status]).toEqual([target, 302])
      const [login = ''] = valuesOf(response, 'location')
      expect(escapeOf(login, origin)).toBeUndefined()
      expect(login).toMatch(/^\/login(\/example)?\?returnTo=/)
      const { callbackUrl } = await authorizationResponse(browser, origin + login)
      const back = await browser.get(callbackUrl, { redirect: 'manual' })
      expect([back.status, escapeOf(back.location, origin)]).toEqual([303, undefined])
    },
  )
})

describe('case 15: parameter injection through returnTo', () => {
  const addresses = [
    '/x?client_id=evil&scope=admin',
    '/x?redirect_uri=https://evil.example/&state=evil&response_type=token',
    '/x?nonce=evil&code_challenge=evil&code_challenge_method=plain',
    '/x?request_uri=urn:evil&response_mode=fragment&prompt=none',
    '/x#client_id=evil&scope=admin',
    '/x%26client_id=evil',
    '/x%23state=evil',
    '/x?%0d%0aLocation:%20https://evil.example/',
    '/x?code=evil&state=evil&iss=evil&error=evil',
    '/x?returnTo=//evil.example',
    '/x;client_id=evil?&&==&',
    '/x?q=%22%3E%3Cscript%3E+%2B',
  ]

  it.each(addresses)(
    'case 15: %s changes nothing at the server and is restored byte for byte',
    async (address) => {
      const { browser, origin } = await startHarness({ server })
      const clean = await authorizationResponse(browser, `${origin}/login/example`)
      const login = `${origin}/login/example?returnTo=${encodeURIComponent(address)}`
      const { authorizationUrl, callbackUrl } = await authorizationResponse(browser, login)
      expect(shape(authorizationUrl.href)).toBe(shape(clean.authorizationUrl.href))
      const back = await browser.get(callbackUrl, { redirect: 'manual' })
      expect([back.status, back.location]).toEqual([303, address])
    },
  )

  it('case 15: what stands unencoded behind returnTo is not part of it, nor of anything else', async () => {
    const { browser, origin } = await startHarness({ server })
    const clean = await authorizationResponse(browser, `${origin}/login/example`)
    const login = `${origin}/login/example?returnTo=/x?client_id=evil&scope=admin&returnTo=/y`
    const { authorizationUrl, callbackUrl } = await authorizationResponse(browser, login)
    expect(shape(authorizationUrl.href)).toBe(shape(clean.authorizationUrl.href))
    expect((await browser.get(callbackUrl, { redirect: 'manual' })).location).toBe('/x?client_id=evil')
  })
})

describe('case 16: returnTo binding and bad values', () => {
  it.each([
    'returnTo=/evil',
    'returnTo=//evil.example',
    'returnTo[]=/evil',
    'return_to=/evil&next=/evil&redirect=/evil',
  ])("case 16: a callback's own %s is ignored", async (extra) => {
    const { browser, origin } = await startHarness({ server })
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example?returnTo=/mine`)
    const back = await browser.get(`${callbackUrl}&${extra}`, { redirect: 'manual' })
    expect([back.status, back.location]).toEqual([303, '/mine'])
  })

  it('case 16: a transaction cookie with any one byte changed is refused, and the true one still works', async () => {
    const harness = await startHarness({ server })
    const { browser, origin, as } = harness
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example?returnTo=/mine`)
    const [own] = browser.cookies.all
    if (own === undefined) expect.fail('no transaction cookie')
    const bytes = Buffer.from(own.value, 'base64url')
    const send = (name: string, value: string) =>
      browser.get(callbackUrl, { headers: { cookie: `${name}=${value}` }, redirect: 'manual' })
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index)
      expectRefused(await send(own.name, changed.toString('base64url')))
    }
    const wrong = [
      '',
      'x',
      own.value.slice(0, -4),
      `${own.value}AAAA`,
      own.value.slice(4),
      own.value.repeat(2),
    ]
    for (const value of wrong) expectRefused(await send(own.name, value))
    const [, port = '', start = '', id = ''] = /^lk\.t\.(\d+)\.(\w+)\.([\w-]+)$/.exec(own.name) ?? []
    const later = (Number.parseInt(start, 36) + 1).toString(36)
    for (const name of [
      `lk.t.${port}.${later}.${id}`,
      `lk.t.${port}.${start}.${id.toLowerCase()}x`,
      `lk.t.1.${start}.${id}`,
    ]) {
      expectRefused(await send(name, own.value))
    }
    expectRefused(
      await browser.get(callbackUrl, { headers: { cookie: `${own.name}=${own.value}; ${own.name}=x` } }),
    )
    expect(new Set(reasons(harness))).toEqual(new Set(['no_transaction']))
    console.info(
      `case 16: ${reasons(harness).length} changed cookies refused, ${bytes.length} of them by one bit`,
    )
    expect(as.calls.token).toBe(0)
    expect((await browser.get(callbackUrl, { redirect: 'manual' })).location).toBe('/mine')
  })

  it("case 16: another login's sealed value under this login's cookie name is refused", async () => {
    const harness = await startHarness({ server })
    const { browser, origin } = harness
    await authorizationResponse(browser, `${origin}/login/example?returnTo=/one`)
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example?returnTo=/two`)
    const [one, two] = browser.cookies.all
    expectRefused(await browser.get(callbackUrl, { headers: { cookie: `${two?.name}=${one?.value}` } }))
    expect(await whoami(browser, origin)).toBeNull()
  })

  it.each([
    { title: 'http://[', written: 'http://[' },
    { title: 'lone surrogates', written: '/%ed%a0%80%ed%bf%bf' },
    { title: 'a lone surrogate of a pair', written: '%ed%a0%bd' },
    { title: 'NUL', written: '/%00' },
    { title: 'a raw percent sign', written: '/%' },
    { title: 'no UTF-8', written: '/%ff%fe%c0%80' },
    { title: 'an encoded NUL in a scheme', written: 'ht%00tp://evil.example' },
    { title: '257 characters', written: `/${'a'.repeat(256)}` },
    { title: '12 KB', written: `/${'a'.repeat(12_000)}` },
    { title: '12 KB of a character beyond ASCII', written: `/${'%c3%a9'.repeat(2_000)}` },
  ])('case 16: $title is no server error and leads nowhere else', async ({ written }) => {
    const { browser, origin } = await startHarness({ server })
    const { callbackUrl } = await authorizationResponse(
      browser,
      `${origin}/login/example?returnTo=${written}`,
    )
    const back = await browser.get(callbackUrl, { redirect: 'manual' })
    expect([back.status, escapeOf(back.location, origin)]).toEqual([303, undefined])
    if (written.length > 256) expect(back.location).toBe('/')
  })

  it('case 16: 64 KB is refused by Node in a query, and leads to / from code', async () => {
    const long = `/${'a'.repeat(65_536)}`
    const { browser, origin, auth } = await startHarness({
      server,
      routes: (app) => {
        app.use(express.urlencoded({ limit: '1mb' }))
        app.post('/start', (req, _res, next) => void req.oauth.login({ returnTo: req.body.to }).catch(next))
      },
    })
    const inQuery = await rawRequest(origin, {
      target: `/login/example?returnTo=${long}`,
      lines: navigationLines,
    })
    expect(inQuery.status).toBe(431)
    expect(auth.buttons({ returnTo: long })).toContain('returnTo=%2F"')
    const page = await browser.post(`${origin}/start`, { to: long })
    expect([page.status, page.url]).toEqual([200, `${origin}/`])
  })

  it('case 16: 3,000 random byte strings on the wire and 100,000 random texts in links make no server error', async () => {
    const { origin, auth } = await startHarness({ server })
    const random = seededRandom(16)
    const statuses = new Map<number, number>()
    for (let round = 0; round < 3_000; round += 1) {
      const target = `/login/example?returnTo=${randomBytesOf(random)}`
      const { status } = await rawRequest(origin, { target, lines: navigationLines })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses.keys()].filter((status) => status !== 303 && status !== 400)).toEqual([])
    for (let round = 0; round < 100_000; round += 1) {
      const length = 1 + Math.floor(random() * 12)
      const units = Array.from({ length }, () => Math.floor(random() * (random() < 0.5 ? 0x80 : 0x1_0000)))
      const html = auth.buttons({ returnTo: (random() < 0.5 ? '/' : '') + String.fromCharCode(...units) })
      expect(html).toMatch(/href="\/login\/example\?returnTo=%2F/)
    }
    console.info('case 16: seed 16, 100,000 texts, 3,000 byte strings:', Object.fromEntries(statuses))
  })
})

/** Up to 40 random bytes; percent-encoded where a request target may not hold them, and now and then elsewhere. */
function randomBytesOf(random: () => number): string {
  const length = Math.floor(random() * 40)
  return Array.from({ length }, () => {
    const byte = Math.floor(random() * 256)
    const isPlain = byte > 0x20 && byte < 0x7f && random() < 0.7
    return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
}

describe('case 17: Host and proxy headers', () => {
  const attacks: readonly (readonly string[])[] = [
    ['X-Forwarded-Host: evil.example'],
    ['X-Forwarded-Host: evil.example, app.example', 'X-Forwarded-Host: worse.example'],
    ['X-Forwarded-Proto: http'],
    ['X-Forwarded-Proto: https', 'X-Forwarded-Proto: javascript'],
    ['X-Forwarded-Port: 666'],
    ['X-Forwarded-Prefix: //evil.example'],
    ['X-Forwarded-Prefix: /evil', 'X-Script-Name: /evil'],
    ['X-Forwarded-Uri: //evil.example', 'X-Original-URL: /callback/example', 'X-Rewrite-URL: //evil.example'],
    ['X-Forwarded-Server: evil.example', 'X-Host: evil.example', 'X-HTTP-Host-Override: evil.example'],
    ['X-Forwarded-Ssl: off', 'Front-End-Https: off', 'X-Url-Scheme: http', 'X-Forwarded-Scheme: http'],
    ['Forwarded: for=1.1.1.1;host=evil.example;proto=http'],
    ['Forwarded: host="evil.example", host=worse.example', 'Forwarded: proto=http'],
    ['X_Forwarded_Host: evil.example', 'X_Forwarded_Proto: http', 'HTTP_HOST: evil.example'],
    ['Origin: https://evil.example', 'Referer: https://evil.example/'],
    ['X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1', 'Via: 1.1 evil.example'],
  ]

  /** What a login or callback answers, without what is different in every login. */
  function essence(response: RawResponse): unknown {
    const [location = ''] = valuesOf(response, 'location')
    const cookies = valuesOf(response, 'set-cookie')
    return {
      status: response.status,
      location: location.startsWith('/') ? location : shape(location),
      cookies: cookies.map((cookie) => cookie.replace(/(lk\.t\.)[^=]*/, '$1').replace(/=[^;]*/, '=')),
    }
  }

  /** A whole sign-in at one process, with these header lines on each request. */
  async function signIn(process: Harness, lines: readonly string[], host: string): Promise<unknown> {
    const { as, newBrowser } = process
    const more = [...navigationLines, ...lines]
    const login = await rawRequest(process.origin, {
      target: '/login/example?returnTo=/mine',
      host,
      lines: more,
    })
    const answer = await newBrowser().get(valuesOf(login, 'location')[0] ?? '', { redirect: 'manual' })
    const { pathname, search } = new URL(locationOf(answer))
    const cookie = `Cookie: ${valuesOf(login, 'set-cookie')[0]?.split(';')[0]}`
    const callback = await rawRequest(process.origin, {
      target: pathname + search,
      host,
      lines: [...more, cookie],
    })
    expect(as.calls.token).toBeGreaterThan(0)
    return [essence(login), essence(callback)]
  }

  it.each([{ base: 'https' }, { base: 'http' }])(
    `case 17: ${attacks.length} sets of proxy headers change neither addresses nor cookies (baseUrl on $base)`,
    async ({ base }) => {
      const before = (app: express.Express): void => void app.set('trust proxy', true)
      const process =
        base === 'https' ? (await startTwoProcesses({ before })).p1 : await startHarness({ server, before })
      const host = base === 'https' ? 'app.example' : new URL(process.origin).host
      const clean = await signIn(process, [], host)
      const own = base === 'https' ? publicOrigin : process.origin
      expect(clean).toMatchObject([
        { status: 303, location: expect.stringContaining(encodeURIComponent(`${own}/callback/example`)) },
        { status: 303, location: '/mine' },
      ])
      const secure = base === 'https' ? '; Secure' : ''
      expect(JSON.stringify(clean)).toContain(`Path=/; HttpOnly${secure}; SameSite=Lax`)
      for (const lines of attacks) expect([lines, await signIn(process, lines, host)]).toEqual([lines, clean])
    },
  )

  it.each([
    'evil.example',
    'evil.example:3000',
    'app.example.evil.example',
    'app.example@evil.example',
    'localhost',
    '[::1]',
    '',
  ])(
    'case 17: a login under the host "%s" is sent to baseUrl first, and then has its redirect URI',
    async (host) => {
      const { p1 } = await startTwoProcesses()
      const clean = await rawRequest(p1.origin, {
        target: '/login/example',
        host: 'app.example',
        lines: navigationLines,
      })
      const moved = await rawRequest(p1.origin, { target: '/login/example', host, lines: navigationLines })
      const [location = ''] = valuesOf(moved, 'location')
      expect(new URL(location).origin).toBe(publicOrigin)
      expect(valuesOf(moved, 'set-cookie')).toEqual([])
      const { pathname, search } = new URL(location)
      const again = await rawRequest(p1.origin, { target: pathname + search, host, lines: navigationLines })
      expect(essence(again)).toEqual(essence(clean))
    },
  )

  it.each(['production', 'development'])('case 17: nothing starts without a baseUrl in %s', (environment) => {
    vi.stubEnv('NODE_ENV', environment)
    vi.stubEnv('LATCHKEY_BASE_URL', undefined)
    const preset = oauth2({
      id: 'example',
      clientId: 'c',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      resourceOrigins: [],
    })
    try {
      expect(() => latchkey({ providers: [preset] })).toThrow('baseUrl')
      if (environment === 'production')
        expect(() => latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [preset] })).toThrow('https')
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
