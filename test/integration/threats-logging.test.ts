import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { format, inspect } from 'node:util'
import { consoleLogger } from '@latchkey/core'
import { type Latchkey, type LatchkeyOptions, latchkey, oauth2, type ProviderPreset } from '@latchkey/express'
import { SecretMarks, type UserAgent } from '@latchkey/testing'
import type { Express, Request } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Sealer } from '../../packages/core/src/crypto/seal.ts'
import type { LatchkeyError } from '../../packages/core/src/errors.ts'
import { read } from '../repo/source-files.ts'
import { getWith, sessionCookieName, sessionCookieOf } from './cookie-requests.fixture.ts'
import {
  events,
  type Harness,
  type HarnessServers,
  type HarnessSetup,
  startHarness,
  startServers,
} from './harness.fixture.ts'
import { authorizationResponse, locationOf } from './login-steps.fixture.ts'
import { navigationLines, rawRequest } from './raw-http.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'

/** Every LatchkeyError that was made, also those that are answered inside and never thrown at the app. */
const made = vi.hoisted((): LatchkeyError[] => [])

vi.mock('../../packages/core/src/errors.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../packages/core/src/errors.ts')>()
  class RecordedError extends original.LatchkeyError {
    constructor(...parts: ConstructorParameters<typeof original.LatchkeyError>) {
      super(...parts)
      made.push(this)
    }
  }
  return { ...original, LatchkeyError: RecordedError }
})

interface World {
  readonly harness: Harness
  readonly probe: StoreProbe
  readonly secret: string
  readonly browser: UserAgent
  /** What `auth.events` announced. */
  readonly announced: unknown[]
}

/** A second provider at the same server, so that a login can be answered at the wrong place. */
function otherProvider({ as }: HarnessServers): ProviderPreset {
  return oauth2({
    id: 'other',
    clientId: 'example-client',
    clientSecret: 'example-client-secret',
    authorizationEndpoint: as.endpoints.authorization,
    tokenEndpoint: as.endpoints.token,
    userinfo: as.endpoints.userinfo,
    resourceOrigins: ['https://other.example'],
  })
}

async function startWorld(setup: HarnessSetup = {}): Promise<World> {
  const servers = await startServers({ ...setup, server: { autoApprove: 'user-ada', ...setup.server } })
  const probe = probedStore(servers.clock)
  const secret = randomBytes(32).toString('base64url')
  const options = { store: probe.store, secret }
  const others = [otherProvider(servers)]
  const harness = await startHarness({ routes: appRoutes, ...setup, servers, others, options })
  const announced: unknown[] = []
  for (const name of [
    'login',
    'logout',
    'refresh',
    'refresh_failed',
    'account_ended',
    'save_lost',
  ] as const) {
    harness.auth.events.on(name, (event) => announced.push(event))
  }
  made.length = 0
  return { harness, probe, secret, browser: harness.newBrowser(), announced }
}

function appRoutes(app: Express, auth: Latchkey<'example'>): void {
  // Ids of this file's providers, which are not those that the examples register.
  app.get('/admin', auth.requireLogin({ scope: ['admin'] }), (_req, res) => void res.end())
  app.get('/other', auth.requireLogin({ provider: 'other' } as never), (_req, res) => void res.end())
  app.get('/account', (req, res) => void res.json(req.oauth.account('example' as never).id))
  app.get('/late', async (req, res) => {
    res.write('begun')
    await req.oauth.login().finally(() => res.end())
  })
  app.get('/login-at', async (req) => req.oauth.login({ provider: String(req.query.id) as never }))
  app.get('/fetch', async (req, res) => {
    const { value } = await req.oauth.accessToken()
    const url = String(req.query.url).replace('TOKEN', value)
    const headers: Record<string, string> = req.query.header
      ? { [String(req.query.header)]: `Bearer ${value}\n` }
      : {}
    res.json((await req.oauth.fetch(url, { headers })).status)
  })
}

