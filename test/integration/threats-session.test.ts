import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type LatchkeyOptions, latchkey, oauth2 } from '@latchkey/express'
import { UserAgent } from '@latchkey/testing'
import type { Express, Request, Response } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Sealer } from '../../packages/core/src/crypto/seal.ts'
import { getWith, sessionCookieName, sessionCookieOf, userFor, userOf } from './cookie-requests.fixture.ts'
import { events, type Harness, startHarness, startServers } from './harness.fixture.ts'
import { authorizationResponse, whoami } from './login-steps.fixture.ts'
import { rawRequest, valuesOf } from './raw-http.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'

const day = 86_400
const newSecret = (): string => randomBytes(32).toString('base64url')
/** A cookie value of the right shape that nobody was given. */
const newCookieValue = (): string =>
  `${randomBytes(16).toString('base64url')}.${randomBytes(32).toString('base64url')}`

async function startProbed(
  options: Partial<LatchkeyOptions<'example'>> = {},
): Promise<{ readonly harness: Harness; readonly probe: StoreProbe }> {
  const servers = await startServers()
  const probe = probedStore(servers.clock)
  const setup = { servers, routes: appSessionRoutes, options: { store: probe.store, ...options } }
  return { harness: await startHarness(setup), probe }
}

/** `/put?name=value` writes into `req.session`, `/session` shows what is in it. */
function appSessionRoutes(app: Express): void {
  app.get('/put', (req, res) => {
    for (const [name, value] of Object.entries(req.query)) Reflect.set(req.session, name, value)
    res.end()
  })
  app.get('/session', (req, res) => {
    const { cookie: _, ...data } = req.session
    res.json(data)
  })
}

async function appSession({ origin }: Harness, browser: UserAgent): Promise<unknown> {
  return JSON.parse((await browser.get(`${origin}/session`)).text)
}

function appCookieOf({ origin }: Harness, browser: UserAgent): string {
  const value = browser.cookies.get(`latchkey-app-${new URL(origin).port}`)?.value
  if (value === undefined) expect.fail('The app session has no cookie.')
  return value
}

describe('case 26: fixation', () => {
  it('case 26: a planted cookie that was never issued is not the session that the victim gets', async () => {
    const { harness, probe } = await startProbed()
    const planted = newCookieValue()
    const victim = harness.newBrowser()
    victim.cookies.plant({ name: sessionCookieName(harness), value: planted, host: '127.0.0.1' })
    await victim.signIn(`${harness.origin}/login/example`, { as: 'Ada' })
    const [locator, secret] = sessionCookieOf(harness, victim).split('.')
    const [plantedLocator, plantedSecret] = planted.split('.')
    expect(await whoami(victim, harness.origin)).toBe('user-ada')
    expect([locator === plantedLocator, secret === plantedSecret]).toEqual([false, false])
    expect(await userOf(harness, planted)).toBeNull()
    expect(await userOf(harness, `${locator}.${plantedSecret}`)).toBeNull()
    expect(probe.sessions().map(({ name }) => name)).toEqual([locator])
  })

  it('case 26: a planted session of the attacker dies in the step that signs the victim in', async () => {
    const { harness, probe } = await startProbed()
    const attackers = sessionCookieOf(harness, await harness.signedIn('Linus'))
    const victim = harness.newBrowser()
    victim.cookies.plant({ name: sessionCookieName(harness), value: attackers, host: '127.0.0.1' })
    probe.newCommands()
    await victim.signIn(`${harness.origin}/login/example`, { as: 'Ada' })
    expect(probe.newCommands().filter((name) => name === 'sessions.write')).toHaveLength(1)
    expect(await whoami(victim, harness.origin)).toBe('user-ada')
    expect(await userOf(harness, attackers)).toBeNull()
    await vi.waitFor(() => expect(harness.as.liveFor('user-linus')?.revoked).toBe(true))
  })

  it.each(['Ada', 'Grace'])('case 26: a re-login of Ada as %s kills the old cookie', async (name) => {
    const { harness, probe } = await startProbed()
    const browser = await harness.signedIn('Ada')
    const seen = [sessionCookieOf(harness, browser)]
    for (let round = 0; round < 3; round += 1) {
      await browser.signIn(`${harness.origin}/login/example`, { as: name })
      const value = sessionCookieOf(harness, browser)
      expect(new Set([...seen, value].map((each) => each.split('.')[1])).size).toBe(seen.length + 1)
      for (const old of seen) expect(await userOf(harness, old)).toBeNull()
      expect(await userOf(harness, value)).toBe(`user-${name.toLowerCase()}`)
      seen.push(value)
    }
    const slots = new Set(probe.grants().map((grant) => grant.name.split('/')[0]))
    const [slot = ''] = slots
    const left = await Promise.all(
      probe.grants().map(({ name: ref }) => probe.store.grants.read({ slot, id: ref.split('/')[1] ?? '' })),
    )
    expect([slots.size, left.filter((record) => record !== undefined)].flat()).toHaveLength(2)
  })

  it('case 26: a failed login changes nothing about the session', async () => {
    const { harness } = await startProbed()
    const browser = await harness.signedIn('Ada')
    const before = sessionCookieOf(harness, browser)
    const page = await browser.signIn(`${harness.origin}/login/example`, { deny: true })
    expect(page.status).toBe(403)
    harness.as.faults.next('token', 1, { status: 500 })
    expect((await browser.signIn(`${harness.origin}/login/example`, { as: 'Grace' })).status).toBe(503)
    expect(sessionCookieOf(harness, browser)).toBe(before)
    expect(await userOf(harness, before)).toBe('user-ada')
  })

  it('case 26: at sign-in req.session gets a new id and keeps only what session.keep names', async () => {
    const { harness } = await startProbed({ session: { keep: ['basket'] } })
    const attacker = harness.newBrowser()
    const put = `${harness.origin}/put?basket=apple&csrf=known&role=admin`
    await attacker.get(put)
    const victim = attacker.clone()
    const before = appCookieOf(harness, victim)
    expect(await appSession(harness, victim)).toEqual({ basket: 'apple', csrf: 'known', role: 'admin' })
    await victim.signIn(`${harness.origin}/login/example`, { as: 'Ada' })
    expect(appCookieOf(harness, victim)).not.toBe(before)
    expect(await appSession(harness, victim)).toEqual({ basket: 'apple' })
    expect(await appSession(harness, attacker)).toEqual({})
    const second = appCookieOf(harness, victim)
    await victim.get(`${harness.origin}/put?secret=ada`)
    await victim.signIn(`${harness.origin}/login/example`, { as: 'Grace' })
    expect(appCookieOf(harness, victim)).not.toBe(second)
    expect(await appSession(harness, victim)).toEqual({ basket: 'apple' })
  })

  it('case 26: requests beside 20 re-logins are the old user or nobody, and get no third session', async () => {
    const { harness, probe } = await startProbed()
    const browser = await harness.signedIn('Ada')
    const answers = new Map<string, number>()
    for (let round = 0; round < 20; round += 1) {
      const [old, next] = round % 2 === 0 ? ['user-ada', 'user-grace'] : ['user-grace', 'user-ada']
      const value = sessionCookieOf(harness, browser)
      harness.as.policy.autoApprove = next
      const { callbackUrl } = await authorizationResponse(browser, `${harness.origin}/login/example`)
      let isDone = false
      const callback = browser.get(callbackUrl, { redirect: 'manual' }).finally(() => {
        isDone = true
      })
      const ask = async (): Promise<void> => {
        do {
          const user = String(await userOf(harness, value))
          expect([old, 'null']).toContain(user)
          answers.set(user, (answers.get(user) ?? 0) + 1)
        } while (!isDone)
      }
      await Promise.all([callback, ask(), ask(), ask(), ask()])
      expect(await userOf(harness, value)).toBeNull()
      expect(await whoami(browser, harness.origin)).toBe(next)
    }
    expect(answers.get('user-ada')).toBeGreaterThan(0)
    expect(new Set(probe.sessions().map(({ name }) => name)).size).toBe(1)
  })
})

