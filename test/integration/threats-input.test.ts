import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { type LatchkeyOptions, latchkey, oauth2 } from '@latchkey/express'
import type { PageResponse, UserAgent } from '@latchkey/testing'
import express, { type Express } from 'express'
import { describe, expect, it } from 'vitest'
import { packageFolders, read, sourceFiles, withoutComments } from '../repo/source-files.ts'
import { getWith, sessionCookieName, sessionCookieOf } from './cookie-requests.fixture.ts'
import { type Harness, startHarness, startServers } from './harness.fixture.ts'
import { locationOf, whoami } from './login-steps.fixture.ts'
import { navigationLines, rawRequest, valuesOf } from './raw-http.fixture.ts'
import { attackStrings, regexLiterals, seconds } from './regex-attack.fixture.ts'
import { probedStore } from './store-probe.fixture.ts'

/** What every boundary is fed: JSON text, because an object literal would set the prototype instead. */
const poison =
  '"__proto__":{"polluted":"yes","isAuthenticated":true},"constructor":{"prototype":{"polluted":"yes"}}'

function expectClean(...objects: readonly unknown[]): void {
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
  for (const object of objects) expect(Reflect.get(Object(object), 'polluted')).toBeUndefined()
}

/** The answer with the poison beside its own members. */
const poisoned = (body: string): string => `{${poison},${body.slice(body.indexOf('{') + 1)}`

/** `/user` shows `req.oauth.user`, and what a lookup through its prototype finds. */
function userRoute(app: Express): void {
  app.get('/user', (req, res) => {
    const { user } = req.oauth
    const found = [user, user?.ids, req.oauth, req.oauth.accounts[0]].map((one) =>
      Reflect.get(Object(one), 'polluted'),
    )
    res.json({
      user,
      found: found.filter((value) => value !== undefined),
      plain: Reflect.get({}, 'polluted') ?? null,
    })
  })
}

async function shownUser({ origin }: Harness, browser: UserAgent): Promise<unknown> {
  return JSON.parse((await browser.get(`${origin}/user`)).text)
}