/** Everything secret that this world has seen, from both sides of every wire. */
function secretsOf({ harness, probe, secret, browser }: World): SecretMarks {
  const marks = new SecretMarks()
  const add = (kind: string, value: string | null | undefined): void => {
    for (const part of [value ?? '', ...(value ?? '').split('.')])
      if (part.length >= 20) marks.add(kind, part)
  }
  add('secret', secret)
  add('client_secret', 'example-client-secret')
  for (const { name, value } of browser.cookies.all) add(name, value)
  for (const text of harness.sent) {
    for (const [, value] of text.matchAll(/(?:latchkey|lk\.t)[^=";]*=([^";]+)/g))
      add('cookie', decodeURIComponent(value ?? ''))
  }
  for (const { query, form, headers } of harness.as.requests) {
    for (const name of ['state', 'nonce']) add(name, query.get(name))
    for (const name of ['code', 'code_verifier', 'refresh_token', 'token']) add(name, form.get(name))
    add('authorization', headers.authorization?.split(' ')[1])
  }
  for (const { name } of [...probe.sessions(), ...probe.grants()]) add('locator', name)
  return marks
}

/** The error as pino's standard serializer writes it. */
function pinoLike(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name: type, message, stack, cause } = error
  const fields = Object.fromEntries(Object.entries(error).map(([key, value]) => [key, pinoLike(value)]))
  return { type, message, stack, cause: pinoLike(cause), ...fields }
}

/** The error as winston's `errors` and `json` formats write it. */
function winstonLike(error: Error): string {
  const info: Record<string, unknown> = {
    level: 'error',
    ...error,
    message: error.message,
    stack: error.stack,
  }
  for (const key of Reflect.ownKeys(error)) info[String(key)] = Reflect.get(error, key)
  return JSON.stringify(info, (_key, value) => (typeof value === 'bigint' ? String(value) : value))
}

/** Every way in which an app lets an error out. */
async function printed(error: LatchkeyError): Promise<readonly string[]> {
  const everything = { depth: Infinity, showHidden: true, getters: true } as const
  const clone: unknown = structuredClone(error)
  const wrapped = new AggregateError(
    [new Error('The route failed.', { cause: error })],
    'Several routes failed.',
  )
  const rethrown = await (async () => {
    throw error
  })().catch((caught: unknown) => caught)
  expect(rethrown).toBe(error)
  return [
    inspect(error, everything),
    inspect(error, { ...everything, customInspect: false }),
    inspect(wrapped, everything),
    inspect(clone, everything),
    JSON.stringify(error),
    JSON.stringify({ ...error }),
    JSON.stringify(clone),
    JSON.stringify(pinoLike(error)),
    JSON.stringify(pinoLike(wrapped)),
    winstonLike(error),
    format('%s %o %O %j %d', error, error, error, error, error),
    `${error} ${error.stack} ${String(error.cause)}`,
    Object.values(error.headers).join(),
  ]
}

/** A server that quotes the whole request in its error, as some do, in several spellings. */
function quoteRequest({ harness }: World, error: string, status = 400): void {
  let quote = ''
  harness.as.faults.next('token', 1, {
    when: ({ form, headers }) => {
      const fields = [...form].map(([name, value]) => `${name}=${value}`).join(' ')
      quote = [headers.authorization, fields, encodeURIComponent(fields)].join(' ')
      return true
    },
    commit: false,
    status,
    body: () => JSON.stringify({ error, error_description: quote.slice(0, 190), request: quote }),
  })
}

async function callbackOf({ harness, browser }: World): Promise<URL> {
  return (await authorizationResponse(browser, `${harness.origin}/login/example`)).callbackUrl
}

async function signIn({ harness, browser }: World): Promise<void> {
  const page = await browser.get(`${harness.origin}/login/example`)
  expect(page.status).toBeLessThan(400)
}

/** Signs in, lets the access token expire and calls the API. */
async function expired(world: World): Promise<void> {
  await world.harness.clock.advance(3601)
  await world.browser.get(`${world.harness.origin}/me`)
}