describe('case 27: unknown and crafted ids', () => {
  it('case 27: an id that was never issued costs one read, creates nothing and clears nothing', async () => {
    const { harness, probe } = await startProbed()
    await harness.signedIn()
    probe.newCommands()
    for (let round = 0; round < 20; round += 1) expect(await userOf(harness, newCookieValue())).toBeNull()
    expect(probe.newCommands()).toEqual(Array.from({ length: 20 }, () => 'sessions.read'))
  })

  it('case 27: a crafted id never reaches the store', async () => {
    const { harness, probe } = await startProbed()
    const value = sessionCookieOf(harness, await harness.signedIn())
    const [locator = '', secret = ''] = value.split('.')
    const subject = 'https://as.example|user-ada'
    const crafted = [
      ...['', '.', '*', '?', '[a-z]*', 'lock:1', `lock:${locator}`, 'idx:user-ada', subject, '__proto__'],
      ...['../../etc/passwd', '{slot}', `{${locator}}`, '"', "' OR 1=1 --", '%00', '%0d%0aSET a b', 'null'],
      ...[
        locator,
        `${locator}.`,
        `.${secret}`,
        `${locator}.${secret}.`,
        `${locator}.${secret}=`,
        `${value}x`,
      ],
      ...[
        `${locator}/${secret}`,
        `"${value}"`,
        `${value}\t; a=b`,
        ` ${value}`,
        encodeURIComponent(`${value} `),
      ],
      ...[`${locator}..${secret}`, `${locator.slice(1)}.${secret}`, `*${locator.slice(1)}.${secret}`],
      ...[`lock:${locator.slice(5)}.${secret}`, `${locator}.${secret.slice(0, -1)}`, 'a'.repeat(10_240)],
      ...[`${'a'.repeat(5_000)}.${'b'.repeat(5_000)}`, `${locator}.${secret}\u00a0`],
      // The same bytes in another spelling: the unused bits of the last character.
      ...[`${locator.slice(0, -1)}${nextCharacter(locator.at(-1))}.${secret}`],
    ]
    probe.newCommands()
    for (const each of crafted) expect([each, await userOf(harness, each)]).toEqual([each, null])
    expect(probe.newCommands()).toEqual([])
    expect(await userOf(harness, value)).toBe('user-ada')
  })

  it.each([
    ['CR LF', '\r\nX-Injected: 1'],
    ['a bare LF', '\nX-Injected: 1'],
    ['a bare CR', '\rX-Injected: 1'],
    ['NUL', '\0'],
  ])('case 27: %s inside a cookie never reaches the store as an id', async (_name, bytes) => {
    const { harness, probe } = await startProbed()
    const value = sessionCookieOf(harness, await harness.signedIn())
    probe.newCommands()
    for (const crafted of [`${value.slice(0, 8)}${bytes}${value.slice(8)}`, `${bytes}${value}`]) {
      const answer = await getWith(harness, '/whoami', `${sessionCookieName(harness)}=${crafted}`)
      expect([200, 400]).toContain(answer.status)
      expect(answer.text).not.toContain('user-ada')
      expect(answer.text.toLowerCase()).not.toContain('x-injected')
    }
    expect(probe.newCommands()).toEqual([])
  })

  function nextCharacter(character = ''): string {
    return String.fromCharCode(character.charCodeAt(0) + 1)
  }
})

