import { createHash } from 'node:crypto'
import { oauth2 } from '@latchkey/express'
import { describe, expect, it } from 'vitest'
import { type Harness, startHarness } from './harness.fixture.ts'
import { authorizationResponse, expectRefused, locationOf, reasons, whoami } from './login-steps.fixture.ts'
import { publicOrigin, startTwoProcesses } from './two-processes.fixture.ts'

const loginUrl = `${publicOrigin}/login/example`
const callback = `${publicOrigin}/callback/example`

describe('case 1: nothing equals nothing', () => {
  const attempts = [
    { title: 'no state, no cookie', jar: 'empty', query: () => 'code=c' },
    { title: 'an empty state, no cookie', jar: 'empty', query: () => 'code=c&state=' },
    { title: 'a state without its cookie', jar: 'empty', query: (state: string) => `code=c&state=${state}` },
    {
      title: 'a state beside a foreign cookie',
      jar: 'foreign',
      query: (state: string) => `code=c&state=${state}`,
    },
    { title: 'a cookie without state', jar: 'own', query: () => 'code=c' },
    { title: 'a cookie and an empty state', jar: 'own', query: () => 'code=c&state=' },
    { title: 'a cookie and state=undefined', jar: 'own', query: () => 'code=c&state=undefined' },
    { title: 'no parameter at all', jar: 'own', query: () => '' },
  ] as const

  it.each(attempts)(
    'case 1: $title is refused at both processes and nothing is stored',
    async ({ jar, query }) => {
      const app = await startTwoProcesses()
      const own = app.newBrowser()
      const foreign = app.newBrowser()
      const { callbackUrl } = await authorizationResponse(own.p1, loginUrl)
      await authorizationResponse(foreign.p2, loginUrl)
      const browser = { empty: app.newBrowser(), foreign, own }[jar]
      const url = `${callback}?${query(callbackUrl.searchParams.get('state') ?? '')}`
      const pages = [await browser.p1.get(url), await browser.p2.get(url)]
      for (const page of pages) expectRefused(page)
      expect(new Set(pages.map((page) => page.text)).size).toBe(1)
      expect(reasons(...app.processes)).toEqual(['no_transaction', 'no_transaction'])
      expect(app.as.calls.token).toBe(0)
      expect(app.commands).toEqual([])
      const honest = await own.p2.get(callbackUrl, { redirect: 'manual' })
      expect(honest.status).toBe(303)
    },
  )
})

describe('case 2: shared or guessable state', () => {
  it('case 2: 2,000 logins at two processes share no state, nonce or challenge, each of 256 bits', async () => {
    const app = await startTwoProcesses({ openid: true })
    const seen = { state: new Set(), nonce: new Set(), code_challenge: new Set(), cookie: new Set() }
    for (let round = 0; round < 1_000; round += 1) {
      const browser = app.newBrowser()
      for (const agent of [browser.p1, browser.p2]) {
        const page = await agent.get(loginUrl, { redirect: 'manual' })
        const { searchParams } = new URL(locationOf(page))
        for (const name of ['state', 'nonce', 'code_challenge'] as const) {
          const value = searchParams.get(name)
          expect(value).toMatch(/^[\w-]{43}$/)
          seen[name].add(value)
        }
        seen.cookie.add(page.setCookies[0]?.split(';')[0])
      }
    }
    for (const values of Object.values(seen)) expect(values.size).toBe(2_000)
    expect(new Set([...seen.state, ...seen.nonce, ...seen.code_challenge]).size).toBe(6_000)
    expect(app.commands).toEqual([])
  })

  it("case 2: an attacker's own finished flow signs nobody in elsewhere", async () => {
    const app = await startTwoProcesses()
    const attacker = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(attacker.p1, loginUrl)
    const fresh = app.newBrowser()
    const pending = app.newBrowser()
    await authorizationResponse(pending.p1, loginUrl)
    const signedIn = app.newBrowser()
    await signedIn.p1.get(`${loginUrl}?returnTo=/whoami`)
    const before = signedIn.cookies.header(publicOrigin)
    for (const victim of [fresh, pending, signedIn]) {
      expectRefused(await victim.p1.get(callbackUrl))
      expectRefused(await victim.p2.get(callbackUrl))
    }
    expect(await whoami(fresh.p1, publicOrigin)).toBeNull()
    expect(await whoami(pending.p2, publicOrigin)).toBeNull()
    expect(signedIn.cookies.header(publicOrigin)).toBe(before)
    expect(app.as.calls.token).toBe(1)
    expect((await attacker.p2.get(callbackUrl, { redirect: 'manual' })).status).toBe(303)
  })
})