describe('case 85: prototype pollution', () => {
  const nothing = { found: [], plain: null }

  it.each([false, true])(
    'case 85: by token answer and userinfo, and again by a refresh (openid: %s)',
    async (openid) => {
      const harness = await startHarness({ openid, routes: userRoute })
      for (const endpoint of ['token', 'userinfo', 'revoke', 'discovery', 'jwks'] as const) {
        harness.as.faults.always(endpoint, { commit: true, body: poisoned })
      }
      const browser = await harness.signedIn()
      expect(await shownUser(harness, browser)).toMatchObject({ user: { id: 'user-ada' }, ...nothing })
      await harness.clock.advance(3600)
      expect((await browser.get(`${harness.origin}/me`)).status).toBe(200)
      await browser.post(`${harness.origin}/logout`)
      expect(harness.as.calls.token).toBe(2)
      expectClean()
    },
  )

  it('case 85: by claims that the preset maps, by members named __proto__ and by paths into a prototype', async () => {
    const ids: Record<string, string> = JSON.parse('{"__proto__":"sub","constructor":"sub","eu":"region.id"}')
    const fields = {
      id: 'sub',
      ids,
      name: ['__proto__.polluted', 'constructor.name', 'toString.name', 'name'],
      email: 'constructor.prototype.polluted',
      picture: '__proto__.picture',
    }
    const servers = await startServers()
    const provider = { userinfo: { endpoint: servers.as.endpoints.userinfo, fields } }
    const harness = await startHarness({ servers, routes: userRoute, provider })
    const claims = `{${poison},"sub":"user-ada","name":"Ada","region":{"id":"7","__proto__":{"id":"8"}}}`
    harness.as.faults.always('userinfo', { commit: true, body: claims })
    const browser = await harness.signedIn()
    const { user, ...rest } = (await shownUser(harness, browser)) as { user: Record<string, unknown> } // our own route
    expect(rest).toEqual(nothing)
    expect(user).toMatchObject({ id: 'user-ada', name: 'Ada' })
    expect(Object.keys(user.ids ?? {}).toSorted()).toEqual(['__proto__', 'constructor', 'eu'])
    expect(user.picture).toBeUndefined()
    // The constructor of the answer is a plain member, and its prototype too: what it holds is text like any other.
    expect(user.email).toBe('yes')
    expectClean()
  })

  it('case 85: by claims of an ID token', async () => {
    const harness = await startHarness({ openid: true, routes: userRoute })
    const members: Record<string, unknown> = JSON.parse(`{${poison}}`)
    harness.as.policy.idToken = (build) => build.sign({ claims: members })
    const browser = await harness.signedIn()
    expect(await shownUser(harness, browser)).toMatchObject({ user: { id: 'user-ada' }, ...nothing })
    expectClean()
  })

  it('case 85: by the query of login and callback, by state, by returnTo and by the form of form_post', async () => {
    const names = [
      '__proto__',
      '__proto__[polluted]',
      '__proto__.polluted',
      'constructor[prototype][polluted]',
    ]
    const query = names.map((name) => `${encodeURIComponent(name)}=yes`).join('&')
    const parsers = [
      (app: Express) => app.set('query parser', 'extended'),
      (app: Express) => app.use(express.urlencoded({ extended: true }), express.json()),
    ]
    for (const before of parsers) {
      for (const responseMode of ['query', 'form_post'] as const) {
        const harness = await startHarness({
          before,
          provider: { responseMode },
          server: { autoApprove: 'user-ada' },
        })
        const browser = harness.newBrowser()
        const begun = await browser.get(`${harness.origin}/login/example?${query}&returnTo=/whoami?${query}`)
        if (responseMode === 'form_post')
          await browser.submit(begun, { fields: { '__proto__[polluted]': 'yes', __proto__x: 'yes' } })
        expect(await whoami(browser, harness.origin)).toBe('user-ada')
        for (const state of ['__proto__', 'constructor', 'toString', '{"__proto__":{"polluted":1}}']) {
          const target = `/callback/example?${query}&code=x&state=${encodeURIComponent(state)}`
          const lines = [`Cookie: lk.t.__proto__=x; __proto__=y; constructor=z`]
          const answer = await rawRequest(harness.origin, { target, lines })
          expect([400, 405]).toContain(answer.status)
        }
        expectClean()
      }
    }
  })

  it('case 85: by paths and ids that name members of Object', async () => {
    const harness = await startHarness()
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      for (const path of ['/login/', '/callback/', '/', '/login/example/']) {
        expect(
          (await rawRequest(harness.origin, { target: path + name, lines: navigationLines })).status,
        ).toBe(404)
      }
    }
    expectClean()
  })

  it('case 85: by options from a file', () => {
    const example = {
      id: 'example',
      clientId: 'client',
      clientSecret: 'client-secret',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      resourceOrigins: ['https://api.example'],
    } as const
    const fromFile: object = JSON.parse(`{${poison}}`)
    const params = JSON.parse(
      `{${poison.replaceAll('{"prototype":{"polluted":"yes"}}', '"x"').replace(/\{[^}]*\}/, '"x"')}}`,
    )
    const provider = oauth2({ ...example, params })
    const options: LatchkeyOptions = {
      baseUrl: 'https://app.example',
      secret: randomBytes(32).toString('base64url'),
      providers: [provider],
    }
    const refused = expect.objectContaining({ code: 'invalid_options' })
    expect(() => oauth2({ ...fromFile, ...example })).toThrow(refused)
    expect(() => latchkey({ ...fromFile, ...options })).toThrow(refused)
    for (const name of ['signIn', 'session', 'routes']) {
      expect(() => latchkey({ ...options, [name]: fromFile })).toThrow(refused)
    }
    const auth = latchkey(options)
    expect(auth.providers.map(({ id }) => id)).toEqual(['example'])
    expectClean(provider, auth, auth.providers[0])
  })

  // `Object.assign` runs setters of its target: `__proto__` among foreign members would replace the prototype.
  it('case 85: Object.assign meets foreign members only on a target without a prototype; nothing merges deeply', () => {
    const uses = ['packages/core', 'packages/express', 'packages/fastify']
      .flatMap(sourceFiles)
      .flatMap((file) =>
        [
          ...withoutComments(read(file)).matchAll(
            /Object\.assign\(.*|\bfor \(const \w+ in .*|\bmerge\w*\(.*/g,
          ),
        ].map(([use]) => `${file}: ${use.trim()}`),
      )
    expect(uses.filter((use) => !use.includes('mergeUserinfo('))).toEqual([
      'packages/core/src/protocol/client-auth.ts: Object.assign(payload, { iat: now, nbf: now, exp: now + assertionLifetimeSeconds })',
    ])
  })
})

describe('case 86: a flood of logins in one browser', () => {
  it('case 86: of 500 logins the newest 8 stay open, all of them finish, and the Cookie header stays below 8 KB', async () => {
    const harness = await startHarness({ server: { autoApprove: 'user-ada' } })
    const browser = harness.newBrowser()
    const started: string[] = []
    let longest = 0
    for (let count = 0; count < 500; count += 1) {
      const returnTo = `/whoami?${String(count).padStart(200, 'x')}`
      const page = await browser.get(`${harness.origin}/login/example?returnTo=${returnTo}`, {
        redirect: 'manual',
      })
      started.push(locationOf(page))
      const header = browser.cookies.header(harness.origin) ?? ''
      longest = Math.max(longest, header.length)
      const each = header.split('; ').map((pair) => pair.length)
      expect(Math.max(...each)).toBeLessThanOrEqual(600)
      expect(each.length).toBe(Math.min(count + 1, 8))
    }
    expect(longest).toBeLessThan(8 * 600)
    expect(browser.cookies.refused).toEqual([])
    // The newest cookie beside a sign-in session is still far from what Node refuses.
    const finish = async (url: string): Promise<PageResponse> => browser.get(await callbackOf(browser, url))
    expect((await finish(started[491] ?? '')).status).toBe(400)
    for (const [index, url] of started.slice(-8).entries()) {
      const page = await finish(url)
      expect([page.status, page.url]).toEqual([
        200,
        `${harness.origin}/whoami?${String(492 + index).padStart(200, 'x')}`,
      ])
    }
    expect(browser.cookies.all.map(({ name }) => name)).toEqual([sessionCookieName(harness)])
  })

  it('case 86: eight tabs that begin at once all finish, in any order', async () => {
    const harness = await startHarness({ server: { autoApprove: 'user-ada' } })
    const browser = harness.newBrowser()
    const login = `${harness.origin}/login/example`
    const tabs = await Promise.all(
      Array.from({ length: 8 }, () => browser.get(login, { redirect: 'manual' })),
    )
    for (const tab of [5, 0, 7, 2, 6, 1, 4, 3]) {
      const page = await browser.get(await callbackOf(browser, locationOf(tabs[tab] as PageResponse))) // there are 8
      expect(page.status).toBe(200)
    }
    expect(harness.as.calls.token).toBe(8)
  })

  it('case 86: names that only look like ours are neither counted nor deleted', async () => {
    const harness = await startHarness()
    const { port } = new URL(harness.origin)
    const others = Array.from(
      { length: 40 },
      (_, index) => `lk.t.${port}.other${index}=x; lk.t.1.abcdef.${index}=y`,
    )
    const target = '/login/example'
    const cookie = `Cookie: ${others.join('; ')}`
    const answer = await rawRequest(harness.origin, { target, lines: [...navigationLines, cookie] })
    expect([answer.status, valuesOf(answer, 'set-cookie').length]).toEqual([303, 1])
  })

  async function callbackOf(browser: UserAgent, authorizationUrl: string): Promise<string> {
    return locationOf(await browser.get(authorizationUrl, { redirect: 'manual' }))
  }
})

describe('case 87: a flood of logins', () => {
  it('case 87: 1,000 login starts give the store no command, and a real login still finishes beside them', async () => {
    const servers = await startServers()
    const probe = probedStore(servers.clock)
    const harness = await startHarness({ servers, options: { store: probe.store } })
    const lines = [...navigationLines]
    const stranger = (): Promise<unknown> =>
      rawRequest(harness.origin, { target: '/login/example?returnTo=/x', lines })
    for (let batch = 0; batch < 20; batch += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => rawRequest(harness.origin, { target: '/login/example', lines })),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([303]))
      expect(answers.every((answer) => valuesOf(answer, 'set-cookie').length === 1)).toBe(true)
    }
    expect(probe.commands).toEqual([])
    await Promise.all([harness.signedIn(), ...Array.from({ length: 50 }, stranger)])
    expect(probe.newCommands()).toContain('sessions.write')
    // Nor do the sign-in page and callbacks that belong to nothing.
    for (const target of ['/login', '/callback/example?code=x&state=y', '/callback/example', '/']) {
      for (let count = 0; count < 20; count += 1) await rawRequest(harness.origin, { target, lines })
    }
    expect(probe.commands.filter(({ name }) => name === 'usedMarkers.take')).toHaveLength(1)
    expect(probe.newCommands()).toEqual([])
  })
})