describe('case 28: purpose confusion', () => {
  const kinds = ['session', 'grant', 'transaction', 'form_post'] as const
  type Kind = (typeof kinds)[number]

  it('case 28: no sealed value of one kind opens as another, though all else is the same', () => {
    const sealer = new Sealer([newSecret()])
    const binding = (kind: Kind) => ({ kind, name: 'same name', version: 'same version' })
    const opened = kinds.flatMap((sealedAs) => {
      const sealed = sealer.seal(binding(sealedAs), Buffer.from('{}'))
      return kinds.filter((kind) => {
        try {
          return sealer.open(binding(kind), sealed).length === 2
        } catch {
          return false
        }
      })
    })
    expect(opened).toEqual(kinds)
  })

  it('case 28: each kind of sealed value is taken in its own place and refused in every other', async () => {
    const servers = await startServers({ server: { autoApprove: 'user-ada' } })
    const probe = probedStore(servers.clock)
    const options = { store: probe.store, secret: newSecret() }
    const setup = { servers, options, provider: { responseMode: 'form_post' } } as const
    const warm = await startHarness(setup)
    const browser = warm.newBrowser()
    const login = await browser.get(`${warm.origin}/login/example`)
    const begun = browser.cookies.all.find(({ name }) => name.startsWith('lk.t.'))
    await browser.submit(login)
    const value = sessionCookieOf(warm, browser)
    const [session, grant] = [probe.sessions()[0]?.record, probe.grants()[0]?.record]
    const relay = await relayed(warm)
    const sealed: Readonly<Record<Kind, Uint8Array | undefined>> = {
      session: session?.sealed,
      grant: grant?.sealed,
      transaction: Buffer.from(begun?.value ?? '', 'base64url'),
      form_post: Buffer.from(relay.sealed, 'base64url'),
    }

    const taken: string[] = []
    for (const kind of kinds) {
      const bytes = sealed[kind] ?? Buffer.alloc(0)
      expect(bytes.length, kind).toBeGreaterThan(100)
      for (const place of kinds) if (await takes(place, bytes)) taken.push(`${kind} as ${place}`)
    }
    expect(taken).toEqual(kinds.map((kind) => `${kind} as ${kind}`))

    /** A process that has opened nothing yet reads `bytes` in this place. */
    async function takes(place: Kind, bytes: Uint8Array): Promise<boolean> {
      const cold = await startHarness(setup)
      if (place === 'transaction' || place === 'form_post') return completes(cold, place, bytes)
      const command = place === 'session' ? 'sessions.read' : 'grants.read'
      const version = place === 'session' ? session?.version : grant?.version
      probe.answer(command, () => ({ version, sealed: bytes }))
      const me = await getWith(cold, '/me', `${sessionCookieName(cold)}=${value}`)
      probe.answer(command)
      return me.status === 200
    }

    async function completes(cold: Harness, place: Kind, bytes: Uint8Array): Promise<boolean> {
      const { sealed: p, cookie, agent } = await relayed(cold)
      const text = Buffer.from(bytes).toString('base64url')
      const isGenuine = bytes === sealed[place]
      // The genuine value belongs to another login, so here its own takes its place.
      const wrong = isGenuine ? undefined : text
      const pairs = `${cookie.name}=${place === 'transaction' ? (wrong ?? cookie.value) : cookie.value}`
      const target = `/callback/example?p=${place === 'form_post' ? (wrong ?? p) : p}`
      const answer = await getWith(cold, target, pairs)
      expect([303, 400]).toContain(answer.status)
      expect(agent.cookies.get(sessionCookieName(cold))).toBeUndefined()
      return answer.status === 303
    }
  })

  it('case 28: no cookie, state or token stands in for another', async () => {
    const { harness, probe } = await startProbed()
    harness.as.policy.autoApprove = 'user-ada'
    const browser = await harness.newBrowser()
    const { callbackUrl } = await authorizationResponse(browser, `${harness.origin}/login/example`)
    const pending = browser.cookies.all.find(({ name }) => name.startsWith('lk.t.'))
    const other = sessionCookieOf(harness, await harness.signedIn())
    const { accessToken = '', refreshToken = '' } = harness.as.liveFor('user-ada') ?? {}
    const state = callbackUrl.searchParams.get('state') ?? ''
    const code = callbackUrl.searchParams.get('code') ?? ''
    const header = `${pending?.name}=${pending?.value}`
    probe.newCommands()
    for (const value of [pending?.value ?? '', state, code, accessToken, refreshToken]) {
      expect(await userOf(harness, value)).toBeNull()
    }
    expect(probe.newCommands()).toEqual([])
    for (const value of [pending?.value ?? '', other, other.split('.')[1] ?? '', code, refreshToken]) {
      const target = `/callback/example?code=${code}&state=${encodeURIComponent(value)}`
      const answer = await getWith(harness, target, header)
      expect([answer.status, valuesOf(answer, 'set-cookie')]).toEqual([400, []])
    }
    expect(harness.as.calls.token).toBe(1)
    expect((await browser.get(callbackUrl)).status).toBe(200)
  })

  /** A login up to the relayed form. */
  async function relayed(harness: Harness): Promise<{
    readonly sealed: string
    readonly cookie: { readonly name: string; readonly value: string }
    readonly agent: UserAgent
  }> {
    const agent = harness.newBrowser()
    const page = await agent.get(`${harness.origin}/login/example`)
    const [cookie = { name: '', value: '' }] = agent.cookies.all
    const { location = '' } = await agent.submit(page, { redirect: 'manual' })
    return { sealed: location.split('?p=')[1] ?? '', cookie, agent }
  }
})