describe('case 3: caller-supplied protocol values', () => {
  const names = [
    'state', 'nonce', 'code_challenge', 'code_challenge_method', 'code_verifier', 'redirect_uri', 'client_id', 'scope',
    'response_mode', 'response_type', 'request', 'request_uri', 'prompt', 'login_hint', 'max_age', 'acr_values', 'iss',
    'target_link_uri', 'resource', 'audience', 'access_type', 'link', 'provider', '__proto__', 'constructor',
  ] // biome-ignore format: a list
  const minted = ['state', 'nonce', 'code_challenge']

  /** Everything of an authorization URL that is the same in every login. */
  function shape(location: string): readonly (readonly [string, string])[] {
    const { origin, pathname, searchParams } = new URL(location)
    const fixed = [...searchParams].map(
      ([name, value]) => [name, minted.includes(name) ? '' : value] as const,
    )
    return [['', origin + pathname], ...fixed]
  }

  it.each(['/login', '/login/example'])(
    'case 3: GET %s takes none of 25 names, once, twice or as a list',
    async (path) => {
      const { browser, origin } = await startHarness({ openid: true })
      const clean = locationOf(await browser.get(origin + path, { redirect: 'manual' }))
      const queries = names.flatMap((name) => [
        `${name}=evil`,
        `${name}=evil&${name}=worse`,
        `${name}[]=evil`,
        `${name}[a]=evil`,
      ])
      for (const query of [...queries, names.map((name) => `${name}=evil`).join('&')]) {
        const page = await browser.get(`${origin}${path}?${query}`, { redirect: 'manual' })
        expect(page.status).toBe(303)
        const location = locationOf(page)
        expect(shape(location)).toEqual(shape(clean))
        expect(location).not.toContain('evil')
      }
      const shaped = shape(clean).map(([name]) => name)
      expect(shaped).toHaveLength(new Set(shaped).size)
      expect(shaped).toEqual(expect.arrayContaining([...minted, 'redirect_uri', 'client_id', 'scope']))
    },
  )
})

describe('case 4: one-time transaction, also across processes', () => {
  it('case 4: 200 rounds of 2 to 8 parallel callbacks at two processes make 200 token requests', async () => {
    const app = await startTwoProcesses()
    for (let round = 1; round <= 200; round += 1) {
      const browser = app.newBrowser()
      const { callbackUrl } = await authorizationResponse(browser.p1, `${loginUrl}?returnTo=/whoami`)
      const copies = Array.from({ length: 2 + (round % 7) }, () => app.newBrowser(browser.cookies.clone()))
      const pages = await Promise.all(
        copies.map((copy, index) => (index % 2 ? copy.p1 : copy.p2).get(callbackUrl, { redirect: 'manual' })),
      )
      const winners = copies.filter((_, index) => pages[index]?.status === 303)
      for (const page of pages) if (page.status !== 303) expectRefused(page)
      expect(winners).toHaveLength(1)
      expect(app.as.calls.token).toBe(round)
      const [winner = browser] = winners
      const again = await winner.p2.get(callbackUrl, { redirect: 'manual' })
      expect([again.status, again.location, again.setCookies]).toEqual([303, '/whoami', []])
      expect(app.as.calls.token).toBe(round)
    }
    const losers = reasons(...app.processes)
    expect(new Set(losers)).toEqual(new Set(['used']))
    console.info(
      `case 4: 200 rounds, ${200 + losers.length} parallel callbacks, ${app.as.calls.token} token requests`,
    )
  })

  it('case 4: the back button leads on while the session is there, and is refused without it', async () => {
    const app = await startTwoProcesses()
    const browser = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(browser.p1, `${loginUrl}?returnTo=/whoami`)
    const before = app.newBrowser(browser.cookies.clone())
    await browser.p1.get(callbackUrl)
    for (const agent of [browser.p1, browser.p2]) {
      const back = await agent.get(callbackUrl, { redirect: 'manual' })
      expect([back.status, back.location]).toEqual([303, '/whoami'])
    }
    expectRefused(await before.p2.get(callbackUrl))
    expectRefused(await app.newBrowser().p1.get(callbackUrl))
    expect(reasons(...app.processes)).toEqual(['no_transaction', 'used'])
    expect(app.as.calls.token).toBe(1)
  })

  it.each([
    { fault: 'a 500', behaviour: { status: 500 }, status: 503 },
    { fault: 'a cut after the code was spent', behaviour: { dropAfterCommit: true }, status: 503 },
    { fault: 'invalid_grant', behaviour: { status: 400, body: { error: 'invalid_grant' } }, status: 400 },
  ])('case 4: a code is not exchanged again after $fault', async ({ behaviour, status }) => {
    const app = await startTwoProcesses()
    const browser = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(browser.p1, loginUrl)
    const before = app.newBrowser(browser.cookies.clone())
    app.as.faults.next('token', 1, behaviour)
    expectRefused(await browser.p1.get(callbackUrl), status)
    expectRefused(await browser.p1.get(callbackUrl))
    expectRefused(await before.p1.get(callbackUrl))
    expectRefused(await before.p2.get(callbackUrl))
    expect(app.as.calls.token).toBe(1)
    expect(app.commands).not.toContain('sessions.write')
  })
})