interface Provocation {
  readonly code: string
  readonly reason?: string | undefined
  readonly setup?: HarnessSetup
  readonly run: (world: World) => Promise<unknown>
}

const get = (path: string) => (world: World) => world.browser.get(world.harness.origin + path)
const signedIn = (run: (world: World) => Promise<unknown>) => async (world: World) => {
  await signIn(world)
  await run(world)
}
const callback = (change: (url: URL) => void) => async (world: World) => {
  const url = await callbackOf(world)
  change(url)
  await world.browser.get(url)
}
const exchange = (prepare: (world: World) => void) => async (world: World) => {
  const url = await callbackOf(world)
  prepare(world)
  await world.browser.get(url)
}
const formPost: HarnessSetup = { provider: { responseMode: 'form_post' } }
const formType = 'Content-Type: application/x-www-form-urlencoded'

const provocations: readonly Provocation[] = [
  { code: 'login_required', reason: 'signed_out', run: get('/me') },
  { code: 'login_required', reason: 'no_account', run: signedIn(get('/other')) },
  {
    code: 'login_required',
    reason: 'grant_ended',
    run: signedIn(async (world) => {
      world.harness.as.killRefreshToken('user-ada')
      await expired(world)
    }),
  },
  {
    code: 'login_required',
    reason: 'refused',
    run: signedIn(async (world) => {
      quoteRequest(world, 'odd_error')
      await expired(world)
    }),
  },
  { code: 'insufficient_scope', run: signedIn(get('/admin')) },
  {
    code: 'state_mismatch',
    reason: 'no_transaction',
    run: callback((url) => url.searchParams.set('state', 'x'.repeat(43))),
  },
  {
    code: 'state_mismatch',
    reason: 'provider_mismatch',
    run: callback((url) => {
      url.pathname = '/callback/other'
    }),
  },
  {
    code: 'invalid_callback',
    reason: 'duplicate',
    run: callback((url) => url.searchParams.append('code', 'again')),
  },
  {
    code: 'invalid_callback',
    reason: 'used',
    run: async (world) => {
      const url = await callbackOf(world)
      const copy = world.browser.clone()
      await world.browser.get(url)
      await copy.get(url)
    },
  },
  { code: 'invalid_callback', reason: 'no_code', run: callback((url) => url.searchParams.set('code', '')) },
  {
    code: 'invalid_callback',
    reason: 'code_refused',
    run: exchange((world) => quoteRequest(world, 'invalid_grant')),
  },
  {
    code: 'invalid_callback',
    reason: 'unknown_error',
    run: callback((url) => {
      url.searchParams.set('error', url.searchParams.get('code') ?? '')
      url.searchParams.set('error_description', `${url.search} ${btoa(url.search)}`)
      url.searchParams.delete('code')
    }),
  },
  ...['claims', 'signature'].map((kind) => ({
    code: 'invalid_callback',
    reason: kind === 'claims' ? 'id_token_nonce' : 'id_token_signature',
    setup: { openid: true },
    run: async (world: World) => {
      world.harness.as.policy.idToken = (build) =>
        kind === 'claims'
          ? build.sign({ claims: { nonce: 'other' } })
          : `${build.sign().slice(0, -20)}${'A'.repeat(20)}`
      await signIn(world).catch(() => {})
    },
  })),
  {
    code: 'invalid_callback',
    reason: 'method',
    run: async (world) => world.browser.post(await callbackOf(world)),
  },
  {
    code: 'invalid_callback',
    reason: 'content_type',
    setup: formPost,
    run: ({ harness }) =>
      rawRequest(harness.origin, { method: 'POST', target: '/callback/example', body: 'code=x' }),
  },
  {
    code: 'invalid_callback',
    reason: 'too_long',
    setup: formPost,
    run: ({ harness }) =>
      rawRequest(harness.origin, {
        method: 'POST',
        target: '/callback/example',
        lines: [formType],
        body: 'code='.padEnd(9_000, 'x'),
      }),
  },
  {
    code: 'invalid_callback',
    reason: 'relay',
    setup: formPost,
    run: get(`/callback/example?p=${'A'.repeat(200)}`),
  },
  {
    code: 'access_denied',
    reason: 'access_denied',
    run: callback((url) => {
      url.searchParams.set('error', 'access_denied')
      const quote = `No: code=${url.searchParams.get('code')} state=${url.searchParams.get('state')}`
      url.searchParams.set('error_description', quote)
    }),
  },
  {
    code: 'cross_site_request',
    reason: 'fetch_site',
    run: signedIn(({ harness, browser }) =>
      browser.post(`${harness.origin}/logout`, {}, { from: harness.evil.origin }),
    ),
  },
  {
    code: 'cross_site_request',
    reason: 'not_a_document',
    run: ({ harness, browser }) =>
      browser.get(`${harness.origin}/login/example`, { headers: { 'sec-fetch-dest': 'image' } }),
  },
  ...[
    { dropAfterCommit: true },
    { commit: true, status: 500 },
    { truncateAfterBytes: 90 },
    { fields: { access_token: 'bad\n' } },
  ].map((behaviour) => ({
    code: 'as_unavailable',
    run: exchange(({ harness }) => harness.as.faults.next('token', 1, behaviour)),
  })),
  {
    code: 'as_unavailable',
    reason: 'server_error',
    run: signedIn(async (world) => {
      quoteRequest(world, 'server_error', 500)
      world.harness.as.faults.always('token', { commit: true, status: 503 })
      await expired(world)
    }),
  },
  {
    code: 'as_unavailable',
    reason: 'userinfo_unauthorized',
    run: exchange(({ harness }) => harness.as.faults.next('userinfo', 1, { status: 401 })),
  },
  {
    code: 'as_misconfigured',
    reason: 'client_fault',
    run: exchange((world) => quoteRequest(world, 'invalid_client', 401)),
  },
  {
    code: 'as_misconfigured',
    reason: 'client_fault',
    run: signedIn(async (world) => {
      quoteRequest(world, 'unauthorized_client')
      await expired(world)
    }),
  },
  {
    code: 'as_misconfigured',
    reason: 'user_id_missing',
    run: exchange(({ harness }) => harness.as.faults.next('userinfo', 1, { body: '{}' })),
  },
  {
    code: 'store_unavailable',
    run: signedIn(async ({ harness, probe, browser }) => {
      probe.answer('sessions.read', (answer, ...args) => {
        throw Object.assign(new Error(`WRONGTYPE ${args.join()}`), { command: args, answer, cause: args })
      })
      await browser.get(`${harness.origin}/me`)
    }),
  },
  {
    code: 'store_unavailable',
    reason: 'unknown_key',
    run: signedIn(async ({ harness, probe, browser }) => {
      const foreign = new Sealer([randomBytes(32).toString('base64url')])
      const sealed = foreign.seal({ kind: 'session', name: 'x', version: 'y' }, Buffer.from('{}'))
      probe.answer('sessions.read', () => ({ version: 'y', sealed }))
      await browser.get(`${harness.origin}/me`)
    }),
  },
  {
    code: 'account_ambiguous',
    // Linking comes later, so the record of somebody with two accounts is sealed here.
    run: signedIn(async ({ harness, probe, secret, browser }) => {
      const [stored] = probe.sessions()
      const { name = '', record } = stored ?? {}
      const sealer = new Sealer([secret])
      const binding = { kind: 'session', name } as const
      const text = sealer.open(
        { ...binding, version: record?.version ?? '' },
        record?.sealed ?? Buffer.alloc(0),
      )
      const session = JSON.parse(Buffer.from(text).toString())
      session.accounts.push({ ...session.accounts[0], id: 'user-grace' })
      const sealed = sealer.seal({ ...binding, version: 'two' }, Buffer.from(JSON.stringify(session)))
      probe.answer('sessions.read', () => ({ version: 'two', sealed }))
      await browser.get(`${harness.origin}/account`)
    }),
  },
  { code: 'origin_not_allowed', run: signedIn(get('/fetch?url=https://evil.example/TOKEN?token=TOKEN')) },
  { code: 'origin_not_allowed', run: signedIn(get('/fetch?url=https://TOKEN:TOKEN@api.example/')) },
  { code: 'origin_not_allowed', run: signedIn(get('/fetch?url=TOKEN')) },
  { code: 'not_supported', run: get('/late') },
  { code: 'invalid_options', run: get('/login-at?id=nobody') },
  {
    code: 'invalid_options',
    run: async ({ harness, secret }) => {
      const options: LatchkeyOptions = { baseUrl: harness.origin, providers: [otherProvider(harness)] }
      for (const bad of ['example-client-secret', `changeme-${secret}`, secret.slice(0, 31)]) {
        expect(() => latchkey({ ...options, secret: bad })).toThrow('secret')
      }
    },
  },
]

