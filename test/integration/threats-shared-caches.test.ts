import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { RequestOAuth } from '@latchkey/express'
import { CookieJar, type PageResponse, UserAgent } from '@latchkey/testing'
import type { Express, Request, RequestHandler, Response } from 'express'
import session from 'express-session'
import { describe, expect, it } from 'vitest'
import { FailingStore } from '../faults/failing-store.fixture.ts'
import { type CacheManners, startCachingProxy } from './caching-proxy.fixture.ts'
import {
  type Harness,
  type HarnessSetup,
  isFastify,
  itOnExpress,
  startHarness,
  startServers,
} from './harness.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const forAll = 'public, max-age=600'
const manners: readonly CacheManners[] = ['careful', 'careless']

/** An app with a shared cache between it and its visitors. */
interface BehindCache extends Harness {
  /** A browser that can only reach the cache; `direct` is the same one past it. */
  visitor(): { readonly cached: UserAgent; readonly direct: UserAgent }
  /** A visitor who has signed in, through the cache. */
  signedInAs(name: string): Promise<ReturnType<BehindCache['visitor']>>
}

async function startBehindCache(
  how: CacheManners,
  setup: Omit<HarnessSetup, 'servers'> = {},
): Promise<BehindCache> {
  const servers = await startServers()
  const proxy = await startCachingProxy(how)
  const harness = await startHarness({
    ...setup,
    servers,
    options: { baseUrl: publicOrigin, ...setup.options },
  })
  servers.as.registerRedirectUri(`${publicOrigin}/callback/example`)
  proxy.target = harness.origin
  const { clock } = servers
  const visitor = (): ReturnType<BehindCache['visitor']> => {
    const cookies = new CookieJar(() => clock.now())
    const via = (origin: string) => new UserAgent({ clock, origins: { [publicOrigin]: origin } }, cookies)
    return { cached: via(proxy.origin), direct: via(harness.origin) }
  }
  const signedInAs = async (name: string): Promise<ReturnType<BehindCache['visitor']>> => {
    const made = visitor()
    const page = await made.cached.signIn(`${publicOrigin}/login/example`, { as: name })
    expect(page.history.flatMap(cacheHits)).toEqual([])
    return made
  }
  return { ...harness, visitor, signedInAs }
}

/** The address of an answer that the cache gave from its store. */
function cacheHits(page: PageResponse): readonly string[] {
  return page.headers['x-cache'] === 'hit' ? [page.url] : []
}

const open = (browser: UserAgent, path: string): Promise<PageResponse> =>
  browser.get(publicOrigin + path, { redirect: 'manual' })

/** What an answer says to caches. */
function caching({ headers }: PageResponse): readonly [control: unknown, vary: unknown] {
  return [headers['cache-control'], headers.vary]
}

/** Answers what the look showed, and says that everybody may keep it. */
function lookRoute(look: Look, rsOrigin: () => string): RequestHandler {
  return async (req, res) => {
    const seen = await Promise.resolve(oauthOf(req))
      .then((oauth) => look(oauth, rsOrigin()))
      .catch((error: Error) => error.message)
    res.set('Cache-Control', forAll).json({ seen, user: nameOf(req) })
  }
}

/** Whose page it is, without a look at req.oauth: the test's own word for each browser. */
function nameOf(req: Request): string | undefined {
  return req.get('x-visitor')
}

/** `req.oauth`, whatever ids another program registered. */
function oauthOf(req: Request): RequestOAuth {
  return req.oauth as unknown as RequestOAuth
}

type Look = (oauth: RequestOAuth, rsOrigin: string) => unknown

const looks: Readonly<Record<string, Look>> = {
  isAuthenticated: (oauth) => oauth.isAuthenticated,
  user: (oauth) => oauth.user?.id,
  userId: (oauth) => oauth.userId,
  accounts: (oauth) => oauth.accounts.map(({ id }) => id),
  'account()': (oauth) => oauth.account('example').id,
  'requireUser()': (oauth) => oauth.requireUser().id,
  'fetch()': async (oauth, rsOrigin) => (await oauth.fetch(`${rsOrigin}/me`)).json(),
  'request()': async (oauth, rsOrigin) => (await oauth.request(`${rsOrigin}/me`)).body.json(),
  'accessToken()': async (oauth) => (await oauth.accessToken()).scope,
  'toJSON()': (oauth) => oauth,
}