describe('case 8: PKCE', () => {
  it.each(['required', 'optional', 'ignored'] as const)(
    'case 8: S256 and state go along, and the verifier shows nowhere (PKCE at the server: %s)',
    async (pkce) => {
      const { browser, origin, as } = await startHarness({
        server: { autoApprove: 'user-ada', policy: { pkce } },
      })
      const { authorizationUrl, callbackUrl } = await authorizationResponse(
        browser,
        `${origin}/login/example`,
      )
      const cookies = browser.cookies.all.map(({ value }) => value)
      expect((await browser.get(callbackUrl, { redirect: 'manual' })).status).toBe(303)
      const [exchange] = as.requests.filter(({ endpoint }) => endpoint === 'token')
      const verifier = exchange?.form.get('code_verifier') ?? ''
      expect(verifier).toMatch(/^[\w-]{43}$/)
      const { searchParams } = authorizationUrl
      expect(searchParams.get('code_challenge')).toBe(
        createHash('sha256').update(verifier).digest('base64url'),
      )
      expect(searchParams.get('code_challenge_method')).toBe('S256')
      expect(searchParams.get('state')).toMatch(/^[\w-]{43}$/)
      as.marks.add('code_verifier', verifier) // the end of the test searches what was sent, logged and thrown
      expect(as.marks.findIn(`${authorizationUrl} ${callbackUrl} ${cookies.join()}`)).toMatchObject([
        { kind: 'code' },
      ])
    },
  )

  /** A code of the attacker's own account, got without a challenge. */
  async function strippedCode(harness: Harness): Promise<URL> {
    const attacker = harness.newBrowser()
    const start = await attacker.get(`${harness.origin}/login/example`, { redirect: 'manual' })
    const url = new URL(locationOf(start))
    url.searchParams.delete('code_challenge')
    url.searchParams.delete('code_challenge_method')
    harness.as.policy.autoApprove = 'user-linus'
    return new URL(locationOf(await attacker.get(url, { redirect: 'manual' })))
  }

  it.each([true, false])(
    'case 8: a code got without a challenge is refused by state (openid: %s)',
    async (openid) => {
      const harness = await startHarness({ openid, server: { autoApprove: 'user-ada' } })
      const { browser, origin, as } = harness
      await authorizationResponse(browser, `${origin}/login/example`)
      const injected = await strippedCode(harness)
      expect(injected.searchParams.get('code')).toMatch(/^code_/)
      expectRefused(await browser.get(injected))
      expect(reasons(harness)).toEqual(['no_transaction'])
      expect(as.calls.token).toBe(0)
    },
  )

  it("case 8: a code got without a challenge is refused by nonce even beside the victim's own state", async () => {
    const harness = await startHarness({
      openid: true,
      server: { autoApprove: 'user-ada', policy: { pkce: 'ignored' } },
    })
    const { browser, origin } = harness
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    const injected = await strippedCode(harness)
    injected.searchParams.set('state', callbackUrl.searchParams.get('state') ?? '')
    expectRefused(await browser.get(injected))
    expect(reasons(harness)).toEqual(['id_token_nonce'])
    expect(await whoami(browser, origin)).toBeNull()
  })

  it('case 8: a server that enforces PKCE gives no code without a challenge', async () => {
    const harness = await startHarness({ server: { autoApprove: 'user-ada', policy: { pkce: 'required' } } })
    expect((await strippedCode(harness)).searchParams.get('error')).toBe('invalid_request')
  })

  it('case 8: plain cannot be said', () => {
    const preset = {
      id: 'example',
      clientId: 'c',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      resourceOrigins: [],
    } as const
    // What TypeScript refuses, an app in JavaScript can still write.
    const plain = { pkce: 'plain' } as unknown as { pkce: 'required' }
    expect(() => oauth2({ ...preset, ...plain })).toThrow('always S256')
    for (const name of ['code_challenge', 'code_challenge_method', 'CODE_CHALLENGE_METHOD']) {
      expect(() => oauth2({ ...preset, params: { [name]: 'plain' } })).toThrow('params')
    }
  })
})