describe('case 97: errors', () => {
  it.each(provocations)(
    'case 97: $code ($reason), inspected, serialised, cloned, rethrown and logged, holds no secret',
    async ({ code, reason, setup, run }) => {
      const world = await startWorld(setup)
      await run(world)
      const { harness, announced } = world
      const provoked = made.filter(
        (error) => error.code === code && (reason === undefined || error.reason === reason),
      )
      expect(provoked, made.map((error) => `${error.code} ${error.reason}`).join()).not.toEqual([])
      const marks = secretsOf(world)
      for (const error of new Set([...made, ...harness.errors])) {
        for (const text of await printed(error as LatchkeyError)) {
          // only ours are provoked
          expect([...harness.as.marks.findIn(text), ...marks.findIn(text)], `${code}: ${text}`).toEqual([])
        }
        expect(Object.hasOwn(Object(error), 'cause')).toBe(false)
      }
      for (const told of [harness.logged, announced]) {
        const text = inspect(told, { depth: Infinity })
        expect([...harness.as.marks.findIn(text), ...marks.findIn(text)], text).toEqual([])
      }
    },
  )

  it('case 97: every code of this release is provoked above', () => {
    const codes = /statusOfCode = \{([^}]*)\}/.exec(read('packages/core/src/errors.ts'))?.[1] ?? ''
    const all = [...codes.matchAll(/(\w+): \d+/g)].map(([, code]) => code)
    const later = ['account_mismatch', 'account_in_use']
    expect([...new Set([...provocations.map(({ code }) => code), ...later])].toSorted()).toEqual(
      all.toSorted(),
    )
  })

  it('case 97: an error of the platform on the way to an API holds no token either', async () => {
    const world = await startWorld()
    const { harness, browser } = world
    await signIn(world)
    harness.rs.faults.always('resource', { dropBeforeCommit: true })
    expect((await browser.get(`${harness.origin}/me`)).status).toBe(500)
    for (const header of ['authorization', 'x-token', 'host']) {
      const page = await browser.get(`${harness.origin}/fetch?url=${harness.rs.origin}/&header=${header}`)
      expect(page.status).toBe(500)
    }
    expect(harness.errors).toHaveLength(4)
    const marks = secretsOf(world)
    for (const error of harness.errors)
      expect([...harness.as.marks.findIn(error), ...marks.findIn(error)]).toEqual([])
  })
})