describe.each(manners)('case 32: behind a %s shared cache', (how) => {
  it.each(Object.keys(looks))('case 32: what req.oauth.%s brought is given to nobody else', async (name) => {
    const look = looks[name] ?? (() => undefined)
    const harness = await startBehindCache(how, {
      routes: (app, _auth, { rs }) =>
        app.get(
          '/look',
          lookRoute(look, () => rs.origin),
        ),
    })
    const [ada, grace, stranger] = [
      await harness.signedInAs('Ada'),
      await harness.signedInAs('Grace'),
      harness.visitor(),
    ]
    for (const [of, who] of Object.entries({ ada, grace, stranger, again: ada })) {
      const headers = { 'x-visitor': of }
      const page = await who.cached.get(`${publicOrigin}/look`, { headers })
      expect(JSON.parse(page.text).user, 'whose page').toBe(of)
      expect([...caching(page), ...cacheHits(page)]).toEqual(['no-store', 'Cookie'])
      expect(page.text).toBe((await who.direct.get(`${publicOrigin}/look`, { headers })).text)
    }
  })

  const ways: Readonly<Record<string, (res: Response, text: string) => unknown>> = {
    'by set()': (res, text) => res.set('Cache-Control', forAll).send(text),
    'in writeHead()': (res, text) => res.writeHead(200, { 'cache-control': forAll }).end(text),
    'in writeHead() as a list': (res, text) => res.writeHead(200, ['Cache-Control', forAll]).end(text),
    'in writeHead() with a reason': (res, text) =>
      res.writeHead(200, 'Fine', { 'CACHE-CONTROL': forAll }).end(text),
    'and streamed': (res, text) => {
      res.set('Cache-Control', forAll).write(text)
      res.end()
    },
    'and flushed': (res, text) => {
      res.set('Cache-Control', forAll).flushHeaders()
      res.end(text)
    },
    // Fastify has no such method.
    ...(!isFastify && {
      'by sendFile()': (res: Response, text: string) => {
        res.set('X-User', text)
        res.sendFile(fileURLToPath(import.meta.url), { maxAge: 600_000 })
      },
    }),
    'for CDNs alone': (res, text) => {
      res.set({ 'Cache-Control': 'private', 'CDN-Cache-Control': forAll, 'Surrogate-Control': forAll })
      res.send(text)
    },
  }

  it.each(Object.entries(ways))('case 32: a public Cache-Control %s does not win', async (_name, way) => {
    const harness = await startBehindCache(how, {
      routes: (app) => app.get('/page', (req, res) => void way(res, String(req.oauth.userId))),
    })
    for (const name of ['Ada', 'Grace']) {
      const page = await open((await harness.signedInAs(name)).cached, '/page')
      const shown = `${page.headers['x-user'] ?? ''}${page.text}`
      expect([page.status, shown.includes(`example:user-${name.toLowerCase()}`)]).toEqual([200, true])
      expect([page.headers.vary, ...cacheHits(page)]).toEqual(['Cookie'])
      const names = ['cache-control', 'cdn-cache-control', 'surrogate-control']
      for (const text of names.map((key) => page.headers[key] ?? 'no-store'))
        expect(['no-store', 'private']).toContain(text)
    }
  })

  it('case 32: a guarded page is not given to who is not signed in, nor the way to the login to who is', async () => {
    const publicly: RequestHandler = (_req, res, next) => {
      res.set('Cache-Control', forAll)
      next()
    }
    const harness = await startBehindCache(how, {
      routes: (app, auth) => {
        app.get('/guarded', publicly, auth.requireLogin(), (_req, res) => void res.send('for members'))
        app.get('/script', publicly, auth.requireLogin(), (_req, res) => void res.send('for members'))
      },
    })
    const stranger = harness.visitor()
    const first = await open(stranger.cached, '/guarded')
    expect([first.status, ...caching(first)]).toEqual([302, 'no-store', 'Cookie'])
    const ada = await harness.signedInAs('Ada')
    const page = await open(ada.cached, '/guarded')
    expect([page.status, page.text, ...caching(page)]).toEqual([200, 'for members', 'no-store', 'Cookie'])
    expect((await open(stranger.cached, '/guarded')).status).toBe(302)
    const script = { headers: { accept: 'application/json', 'sec-fetch-mode': 'cors' } }
    for (const [who, status] of [
      [stranger, 401],
      [ada, 200],
      [stranger, 401],
    ] as const) {
      const answer = await who.cached.get(`${publicOrigin}/script`, script)
      expect([answer.status, ...caching(answer), ...cacheHits(answer)]).toEqual([
        status,
        'no-store',
        'Cookie',
      ])
    }
  })

  it('case 32: no answer of a sign-in or a sign-out is kept, whatever the app said about caching', async () => {
    const harness = await startBehindCache(how, {
      before: (app) => {
        app.use((_req, res, next) => {
          res.set('Cache-Control', forAll)
          next()
        })
      },
      routes: (app) => {
        app.get('/in', (req) => oauthOf(req).login({ provider: 'example', returnTo: '/whoami' }))
        app.get('/out', (req) => req.oauth.logout())
      },
    })
    const sessions = new Set<string | undefined>()
    for (const [name, path] of [
      ['Ada', '/login/example'],
      ['Grace', '/login/example'],
      ['Linus', '/in'],
    ] as const) {
      const who = harness.visitor()
      const page = await who.cached.signIn(publicOrigin + path, { as: name })
      const answers = [...page.history, page].filter(({ url }) => url.startsWith(publicOrigin))
      for (const answer of answers.slice(0, -1)) expect(caching(answer)).toEqual(['no-store', 'Cookie'])
      expect(answers.slice(0, -1).flatMap(cacheHits)).toEqual([])
      sessions.add(who.cached.cookies.get('__Host-latchkey')?.value)
      expect(JSON.parse((await who.cached.get(`${publicOrigin}/whoami`)).text).user).toBe(
        `user-${name.toLowerCase()}`,
      )
    }
    expect([sessions.size, sessions.has(undefined)]).toEqual([3, false])
    for (const path of ['/out', '/out', '/login', '/callback/example?state=x&code=y']) {
      const who = await harness.signedInAs('Ada')
      const page = await open(who.cached, path)
      expect([path, ...caching(page), ...cacheHits(page)]).toEqual([path, 'no-store', 'Cookie'])
      const { user } = JSON.parse((await who.cached.get(`${publicOrigin}/whoami`)).text) as { user: unknown } // own route
      expect([path, user]).toEqual([path, path === '/out' ? null : 'user-ada'])
    }
    const ada = await harness.signedInAs('Ada')
    const page = await ada.cached.post(`${publicOrigin}/logout`, {}, { redirect: 'manual' })
    expect([page.status, ...caching(page)]).toEqual([303, 'no-store', 'Cookie'])
  })

  it('case 32: a page that looks at no session stays cacheable, also for who has one', async () => {
    const lines: string[] = []
    const harness = await startBehindCache(how, {
      routes: (app, auth) => {
        app.get('/put', (req, res) => {
          Reflect.set(req.session, 'basket', 'apple')
          res.end()
        })
        const publicly = (res: Response) => res.set({ 'Cache-Control': forAll, Vary: 'Accept' })
        app.get('/plain', (_req, res) => void publicly(res).send('the same for all'))
        app.get('/buttons', (_req, res) => void publicly(res).send(auth.buttons()))
        app.get('/logging', (req, res) => {
          lines.push(inspect(req.oauth), inspect(req))
          publicly(res).send('the same for all')
        })
        app.get('/stranger', (req, res) => {
          const { cookie: _, ...data } = req.session
          publicly(res).json(data)
        })
        app.get('/gone', (_req, res, next) => {
          publicly(res)
          next(Object.assign(new Error('gone'), { status: 410, headers: { 'cache-control': forAll } }))
        })
      },
    })
    const ada = await harness.signedInAs('Ada')
    await ada.cached.get(`${publicOrigin}/put`)
    expect(ada.cached.cookies.all.map(({ name }) => name).sort()).toEqual([
      '__Host-latchkey',
      expect.stringMatching(/^__Host-latchkey-app/),
    ])
    for (const path of ['/plain', '/buttons', '/logging', '/gone']) {
      const first = await open(ada.cached, path)
      const second = await open(harness.visitor().cached, path)
      expect([path, ...caching(first), first.setCookies]).toEqual([path, forAll, 'Accept', []])
      expect([path, second.headers['x-cache'], second.text]).toEqual([path, 'hit', first.text])
    }
    expect(lines[0]).toContain('user-ada')
    // A stranger's req.session is empty, and so it is for all strangers; it is not what Ada gets when she asks first.
    const own = await open(ada.cached, '/stranger')
    expect([own.text, ...caching(own)]).toEqual(['{"basket":"apple"}', 'no-store', 'Accept, Cookie'])
    expect((await open(harness.visitor().cached, '/stranger')).text).toBe('{}')
    expect((await open(harness.visitor().cached, '/stranger')).headers['x-cache']).toBe('hit')
  })

  it('case 32: what req.session held, or was given, is given to nobody else', async () => {
    const changes: Readonly<Record<string, (req: Request) => unknown>> = {
      show: () => {},
      put: (req) => Reflect.set(req.session, 'secret', nameOf(req)),
      empty: (req) => Reflect.deleteProperty(req.session, 'secret'),
      destroy: (req) => new Promise((done) => req.session.destroy(done)),
      regenerate: (req) => new Promise((done) => req.session.regenerate(done)),
      replace: (req) => Reflect.set(req, 'session', null),
    }
    const harness = await startBehindCache(how, {
      routes: (app) => {
        for (const [name, change] of Object.entries(changes)) {
          app.get(`/${name}`, async (req, res) => {
            const before: unknown = Reflect.get(req.session, 'secret')
            await change(req)
            res.set('Cache-Control', forAll).json({ before })
          })
        }
      },
    })
    for (const path of Object.keys(changes)) {
      for (const name of ['ada', 'grace']) {
        const { cached } = harness.visitor()
        const headers = { 'x-visitor': name }
        const put = await cached.get(`${publicOrigin}/put`, { headers })
        expect([put.setCookies.length, ...caching(put), ...cacheHits(put)]).toEqual([1, 'no-store', 'Cookie'])
        const page = await cached.get(`${publicOrigin}/${path}`, { headers })
        expect([path, page.text]).toEqual([path, `{"before":"${name}"}`])
        expect([path, ...caching(page), ...cacheHits(page)]).toEqual([path, 'no-store', 'Cookie'])
      }
    }
  })
})