describe('case 11: forced or silent login', () => {
  const destinations = [
    'audio', 'audioworklet', 'embed', 'empty', 'fencedframe', 'font', 'frame', 'iframe', 'image', 'json', 'manifest', 'object',
    'paintworklet', 'report', 'script', 'serviceworker', 'sharedworker', 'style', 'track', 'video', 'webidentity', 'worker',
    'xslt', '', 'Document',
  ] // biome-ignore format: a list

  it.each(['/login', '/login/example'])(
    'case 11: GET %s from an image, a frame or a script is refused without a cookie',
    async (path) => {
      const { browser, origin, as } = await startHarness()
      for (const destination of destinations) {
        for (const site of ['cross-site', 'same-site', 'same-origin', 'none']) {
          const headers = {
            'sec-fetch-dest': destination,
            'sec-fetch-site': site,
            'sec-fetch-mode': 'no-cors',
          }
          const page = await browser.get(origin + path, { headers, redirect: 'manual' })
          expect([destination, page.status, page.setCookies, page.location]).toEqual([
            destination,
            403,
            [],
            undefined,
          ])
        }
      }
      for (const purpose of ['sec-purpose', 'purpose', 'x-moz']) {
        const page = await browser.get(origin + path, {
          headers: { [purpose]: 'prefetch' },
          redirect: 'manual',
        })
        expect([page.status, page.setCookies]).toEqual([204, []])
      }
      expect(as.requests).toEqual([])
    },
  )

  it('case 11: a login begun from anywhere changes nothing about the session that is there', async () => {
    const app = await startTwoProcesses()
    const { p1, p2, cookies } = app.newBrowser()
    await p1.get(loginUrl)
    const session = cookies.get('__Host-latchkey')?.value
    expect(session).toMatch(/^[\w-]{22}\.[\w-]{43}$/)
    app.commands.length = 0
    const without = { 'sec-fetch-dest': undefined, 'sec-fetch-mode': undefined, 'sec-fetch-site': undefined }
    for (const options of [{}, { from: 'https://evil.example/' }, { headers: without }]) {
      for (const path of ['/login', '/login/example']) {
        const page = await p2.get(publicOrigin + path, { ...options, redirect: 'manual' })
        expect(page.status).toBe(303)
        expect(page.setCookies.map((cookie) => cookie.slice(0, 12))).toEqual(['__Host-lk.t.'])
      }
    }
    expect(app.commands).toEqual([])
    expect(cookies.get('__Host-latchkey')?.value).toBe(session)
    expect(await whoami(p2, publicOrigin)).toBe('user-ada')
  })

  it.each([
    'iss=https://evil.example&target_link_uri=https://evil.example/',
    'iss=ISSUER&target_link_uri=https://evil.example/&login_hint=eve',
    'iss=ISSUER&target_link_uri=//evil.example',
  ])('case 11: a login that a third party initiates leads to us and to nobody else: %s', async (query) => {
    const { browser, origin, as } = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    const page = await browser.get(
      `${origin}/login?${query.replace('ISSUER', encodeURIComponent(as.issuer))}`,
    )
    const hosts = [...page.history.map((hop) => locationOf(hop)), page.url].map(
      (url) => new URL(url, origin).origin,
    )
    expect(new Set(hosts)).toEqual(new Set([as.origin, origin]))
    expect(page.url).toBe(`${origin}/`)
    expect((await browser.get(`${origin}/login/evil?${query}`)).status).toBe(404)
  })
})