describe('case 98: debug output and telemetry', () => {
  /** What Node and undici announce by themselves. */
  const channels = [
    'undici:request:create',
    'undici:request:headers',
    'undici:client:sendHeaders',
    'undici:request:error',
    'http.client.request.start',
    'http.server.request.start',
  ] as const

  it('case 98: with a logger at every level our lines name no secret, no query and nothing but plain values', async () => {
    const world = await startWorld()
    const { harness, browser } = world
    await signIn(world)
    await harness.clock.advance(3601)
    await browser.get(`${harness.origin}/me?secret=in-the-query`)
    await browser.get(`${harness.origin}/callback/example?code=in-the-query&state=in-the-query`)
    await browser.get(`${harness.origin}/login/example?returnTo=//evil.example/in-the-query`)
    harness.as.faults.always('token', { status: 500 })
    await harness.clock.advance(3601)
    await browser.get(`${harness.origin}/me`)
    harness.as.faults.always('revoke', { status: 400, body: { error: 'in-the-query' } })
    await browser.post(`${harness.origin}/logout`)
    await browser.get(`${harness.origin}/me`)
    expect(new Set(harness.logged.map(({ level }) => level)).size).toBeGreaterThan(1)
    const marks = secretsOf(world)
    for (const { fields, message } of harness.logged) {
      const values = Object.values(fields)
      expect(
        values.filter((value) => !['string', 'number', 'boolean', 'undefined'].includes(typeof value)),
      ).toEqual([])
      const line = `${message} ${values.join(' ')}`
      expect(line).not.toMatch(/in-the-query|[?&]\w+=|user-ada|ada@example/)
      expect([...harness.as.marks.findIn(line), ...marks.findIn(line)]).toEqual([])
    }
  })

  it("case 98: undici's own channels show the token on its way, which the README says; ours there are none", async () => {
    const seen = new Map<string, unknown[]>()
    const listeners = channels.map((name) => {
      const listener = (message: unknown): void => {
        seen.set(name, [...(seen.get(name) ?? []), message])
      }
      subscribe(name, listener)
      return { name, listener }
    })
    const world = await startWorld()
    const { harness, browser } = world
    try {
      await signIn(world)
      await browser.get(`${harness.origin}/me`)
    } finally {
      for (const { name, listener } of listeners) unsubscribe(name, listener)
    }
    const { accessToken = '' } = harness.as.liveFor('user-ada') ?? {}
    const wire = inspect(seen.get('undici:client:sendHeaders'), { depth: 4, maxStringLength: Infinity })
    expect(wire).toContain(accessToken)
    expect(read('README.md')).toMatch(/diagnostics channels[^\n]*token/i)
    const sources = ['packages/core', 'packages/express'].flatMap((folder) => [`${folder}/src/index.ts`])
    expect(sources.map(read).join('')).not.toContain('diagnostics_channel')
  })

  it('case 98: the README says what access logs and NODE_DEBUG show of a callback', () => {
    const readme = read('README.md')
    expect(readme).toMatch(/access log[^\n]*drop the query of `\/callback/i)
    expect(readme).toMatch(/NODE_DEBUG`? is unsafe/i)
  })

  it('case 98: no answer on our routes leads a referrer or a shared cache to the code', async () => {
    const { harness, browser } = await startWorld()
    const { callbackUrl } = await authorizationResponse(
      browser,
      `${harness.origin}/login/example?returnTo=/whoami`,
    )
    const answer = await browser.get(callbackUrl, { redirect: 'manual' })
    expect(answer.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
    expect(locationOf(answer)).toBe('/whoami')
    const again = await browser.clone().get(callbackUrl, { redirect: 'manual' })
    expect(again.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
  })
})

describe('case 99: objects and log injection', () => {
  const everything = {
    depth: Infinity,
    showHidden: true,
    maxStringLength: Infinity,
    maxArrayLength: Infinity,
  } as const
  /** What apps do with what they are given, for a look. */
  const dumps: Readonly<Record<string, (req: Request) => string>> = {
    'JSON.stringify(req.oauth)': (req) => JSON.stringify(req.oauth),
    'console.log(req.oauth)': (req) => inspect(req.oauth, everything),
    'console.log(req.oauth) without its own inspect': (req) =>
      inspect(req.oauth, { ...everything, customInspect: false }),
    'console.log(account)': (req) =>
      inspect(req.oauth.accounts, { ...everything, customInspect: false }) +
      inspect(req.oauth.accounts, everything),
    'a template dump': (req) => {
      const parts: unknown[] = [req.oauth, req.oauth.user, ...req.oauth.accounts]
      return parts
        .map(
          (part) =>
            `${part} ${JSON.stringify(part)} ${JSON.stringify(Object.entries(Object(part)))} ${dumped(part)}`,
        )
        .join('\n')
    },
    'console.log(req)': (req) => inspect(req, everything),
    'console.log(req) without own inspects': (req) => inspect(req, { ...everything, customInspect: false }),
    'a spread and a clone': (req) =>
      inspect([{ ...req.oauth }, structuredClone(JSON.parse(JSON.stringify(req.oauth)))], everything),
  }

  /** Every enumerable member, inherited ones too, as a template without escaping prints it. */
  function dumped(value: unknown): string {
    const parts: string[] = []
    for (const name in Object(value)) parts.push(`${name}=${String(Reflect.get(Object(value), name))}`)
    return parts.join()
  }

  it.each(Object.keys(dumps))(
    'case 99: %s shows who is signed in, and no token, key or secret',
    async (name) => {
      let text = ''
      const world = await startWorld({
        routes: (app, auth, { rs }) => {
          app.get('/dump', async (req, res) => {
            // With the token in use, so that it is in memory.
            await req.oauth.fetch(`${rs.origin}/me`)
            text = dumps[name]?.(req) ?? ''
            res.end()
          })
          app.get('/json', async (req, res) => void res.json(req.oauth))
          app.get(
            '/auth',
            (_req, res) => void res.send(inspect(auth, { ...everything, customInspect: false })),
          )
        },
      })
      const { harness, browser, secret } = world
      await signIn(world)
      await browser.get(`${harness.origin}/dump`)
      expect(text).toContain('user-ada'.slice(0, name.includes('without') ? 0 : 8))
      expect(text.length).toBeGreaterThan(10)
      const { accessToken = '', refreshToken = '' } = harness.as.liveFor('user-ada') ?? {}
      const own = new SecretMarks()
      for (const value of [secret, accessToken, refreshToken, 'example-client-secret'])
        own.add('secret', value)
      expect([...harness.as.marks.findIn(text), ...own.findIn(text)]).toEqual([])
      if (!name.includes('(req)')) {
        const [locator = '', half = ''] = sessionCookieOf(harness, browser).split('.')
        expect([text.includes(locator), text.includes(half)]).toEqual([false, false])
      }
      const json = await browser.get(`${harness.origin}/json`)
      expect(JSON.parse(json.text)).toEqual({
        isAuthenticated: true,
        userId: 'example:user-ada',
        user: {
          provider: 'example',
          id: 'user-ada',
          name: 'Ada',
          email: 'ada@example.com',
          emailVerified: true,
        },
        accounts: [{ provider: 'example', id: 'user-ada' }],
      })
      const auth = await browser.get(`${harness.origin}/auth`)
      expect([...harness.as.marks.findIn(auth.text), ...own.findIn(auth.text)]).toEqual([])
    },
  )

  it('case 99: req.oauth of a failed store prints without throwing', async () => {
    const world = await startWorld({
      routes: (app) => {
        app.get('/dump', (req, res) => void res.json([req.oauth, inspect(req.oauth, everything)]))
      },
    })
    await signIn(world)
    world.probe.answer('sessions.read', () => {
      throw new Error('down')
    })
    const page = await world.browser.get(`${world.harness.origin}/dump`)
    expect(JSON.parse(page.text)).toEqual([{ isAuthenticated: 'unknown' }, "{ isAuthenticated: 'unknown' }"])
  })

  const evil =
    'x\r\nlatchkey error: forged event="login"\n\u001b[31mred\u001b[0m\u0000\u0007\u009b2J\u2028y\u202e'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not come through
  const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/

  afterEach(() => vi.restoreAllMocks())

  it('case 99: control characters in claims reach neither a log line nor req.oauth', async () => {
    const lines = recordConsole()
    const user = {
      id: 'user-eve',
      name: evil,
      email: `e${evil}@example.com`,
      picture: `https://a.example/${evil}`,
    }
    const world = await startWorld({
      server: { users: [user], autoApprove: 'user-eve' },
      options: { logger: consoleLogger },
      routes: (app) => {
        app.get('/user', (req, res) => void res.json(req.oauth.user))
      },
    })
    await signIn(world)
    const { name, email, picture } = JSON.parse(
      (await world.browser.get(`${world.harness.origin}/user`)).text,
    )
    expect(
      [name, email, picture].filter((text: string) => control.test(text) || text.includes('\n')),
    ).toEqual([])
    expectOneLineEach(lines)
  })

  it('case 99: an id with control characters signs nobody in', async () => {
    const world = await startWorld({
      server: { users: [{ id: `user${evil}`, name: 'Eve' }], autoApprove: `user${evil}` },
    })
    const page = await world.browser.get(`${world.harness.origin}/login/example`)
    expect([page.status, page.text.includes('forged')]).toEqual([500, false])
  })

  it('case 99: error text of the server, in a redirect or a token answer, stays one clean line per event', async () => {
    const lines = recordConsole()
    const servers = await startServers({ server: { autoApprove: 'user-ada' } })
    const harness = await startHarness({ servers, options: { logger: consoleLogger } })
    const world: World = {
      harness,
      probe: probedStore(servers.clock),
      secret: '',
      browser: harness.newBrowser(),
      announced: [],
    }
    made.length = 0
    for (const error of ['access_denied', 'invalid_scope', `odd${evil}`]) {
      await callback((url) => {
        url.searchParams.set('error', error)
        url.searchParams.set('error_description', evil)
      })(world)
    }
    for (const error of ['invalid_grant', 'invalid_client', `odd${evil}`]) {
      const body = { error, error_description: evil, error_uri: evil }
      await exchange(() => harness.as.faults.next('token', 1, { status: 400, body }))(world)
    }
    await signIn(world)
    harness.as.faults.next('token', 1, {
      status: 400,
      body: { error: `odd${evil}`, error_description: evil },
    })
    await expired(world)
    expect(lines.filter((line) => line.includes('callback.rejected'))).toHaveLength(6)
    expect(lines.filter((line) => line.includes('refresh.failed'))).toHaveLength(1)
    expectOneLineEach(lines)
    for (const error of made) {
      expect(control.test(`${error.message}${error.oauth?.error}${error.oauth?.description}`)).toBe(false)
    }
  })

  it('case 99: odd requests write one clean line each, whatever User-Agent, path and cookies hold', async () => {
    const lines = recordConsole()
    const harness = await startHarness({ options: { logger: consoleLogger } })
    const odd = '\u001b[31mx\u009b2J'
    const value = `${randomBytes(16).toString('base64url')}.${randomBytes(32).toString('base64url')}`
    const name = sessionCookieName(harness)
    const cookies = `${name}=${value}; ${name}=${value}; ${odd}=1; lk.t.x${odd}=y`
    for (const line of [
      `User-Agent: ${odd}`,
      `Referer: ${odd}`,
      `Origin: ${odd}`,
      `Sec-Fetch-Site: ${odd}`,
    ]) {
      await getWith(harness, '/whoami', cookies, [line])
      await rawRequest(harness.origin, {
        method: 'POST',
        target: '/logout',
        lines: [...navigationLines.slice(0, 1), line],
        body: '',
      })
    }
    for (const target of [
      '/login/example?returnTo=%0d%0aforged%1b[31m',
      '/callback/example?code=%0aforged&state=%1b[31m',
    ]) {
      await rawRequest(harness.origin, { target, lines: navigationLines })
    }
    expect(lines.length).toBeGreaterThan(1)
    expectOneLineEach(lines)
    expect(lines.join('')).not.toMatch(/forged|\[31m/)
    expect(events(harness, 'callback.rejected')).toEqual([])
  })

  function recordConsole(): readonly string[] {
    const lines: string[] = []
    for (const level of ['warn', 'error', 'info', 'log', 'debug'] as const) {
      vi.spyOn(console, level).mockImplementation((...parts) => void lines.push(format(...parts)))
    }
    return lines
  }

  function expectOneLineEach(lines: readonly string[]): void {
    expect(lines.filter((line) => line.includes('\n') || control.test(line))).toEqual([])
    expect(lines.filter((line) => !/^latchkey (warn|error): /.test(line))).toEqual([])
  }
})