describe('case 88: big or nasty input', () => {
  it('case 88: a Cookie header up to what Node takes is answered, one beyond it is 431', async () => {
    const harness = await startHarness()
    const own = `${sessionCookieName(harness)}=${sessionCookieOf(harness, await harness.signedIn())}`
    const name = sessionCookieName(harness)
    const patterns = ['a=b; ', ';', ' ', '=', `${name}x=1; `, `${name}=; `, '"\\"', 'lk.t.0.', '%00', 'é=é; ']
    for (const pattern of patterns) {
      const filler = pattern.repeat(Math.floor(15_000 / pattern.length))
      for (const target of ['/whoami', '/login/example', '/callback/example?code=x&state=y']) {
        const answer = await getWith(harness, target, `${filler}; ${own}`, ['Sec-Fetch-Dest: document'])
        expect([pattern, answer.status]).toEqual([
          pattern,
          target === '/whoami' ? 200 : target.startsWith('/login') ? 303 : 400,
        ])
        // A second value of our name counts as one, whatever it is (case 30).
        const user = pattern.startsWith(`${name}=`) ? null : 'user-ada'
        if (target === '/whoami')
          expect(JSON.parse(answer.body)).toEqual({ isAuthenticated: user !== null, user })
      }
      const huge = await getWith(
        harness,
        '/whoami',
        `${own}; ${pattern.repeat(Math.ceil(17_000 / pattern.length))}x`,
      )
      expect(huge.status).toBe(431)
    }
  })

  it.each(['query', 'form_post'] as const)(
    'case 88: thousands of parameters and deep names are 400 or ignored (%s)',
    async (responseMode) => {
      const harness = await startHarness({
        provider: { responseMode },
        before: (app) => app.set('query parser', 'extended'),
      })
      const queries = [
        'a&'.repeat(7_500),
        '&'.repeat(15_000),
        'code=x&'.repeat(2_000),
        'state=%ff&'.repeat(1_500),
        `a${'[b]'.repeat(4_000)}=c`,
        `code${'[]'.repeat(6_000)}=c`,
        `${'%'.repeat(14_000)}`,
        `returnTo=${'/'.repeat(14_000)}`,
        `returnTo=/${'%2e%2e/'.repeat(2_000)}`,
        `p=${'A'.repeat(14_000)}`,
        `state=${'%C3%A9'.repeat(2_000)}`,
      ]
      for (const query of queries) {
        const ask = async (path: string) =>
          (await rawRequest(harness.origin, { target: `${path}?${query}`, lines: navigationLines })).status
        expect([query.slice(0, 12), await ask('/login/example')]).toEqual([query.slice(0, 12), 303])
        expect([400, 405]).toContain(await ask('/callback/example'))
        expect(await ask('/whoami')).toBe(200)
      }
      for (const path of ['/login/example', '/callback/example', '/whoami']) {
        const target = `${path}?${'a=1&'.repeat(10_000)}`
        expect((await rawRequest(harness.origin, { target, lines: navigationLines })).status).toBe(431)
      }
      expect(harness.as.calls.token).toBe(0)
      expect(harness.errors).toEqual([])
    },
  )

  it.each([
    ['read by us', () => {}, false],
    [
      'parsed before by the app',
      (app: Express) =>
        app.use(express.urlencoded({ extended: true, limit: '2mb', parameterLimit: 100_000 })),
      true,
    ],
  ] as const)(
    'case 88: a form of 1 MB at a form_post callback is 413, %s',
    async (_title, before, parses) => {
      const harness = await startHarness({ provider: { responseMode: 'form_post' }, before })
      const type = 'Content-Type: application/x-www-form-urlencoded'
      const bodies = [
        `code=${'a'.repeat(1_000_000)}`,
        'a=b&'.repeat(10_000),
        `a${'[b]'.repeat(3_000)}=c&`.repeat(20),
      ]
      for (const body of bodies) {
        const answer = await rawRequest(harness.origin, {
          method: 'POST',
          target: '/callback/example',
          lines: [type],
          body,
        })
        // The app's own parser may refuse it first.
        expect(parses ? [400, 413] : [413]).toContain(answer.status)
      }
      const { origin } = harness
      expect(await postInChunks(origin, 'a'.repeat(65_536), { times: 16, ends: parses })).toBe(413)
      const lines = ['Content-Type: application/json']
      const target = '/callback/example'
      const json = await rawRequest(origin, { method: 'POST', target, lines, body: '{}' })
      expect(json.status).toBe(415)
      expect((await rawRequest(origin, { target: '/whoami' })).status).toBe(200)
    },
  )

  it.each([
    ['lists', '['.repeat(100_000)],
    ['closed lists', `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['objects', '{"a":'.repeat(40_000)],
    ['closed objects', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
    ['members', `{${Array.from({ length: 20_000 }, (_, index) => `"m${index}":1`).join()}}`],
    ['a name many times', `{${'"a":1,'.repeat(30_000)}"b":1}`],
    ['quotes', '"'.repeat(250_000)],
    ['backslashes', `{"a":"${'\\'.repeat(249_000)}"}`],
    ['an unclosed refresh token', `{"refresh_token":"${'\\"refresh_token\\":\\"'.repeat(10_000)}`],
    ['spaces behind a name', `{"refresh_token"${' '.repeat(240_000)}`],
    ['a large number', `{"expires_in":${'9'.repeat(200_000)}}`],
  ])('case 88: deep or long JSON is as_unavailable and nothing else: %s', async (_title, body) => {
    const harness = await startHarness()
    for (const endpoint of ['token', 'userinfo'] as const) {
      harness.as.faults.next(endpoint, 1, { body })
      const page = await harness.newBrowser().signIn(`${harness.origin}/login/example`, { as: 'Ada' })
      // A well-formed answer without the user's id is about the provider's configuration.
      expect([500, 503]).toContain(page.status)
      expect(page.setCookies.filter((cookie) => cookie.startsWith('latchkey'))).toEqual([])
    }
    const browser = await harness.signedIn()
    await harness.clock.advance(3601)
    harness.as.faults.next('token', 1, { body })
    expect((await browser.get(`${harness.origin}/me`)).status).toBe(503)
    expect(await whoami(browser, harness.origin)).toBe('user-ada')
    expect(harness.errors.every((error) => Reflect.get(Object(error), 'code') === 'as_unavailable')).toBe(
      true,
    )
  })

  /** Without a length, perhaps without an end: the server counts while it reads. */
  function postInChunks(
    origin: string,
    chunk: string,
    { times, ends }: { readonly times: number; readonly ends: boolean },
  ): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const outgoing = request(`${origin}/callback/example`, { method: 'POST', headers, agent: false })
      outgoing.once('response', (answer) => {
        resolve(answer.resume().statusCode)
        outgoing.destroy()
      })
      outgoing.once('error', reject)
      for (let count = 0; count < times; count += 1) outgoing.write(chunk)
      if (ends) outgoing.end()
    })
  }

  const sources = packageFolders()
    .filter((folder) => !folder.endsWith('/testing'))
    .flatMap(sourceFiles)
  const literals = sources.flatMap((file) => regexLiterals(read(file)).map((regex) => ({ file, regex })))

  it('case 88: knows every regular expression of our packages', () => {
    expect(literals.length).toBeGreaterThan(40)
    const made = sources.filter((file) => /new RegExp\(/.test(withoutComments(read(file))))
    // Built around the name of a member of a token answer, and attacked through the app above.
    expect(made).toEqual(['packages/core/src/protocol/json-object.ts'])
  })

  // A quadratic expression takes 16 times as long for four times the text, and seconds for 100 KB; a linear one 4 times
  // and far below a millisecond. Only what is both slow and growing like that fails, so a busy machine fails nothing.
  it('case 88: every regular expression is linear in 100 KB of text made against it', () => {
    const slow: string[] = []
    for (const { file, regex } of literals) {
      for (const attack of attackStrings(regex)) {
        if (seconds(regex, attack(100_000)) < 0.1) continue
        const [whole, quarter] = [100_000, 25_000].map((length) =>
          Math.min(...[1, 2, 3].map(() => seconds(regex, attack(length)))),
        ) as [number, number] // one for each
        if (whole < 0.1 || whole / quarter < 9) continue
        slow.push(`${file}: ${regex} took ${whole.toFixed(2)} s, for a quarter of it ${quarter.toFixed(2)} s`)
        break
      }
    }
    expect(slow).toEqual([])
  })

  it('case 88: the measurement tells a quadratic and an exponential expression from a linear one', () => {
    const worst = (regex: RegExp): number => {
      let most = 0
      for (const attack of attackStrings(regex)) {
        most = Math.max(most, seconds(regex, attack(30_000), 500))
        if (most > 0.1) break
      }
      return most
    }
    expect(worst(/^[\w-]+$/)).toBeLessThan(0.1)
    expect(worst(/\s+$/)).toBeGreaterThan(0.1)
    expect(worst(/^(a+)+$/)).toBeGreaterThan(0.1)
  })
})