describe('case 29: attributes', () => {
  const publicOrigin = 'https://app.example.com'
  const names = {
    http: ['latchkey-', 'latchkey-app-', 'lk.t.'],
    https: ['__Host-latchkey', '__Host-latchkey-app', '__Host-lk.t.'],
  }

  it.each([
    { title: 'by default on http', baseUrl: undefined, signIn: {}, expected: { name: 'latchkey-' } },
    {
      title: 'by default on https',
      baseUrl: publicOrigin,
      signIn: {},
      expected: { name: '__Host-latchkey=' },
    },
    {
      title: 'with a domain',
      baseUrl: publicOrigin,
      signIn: { domain: 'example.com' },
      expected: { name: '__Secure-latchkey=', domain: 'example.com' },
    },
    {
      title: 'SameSite=None',
      baseUrl: publicOrigin,
      signIn: { sameSite: 'none' },
      expected: { name: '__Host-latchkey=', sameSite: 'None' },
    },
    {
      title: 'a lifetime of one hour and another name',
      baseUrl: publicOrigin,
      signIn: { absoluteSeconds: 3600, idleSeconds: 600, cookieName: 'who' },
      expected: { name: '__Host-who=', maxAge: 3600 },
    },
  ] as const)(
    'case 29: the sign-in cookie, $title, and its deletion',
    async ({ baseUrl, signIn, expected }) => {
      const harness = await startHarness({ options: { signIn, ...(baseUrl && { baseUrl }) } })
      harness.as.registerRedirectUri(`${publicOrigin}/callback/example`)
      const origin = baseUrl ?? harness.origin
      const browser = new UserAgent({ clock: harness.clock, origins: { [publicOrigin]: harness.origin } })
      const page = await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
      const sets = page.history.flatMap((hop) => hop.setCookies)
      const set = sets.find((cookie) => cookie.startsWith(expected.name) && !cookie.includes('-app'))
      const { maxAge = 30 * day, domain, sameSite = 'Lax' } = { domain: undefined, ...expected }
      const secure = baseUrl !== undefined
      const attributes = (age: number): readonly string[] =>
        [
          'HttpOnly',
          `Max-Age=${age}`,
          'Path=/',
          `SameSite=${sameSite}`,
          ...(secure ? ['Secure'] : []),
          ...(domain ? [`Domain=${domain}`] : []),
        ].toSorted()
      expect(attributesOf(set)).toEqual(attributes(maxAge))
      expect(browser.cookies.refused).toEqual([])
      const loggedOut = await browser.post(`${origin}/logout`, {}, { redirect: 'manual' })
      const deletion = loggedOut.setCookies.find((cookie) => cookie.startsWith(nameOf(set)))
      expect([nameOf(deletion), attributesOf(deletion)]).toEqual([nameOf(set), attributes(0)])
      expect(browser.cookies.all.filter((cookie) => cookie.name.includes('latchkey'))).toEqual([])
    },
  )

  it.each(['http', 'https'] as const)(
    'case 29: all our other cookies on %s, and their deletion',
    async (scheme) => {
      const isHttps = scheme === 'https'
      const options = isHttps
        ? { baseUrl: publicOrigin, signIn: { domain: 'example.com', sameSite: 'none' as const } }
        : {}
      const harness = await startHarness({ routes: appSessionRoutes, options })
      harness.as.registerRedirectUri(`${publicOrigin}/callback/example`)
      const origin = isHttps ? publicOrigin : harness.origin
      const browser = new UserAgent({ clock: harness.clock, origins: { [publicOrigin]: harness.origin } })
      const put = await browser.get(`${origin}/put?a=1`)
      const consent = await browser.get(`${origin}/login/example`)
      const page = await browser.submit(consent, { button: 'Ada' })
      await browser.get(`${origin}/put?a=1`)
      const out = await browser.post(`${origin}/logout`, {}, { redirect: 'manual' })
      const sets = [put, ...consent.history, ...page.history, out].flatMap((hop) => hop.setCookies)
      const fixed = ['HttpOnly', 'Path=/', 'SameSite=Lax', ...(isHttps ? ['Secure'] : [])]
      const [, app = '', transaction = ''] = names[scheme]
      const apps = sets.filter((cookie) => cookie.startsWith(app))
      const transactions = sets.filter((cookie) => cookie.startsWith(transaction))
      expect([apps.length, transactions.length]).toEqual([3, 2])
      for (const cookie of [...apps, ...transactions]) {
        const lasting = attributesOf(cookie).filter((each) => !/^(Max-Age|Expires)=/.test(each))
        expect([nameOf(cookie), lasting]).toEqual([nameOf(cookie), fixed])
      }
      expect(transactions.map((cookie) => /Max-Age=(\d+)/.exec(cookie)?.[1])).toEqual(['600', '0'])
      expect(browser.cookies.refused).toEqual([])
      expect(browser.cookies.all).toEqual([])
    },
  )

  it.each([
    ['plain http in production', { baseUrl: 'http://127.0.0.1:3000' }, 'production', 'baseUrl'],
    ['plain http elsewhere', { baseUrl: 'http://app.example' }, 'test', 'baseUrl'],
    ['http and https', { baseUrl: ['https://app.example', 'http://127.0.0.1:3000'] }, 'test', 'baseUrl'],
    ['SameSite=None on http', { signIn: { sameSite: 'none' } }, 'test', 'signIn.sameSite'],
    ['an unknown SameSite', { signIn: { sameSite: 'Lax; Domain=evil.example' } }, 'test', 'signIn.sameSite'],
    [
      'a name with attributes',
      { signIn: { cookieName: 'a; Domain=evil.example' } },
      'test',
      'signIn.cookieName',
    ],
    ['a name with a prefix trick', { signIn: { cookieName: 'a=b' } }, 'test', 'signIn.cookieName'],
    ['a foreign domain', { signIn: { domain: 'example.org' } }, 'test', 'signIn.domain'],
    ['a public suffix', { baseUrl: publicOrigin, signIn: { domain: 'com' } }, 'test', 'signIn.domain'],
    [
      'a domain with attributes',
      { baseUrl: publicOrigin, signIn: { domain: 'example.com; Path=/x' } },
      'test',
      'signIn.domain',
    ],
    ['a lifetime of nothing', { signIn: { absoluteSeconds: 0 } }, 'test', 'signIn.absoluteSeconds'],
    ['a lifetime that is no number', { signIn: { idleSeconds: Number.NaN } }, 'test', 'signIn.idleSeconds'],
    [
      'a lifetime beyond all browsers',
      { signIn: { absoluteSeconds: 401 * day } },
      'test',
      'signIn.absoluteSeconds',
    ],
    [
      'an app session name with attributes',
      { session: { cookieName: 'a; Secure' } },
      'test',
      'session.cookieName',
    ],
  ])('case 29: %s does not start', (_name, options, environment, option) => {
    vi.stubEnv('NODE_ENV', environment)
    const provider = oauth2({
      id: 'example',
      clientId: 'client',
      clientSecret: 'client-secret',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      resourceOrigins: ['https://api.example'],
    })
    const base = { baseUrl: 'http://127.0.0.1:3000', providers: [provider], secret: newSecret() }
    // What JavaScript apps can pass, typed or not.
    expect(() => latchkey({ ...base, ...options } as LatchkeyOptions)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(option) }),
    )
  })

  afterEach(() => vi.unstubAllEnvs())

  function nameOf(cookie = ''): string {
    return cookie.slice(0, cookie.indexOf('=') + 1)
  }

  function attributesOf(cookie = ''): readonly string[] {
    return cookie.split('; ').slice(1).toSorted()
  }
})