describe('case 32: what an answer says to shared caches', () => {
  it.each([
    ['private, max-age=60', undefined, ['private, max-age=60', 'Cookie']],
    ['no-store', 'Accept-Encoding', ['no-store', 'Accept-Encoding, Cookie']],
    ['private="x-user", max-age=60', 'Cookie', ['no-store', 'Cookie']],
    ['no-cache', '*', ['no-store', '*']],
    [undefined, 'accept, cookie', ['no-store', 'accept, cookie']],
  ])('case 32: the app says %j and Vary %j', async (control, vary, expected) => {
    const { origin, visitor } = await startOne((_req, res) => {
      if (control !== undefined) res.set('Cache-Control', control)
      if (vary !== undefined) res.set('Vary', vary)
    })
    expect(caching(await visitor.get(`${origin}/page`))).toEqual(expected)
  })

  itOnExpress('case 32: a middleware that sets the header as late as possible does not win', async () => {
    const { origin, visitor } = await startOne((_req, res) => {
      const writeHead = res.writeHead.bind(res)
      res.writeHead = ((...args: Parameters<Response['writeHead']>) => {
        res.setHeader('Cache-Control', forAll)
        return writeHead(...args)
      }) as Response['writeHead'] // overloads cannot be written as one function
    })
    expect(caching(await visitor.get(`${origin}/page`))).toEqual(['no-store', 'Cookie'])
  })

  it('case 32: an answer that nobody could look up is not kept either', async () => {
    const servers = await startServers()
    const failing = new FailingStore(servers.clock)
    const harness = await startHarness({
      servers,
      options: { store: failing.store },
      routes: (app) => {
        app.get('/either', (req, res) => {
          res.set('Cache-Control', forAll)
          let who: string | undefined = 'nobody knows'
          try {
            who = req.oauth.userId
          } catch {}
          res.send(who)
        })
      },
    })
    const browser = await harness.signedIn()
    failing.begin('refused from here on', 0)
    for (const [path, status] of [
      ['/either', 200],
      ['/me', 503],
    ] as const) {
      const page = await browser.get(harness.origin + path)
      expect([page.status, ...caching(page), page.setCookies]).toEqual([status, 'no-store', 'Cookie', []])
      if (status === 200) expect(page.text).toBe('nobody knows')
    }
  })

  itOnExpress('case 32: a session that the app mounted itself is the app’s own affair', async () => {
    const harness = await startHarness({
      before: (app: Express) => {
        const store = new session.MemoryStore()
        app.use(session({ secret: 'app', resave: false, saveUninitialized: true, store }))
      },
      routes: (app) => {
        app.get('/page', (req, res) => void res.set('Cache-Control', forAll).send(typeof req.session))
      },
    })
    expect(caching(await harness.browser.get(`${harness.origin}/page`))).toEqual([forAll, undefined])
  })

  /** A signed-in visitor, and one page that looks after `before` has run. */
  async function startOne(before: (req: Request, res: Response) => void) {
    const harness = await startHarness({
      routes: (app) => {
        app.get('/page', (req, res) => {
          before(req, res)
          res.end(String(req.oauth.isAuthenticated))
        })
      },
    })
    return { origin: harness.origin, visitor: await harness.signedIn() }
  }
})