describe('case 30: cookie tossing and odd syntax', () => {
  it('case 30: two cookies of our name are nobody, are logged, and lose nothing', async () => {
    const { harness, probe } = await startProbed()
    const name = sessionCookieName(harness)
    const own = sessionCookieOf(harness, await harness.signedIn('Ada'))
    const attackers = sessionCookieOf(harness, await harness.signedIn('Linus'))
    const headers = [
      `${name}=${own}; ${name}=${attackers}`,
      `${name}=${attackers}; ${name}=${own}`,
      `${name}=${own}; a=b; ${name}=${newCookieValue()}`,
      `${name}=${own}; ${name}=${own}`,
      `${name}=${own};${name}=${attackers};`,
    ]
    probe.newCommands()
    for (const header of headers) expect(await userFor(harness, header)).toBeNull()
    const lines = [`Cookie: ${name}=${own}`, `Cookie: ${name}=${attackers}`]
    const twoLines = await rawRequest(harness.origin, { target: '/whoami', lines })
    expect(JSON.parse(twoLines.body)).toEqual({ isAuthenticated: false, user: null })
    expect(probe.newCommands()).toEqual([])
    expect(events(harness, 'cookie.duplicate').map(({ fields }) => fields)).toEqual(
      Array.from({ length: 6 }, () => ({ event: 'cookie.duplicate', count: 2 })),
    )
    expect([await userOf(harness, own), await userOf(harness, attackers)]).toEqual(['user-ada', 'user-linus'])
  })

  it('case 30: what only resembles our name, or hides it inside a value, is not ours', async () => {
    const { harness, probe } = await startProbed()
    const name = sessionCookieName(harness)
    const own = sessionCookieOf(harness, await harness.signedIn('Ada'))
    const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
    const pair = `${name}=${own}`
    const headers = [
      ...['\u00a0', '\u2000', '\u2003', '\u3000', '\ufeff', '\u0085'].map((space) => latin1(space) + pair),
      ...['\u0085', '\u00a0'].map((byte) => `${byte}${pair}`),
      ...[`\t${pair}`, `${name} =${own}`, `${name}\t=${own}`, `${name}\u00a0=${own}`],
      ...[
        pair.toUpperCase(),
        `x${pair}`,
        `__Host-${pair}`,
        `${name}x=${own}`,
        `${encodeURIComponent(name)}%3D${own}`,
      ],
      ...[`=${pair}`, `==${own}`, `=${own}`, own, `a="x, ${pair}"`, `a=b,${pair}`, `a=b&${pair}`],
      ...[`${name}="${own}"`, `${name}='${own}'`, `${name}=${own},`, `${name}= ${own}`, `${name}=${own} x`],
      ...[`$Version=1; $${pair}`, `a="x; ${name}="${own}"`, `${name}=%22${own}%22`, `${name}==${own}`],
    ]
    probe.newCommands()
    for (const odd of headers) {
      // White space at the very start of a header is not part of its value.
      const header = `a=b; ${odd}; c=d`
      expect([odd, await userFor(harness, header)]).toEqual([odd, null])
    }
    expect(probe.newCommands()).toEqual([])
  })

  it('case 30: odd cookies of others change nothing about ours', async () => {
    const { harness } = await startProbed()
    const name = sessionCookieName(harness)
    const own = `${name}=${sessionCookieOf(harness, await harness.signedIn('Ada'))}`
    const headers = [
      `$Version=1; ${own}; $Path="/"; $Domain="evil.example"`,
      `a="x; ${own}; b=y"`,
      `bare; =nameless; ;;; ${own};`,
      `a=${'%'.repeat(100)}; ${own}; b=\u00ff\u00fe`,
      `${name}x=1; x${name}=2; ${own}`,
      `   ${own}   `.trimEnd(),
    ]
    for (const header of headers)
      expect([header, await userFor(harness, header)]).toEqual([header, 'user-ada'])
  })

  it('case 30: garbage beside our cookie counts as a second one, is logged, and loses nothing', async () => {
    const { harness, probe } = await startProbed()
    const name = sessionCookieName(harness)
    const own = sessionCookieOf(harness, await harness.signedIn('Ada'))
    const garbage = ['', 'x', `"${own}"`, `${own}x`, 'a'.repeat(2_000)]
    probe.newCommands()
    for (const tossed of garbage) {
      expect(await userFor(harness, `${name}=${tossed}; ${name}=${own}`)).toBeNull()
      expect(await userFor(harness, `${name}=${own}; ${name}=${tossed}`)).toBeNull()
    }
    expect(probe.newCommands()).toEqual([])
    expect(events(harness, 'cookie.duplicate')).toHaveLength(2 * garbage.length)
    expect(await userOf(harness, own)).toBe('user-ada')
  })
})

/** Begins the answer, waits for the gate, ends it. `begin` says that the handler runs. */
interface Style {
  readonly name: string
  readonly answer: (req: Request, res: Response, gate: Promise<void>) => Promise<void>
}

const say = (req: Request): string => `user=${req.oauth.user?.id ?? 'nobody'}\n`
const styles: readonly Style[] = [
  {
    name: 'a stream',
    answer: async (req, res, gate) => {
      res.write('begun\n')
      await gate
      res.write(say(req))
      res.end()
    },
  },
  {
    name: 'flushed headers',
    answer: async (req, res, gate) => {
      res.flushHeaders()
      await gate
      res.end(say(req))
    },
  },
  {
    name: 'sendFile',
    answer: async (_req, res, gate) => {
      await gate
      await new Promise<void>((resolve) => res.sendFile(fileURLToPath(import.meta.url), () => resolve()))
    },
  },
  {
    name: 'server-sent events',
    answer: async (req, res, gate) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write('data: begun\n\n')
      await gate
      res.write(`data: ${say(req)}\n\n`)
      res.end()
    },
  },
  {
    name: 'an HTTP/1.1 upgrade',
    answer: async (req, res, gate) => {
      res.writeHead(101, { connection: 'Upgrade', upgrade: 'echo' })
      res.flushHeaders()
      await gate
      res.end()
      req.socket.end(say(req))
    },
  },
  {
    name: 'a handler that returns after it has answered',
    answer: async (req, res, gate) => {
      res.end('early\n')
      await gate
      say(req)
    },
  },
]

describe('case 31: headers already sent', () => {
  const upgradeLines = ['Connection: Upgrade', 'Upgrade: echo']

  it.each(styles)(
    'case 31: $name loses no session when the id changes meanwhile',
    async ({ name, answer }) => {
      const begun = signal()
      const gate = signal()
      const ended = signal()
      const harness = await startHarness({
        routes: (app) => {
          app.get('/slow', async (req, res) => {
            begun.open()
            await answer(req, res, gate.opened).then(ended.open, ended.fail)
          })
        },
      })
      const browser = await harness.signedIn('Ada')
      const before = `${sessionCookieName(harness)}=${sessionCookieOf(harness, browser)}`
      const lines = name.includes('upgrade') ? upgradeLines : []
      const slow = getWith(harness, '/slow', before, lines)
      await begun.opened
      await browser.signIn(`${harness.origin}/login/example`, { as: 'Grace' })
      gate.open()
      await ended.opened
      const response = await slow
      expect([200, 101]).toContain(response.status)
      expect(valuesOf(response, 'set-cookie')).toEqual([])
      if (response.body.includes('user=')) expect(response.body).toContain('user=user-ada')
      expect(await whoami(browser, harness.origin)).toBe('user-grace')
      expect(await userFor(harness, before)).toBeNull()
      expect(harness.errors).toEqual([])
    },
  )

  it.each(styles)(
    'case 31: what is put into req.session before the first byte survives $name',
    async ({ name, answer }) => {
      const harness = await startHarness({
        routes: (app) => {
          appSessionRoutes(app)
          app.get('/slow', async (req, res) => {
            Reflect.set(req.session, 'note', 'kept')
            await answer(req, res, pause(5))
          })
        },
      })
      const lines = name.includes('upgrade') ? upgradeLines : []
      const response = await rawRequest(harness.origin, { target: '/slow', lines })
      const [cookie = ''] = valuesOf(response, 'set-cookie').map((each) => each.split(';')[0] ?? '')
      expect(cookie).toMatch(/^latchkey-app-/)
      await vi.waitFor(async () => {
        const after = await getWith(harness, '/session', cookie)
        expect(JSON.parse(after.body)).toEqual({ note: 'kept' })
      })
    },
  )

  it('case 31: a login() or logout() that comes too late says so and leaves no cookie half alive', async () => {
    const harness = await startHarness({
      routes: (app) => {
        app.get('/late/:what', async (req, res) => {
          res.write('begun\n')
          const late = req.params.what === 'login' ? req.oauth.login() : req.oauth.logout()
          await late.then(
            () => res.end('done'),
            (error) => res.end(`${error.code}`),
          )
        })
      },
    })
    const browser = await harness.signedIn('Ada')
    expect((await browser.get(`${harness.origin}/late/login`)).text).toBe('begun\nnot_supported')
    expect(await whoami(browser, harness.origin)).toBe('user-ada')
    // Refused before anything is done: the program hears of its mistake, and nobody is half signed out.
    expect((await browser.get(`${harness.origin}/late/logout`)).text).toBe('begun\nnot_supported')
    expect(await whoami(browser, harness.origin)).toBe('user-ada')
  })

  function signal(): {
    readonly opened: Promise<void>
    readonly open: () => void
    readonly fail: (error: unknown) => void
  } {
    let open = (): void => {}
    let fail = (_error: unknown): void => {}
    const opened = new Promise<void>((resolve, reject) => {
      open = resolve
      fail = reject
    })
    return { opened, open, fail }
  }
})

describe('case 33: expiry and replay', () => {
  it('case 33: a cookie replayed after sign-out is nobody, however often', async () => {
    const { harness } = await startProbed()
    const browser = await harness.signedIn()
    const copy = sessionCookieOf(harness, browser)
    await browser.post(`${harness.origin}/logout`)
    for (let replay = 0; replay < 5; replay += 1) expect(await userOf(harness, copy)).toBeNull()
    const me = await getWith(harness, '/me', `${sessionCookieName(harness)}=${copy}`)
    expect([me.status, harness.rs.calls.resource]).toEqual([401, 0])
  })

  it('case 33: the idle time slides with requests, and ends the session without them', async () => {
    const { harness } = await startProbed()
    const value = sessionCookieOf(harness, await harness.signedIn())
    for (let week = 0; week < 3; week += 1) {
      await harness.clock.advance(7 * day - 60)
      expect(await userOf(harness, value)).toBe('user-ada')
    }
    await harness.clock.advance(7 * day + 1)
    expect(await userOf(harness, value)).toBeNull()
  })

  it('case 33: 30 days after the sign-in it is over, though it was used every day, and touching goes no further', async () => {
    const { harness, probe } = await startProbed()
    const browser = await harness.signedIn()
    const value = sessionCookieOf(harness, browser)
    const signedInAt = harness.clock.now()
    const cookie = browser.cookies.get(sessionCookieName(harness))
    expect(Math.abs((cookie?.expiresAt ?? 0) - (signedInAt + 30 * day))).toBeLessThan(60)
    for (let days = 1; days < 30; days += 1) {
      await harness.clock.advance(day)
      expect(await userOf(harness, value)).toBe('user-ada')
    }
    const touches = probe.commands.filter(({ name }) => name === 'sessions.read')
    expect(touches.at(-1)?.args[1]).toBeLessThanOrEqual(day + 60)
    await harness.clock.advance(day)
    expect(await userOf(harness, value)).toBeNull()
  })

  it('case 33: a record that the store keeps for ever is still refused past its absolute limit', async () => {
    const { harness, probe } = await startProbed()
    const value = sessionCookieOf(harness, await harness.signedIn())
    const kept = new Map(probe.sessions().map(({ name, record }) => [name, record]))
    probe.answer('sessions.read', (_answer, locator) => kept.get(String(locator)))
    await harness.clock.advance(30 * day - 60)
    expect(await userOf(harness, value)).toBe('user-ada')
    await harness.clock.advance(60)
    expect(await userOf(harness, value)).toBeNull()
    await harness.clock.advance(365 * day)
    expect(await userOf(harness, value)).toBeNull()
  })

  it('case 33: over the three deploys of a key rotation, cookies live on; without their key they are kept, not lost', async () => {
    const servers = await startServers()
    const { store, newCommands } = probedStore(servers.clock)
    const [old, next] = [newSecret(), newSecret()]
    const deploy = (...secret: readonly string[]): Promise<Harness> =>
      startHarness({ servers, options: { store, secret } })
    const before = await deploy(old)
    const value = sessionCookieOf(before, await before.signedIn())
    for (const secrets of [
      [old, next],
      [next, old],
    ]) {
      expect(await userOf(await deploy(...secrets), value)).toBe('user-ada')
    }
    const during = await deploy(next, old)
    const renewed = sessionCookieOf(during, await during.signedIn('Grace'))
    const after = await deploy(next)
    expect(await userOf(after, renewed)).toBe('user-grace')
    newCommands()
    const refused = await getWith(after, '/whoami', `${sessionCookieName(after)}=${value}`)
    expect(refused.status).toBe(503)
    expect([valuesOf(refused, 'set-cookie'), valuesOf(refused, 'retry-after')]).toEqual([[], ['5']])
    expect(newCommands()).toEqual(['sessions.read'])
    expect(await userOf(before, value)).toBe('user-ada')
  })
})

describe('case 36: logout CSRF', () => {
  interface Attempt {
    readonly title: string
    readonly method?: string
    readonly target?: string
    readonly lines: (harness: Harness) => readonly string[]
    readonly status: number
  }
  const form = 'Content-Type: application/x-www-form-urlencoded'
  const refused: readonly Attempt[] = [
    {
      title: 'an image',
      method: 'GET',
      lines: () => ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: image'],
      status: 405,
    },
    {
      title: 'a link of ours',
      method: 'GET',
      lines: () => ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: navigate'],
      status: 405,
    },
    { title: 'an old browser and a link', method: 'GET', lines: () => [], status: 405 },
    { title: 'HEAD', method: 'HEAD', lines: () => ['Sec-Fetch-Site: same-origin'], status: 405 },
    { title: 'PUT', method: 'PUT', lines: () => ['Sec-Fetch-Site: same-origin'], status: 405 },
    { title: 'DELETE', method: 'DELETE', lines: () => ['Sec-Fetch-Site: same-origin'], status: 405 },
    {
      title: 'an overridden method',
      method: 'GET',
      target: '/logout?_method=POST',
      lines: () => ['X-HTTP-Method-Override: POST'],
      status: 405,
    },
    { title: 'no evidence', lines: () => [form], status: 403 },
    ...['cross-site', 'same-site', 'none', 'Same-Origin', 'same-origin, cross-site', ''].map((site) => ({
      title: `Sec-Fetch-Site: "${site}" beside our own Origin`,
      lines: ({ origin }: Harness) => [form, `Sec-Fetch-Site: ${site}`, `Origin: ${origin}`],
      status: 403,
    })),
    {
      title: 'two lines of Sec-Fetch-Site',
      lines: () => ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
      status: 403,
    },
    ...originAttempts(),
  ]

  it.each(refused)(
    'case 36: $title ends nothing',
    async ({ method = 'POST', target = '/logout', lines, status }) => {
      const { harness, probe } = await startProbed()
      const value = sessionCookieOf(harness, await harness.signedIn())
      probe.newCommands()
      const answer = await rawRequest(harness.origin, {
        method,
        target,
        lines: [`Cookie: ${sessionCookieName(harness)}=${value}`, ...lines(harness)],
        ...(method === 'POST' && { body: '' }),
      })
      expect([answer.status, valuesOf(answer, 'set-cookie')]).toEqual([status, []])
      if (status === 405) expect(valuesOf(answer, 'allow')).toEqual(['POST'])
      else expect(events(harness, 'csrf.rejected')).toHaveLength(1)
      expect(probe.newCommands()).toEqual([])
      expect(await userOf(harness, value)).toBe('user-ada')
    },
  )

  it.each([
    { title: 'Sec-Fetch-Site', lines: () => ['Sec-Fetch-Site: same-origin'] },
    {
      title: 'Sec-Fetch-Site beside Origin: null',
      lines: () => ['Sec-Fetch-Site: same-origin', 'Origin: null'],
    },
    { title: 'Origin alone', lines: ({ origin }: Harness) => [`Origin: ${origin}`] },
  ])('case 36: proof by $title signs out', async ({ lines }) => {
    const { harness } = await startProbed()
    const value = sessionCookieOf(harness, await harness.signedIn())
    const cookie = `Cookie: ${sessionCookieName(harness)}=${value}`
    const request = { method: 'POST', target: '/logout', lines: [cookie, ...lines(harness)], body: '' }
    expect((await rawRequest(harness.origin, request)).status).toBe(303)
    expect(await userOf(harness, value)).toBeNull()
  })

  it('case 36: a form on a foreign page ends nothing, with or without Sec-Fetch headers', async () => {
    const { harness } = await startProbed()
    const browser = await harness.signedIn()
    const from = `${harness.evil.origin}/page`
    const old = { 'sec-fetch-site': undefined, 'sec-fetch-mode': undefined, 'sec-fetch-dest': undefined }
    for (const headers of [{}, old]) {
      const page = await browser.post(`${harness.origin}/logout`, {}, { from, headers })
      expect([page.status, page.setCookies]).toEqual([403, []])
    }
    const link = await browser.get(`${harness.origin}/logout`, { from })
    expect([link.status, await whoami(browser, harness.origin)]).toEqual([405, 'user-ada'])
  })

  function originAttempts(): readonly Attempt[] {
    const attempt = (title: string, originOf: (own: string) => string): Attempt => ({
      title: `Origin ${title} from an old browser`,
      lines: ({ origin }) => [form, `Origin: ${originOf(origin)}`],
      status: 403,
    })
    return [
      attempt('of a stranger', () => 'https://evil.example'),
      attempt('null', () => 'null'),
      attempt('empty', () => ''),
      attempt('with a slash', (own) => `${own}/`),
      attempt('with another port', (own) => own.replace(/:\d+$/, ':1')),
      attempt('without a port', (own) => own.replace(/:\d+$/, '')),
      attempt('that begins like ours', (own) => `${own}.evil.example`),
      attempt('with ours as user', (own) => `${own}@evil.example`),
      attempt('of two values', (own) => `${own}, https://evil.example`),
      attempt('by another name of this machine', (own) => own.replace('127.0.0.1', 'localhost')),
      attempt('of another scheme', (own) => own.replace('http:', 'https:')),
    ]
  }
})
