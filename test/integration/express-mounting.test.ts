import { type LatchkeyOptions, type Logger, latchkey, oauth2, type RequestOAuth } from '@latchkey/express'
import express, { type ErrorRequestHandler, type Express } from 'express'
import session from 'express-session'
import Fastify from 'fastify'
import request from 'supertest'
import { expect, describe as group, it, vi } from 'vitest'

const example = oauth2({
  id: 'example',
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  userinfo: 'https://as.example/me',
  resourceOrigins: ['https://api.example'],
  clientId: 'client-1',
  clientSecret: 'client-secret-1',
})

function setUp(options: Partial<LatchkeyOptions<'example'>> = {}) {
  const error = vi.fn<Logger['error']>()
  const silent = vi.fn<Logger['info']>()
  const auth = latchkey({
    baseUrl: 'http://127.0.0.1:3000',
    providers: [example],
    logger: { debug: silent, info: silent, warn: silent, error },
    ...options,
  })
  const app = express()
  return { app, auth, error }
}

/** One app with two kinds of visitors, each signed in by an instance of its own. */
function twoInstances() {
  const own = (name: string) => ({ routes: { prefix: `/${name}` }, signIn: { cookieName: name } })
  const { app, auth: customers } = setUp(own('customers'))
  const { auth: staff } = setUp(own('staff'))
  const who: express.RequestHandler = (req, res) => void res.json(req.oauth.user?.id)
  app.use(customers, staff)
  app.get('/customers', customers.requireLogin(), who)
  app.get('/staff', staff.requireLogin(), who)
  app.use(customers.errorHandler, staff.errorHandler)
  return { app, customers, staff }
}

/** Ends an app by answering errors with their code and message, or `no code` for those of others. */
function reportErrors(app: Express): Express {
  const report: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ code: error.code ?? 'no code', message: error.message })
  }
  return app.use(report)
}

const host = {
  host: '127.0.0.1:3000',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  accept: 'text/html',
}

group('app.use(auth)', () => {
  it('answers its routes and leaves all others to the app', async () => {
    const { app, auth } = setUp()
    app.use(auth).get('/hello', (_req, res) => void res.send('hello'))
    const login = await request(app).get('/login/example').set(host)
    expect(login.status).toBe(303)
    expect(new URL(String(login.headers.location)).origin).toBe('https://as.example')
    expect((await request(app).get('/hello')).text).toBe('hello')
    expect((await request(app).get('/nothing')).status).toBe(404)
  })

  it('matches the original URL under a mount path', async () => {
    const { app, auth } = setUp({ routes: { prefix: '/auth' } })
    app.use('/auth', auth)
    const login = await request(app).get('/auth/login/example').set(host)
    expect(login.status).toBe(303)
    expect(new URL(String(login.headers.location)).searchParams.get('redirect_uri')).toBe(
      'http://127.0.0.1:3000/auth/callback/example',
    )
    expect((await request(app).get('/login/example').set(host)).status).toBe(404)
  })

  it('matches the original URL inside a router', async () => {
    const { app, auth } = setUp({ routes: { prefix: '/auth' } })
    app.use('/auth', express.Router().use(auth))
    expect((await request(app).get('/auth/login/example').set(host)).status).toBe(303)
  })

  it('keeps to the paths without the prefix that a proxy strips, and links with it', async () => {
    const { app, auth } = setUp({ baseUrl: 'http://127.0.0.1:3000/shop' })
    app.use(auth)
    const login = await request(app).get('/login/example').set(host)
    expect(new URL(String(login.headers.location)).searchParams.get('redirect_uri')).toBe(
      'http://127.0.0.1:3000/shop/callback/example',
    )
    expect(auth.providers[0]?.loginPath).toBe('/shop/login/example')
    expect(auth.buttons()).toContain('href="/shop/login/example')
  })

  it('throws under a mount path that no route lies below, and names the fix', async () => {
    const { app, auth } = setUp()
    app.use('/somewhere', auth)
    const reply = await request(reportErrors(app)).get('/somewhere/login/example')
    expect(reply.body).toMatchObject({ code: 'invalid_options' })
    expect(reply.body.message).toMatch(/\/login\/example.*routes: \{ prefix \}/)
  })

  it('does its work once when it is mounted twice', async () => {
    const { app, auth } = setUp()
    const seen: RequestOAuth[] = []
    const look: express.RequestHandler = (req, _res, next) => {
      seen.push(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
      next()
    }
    app.use(auth, look, auth, look).get('/', (_req, res) => void res.end())
    await request(app).get('/')
    expect(seen[0]).toBe(seen[1])
  })

  it('gives every instance in an app its own req.oauth, and all of them one req.session', async () => {
    const { app, auth } = setUp()
    const { auth: other } = setUp({ routes: { prefix: '/other' } })
    const seen: [RequestOAuth, unknown][] = []
    const look: express.RequestHandler = (req, _res, next) => {
      seen.push([req.oauth as unknown as RequestOAuth, req.session]) // whatever ids another program registered
      next()
    }
    app.use(auth, look, other, look).get('/', (req, res) => void res.json(Object.keys(req)))
    const reply = await request(app).get('/')
    expect(seen[0]?.[0]).not.toBe(seen[1]?.[0])
    expect(seen[0]?.[1]).toBe(seen[1]?.[1])
    expect(reply.body).toEqual(expect.arrayContaining(['session', 'sessionID', 'sessionStore', 'oauth']))
  })

  it('guards by the session of the instance whose guard it is, whichever was mounted last', async () => {
    const { app, customers, staff } = twoInstances()
    const user = { id: 'ada' }
    const { cookie: ofCustomer } = await customers.createSession({ provider: 'example', user })
    const { cookie: ofStaff } = await staff.createSession({ provider: 'example', user: { id: 'bob' } })
    const answerTo = async (path: string, cookie: string): Promise<unknown> => {
      const { status, body } = await request(app).get(path).set({ cookie })
      return status === 200 ? body : status
    }
    expect(await answerTo('/customers', ofCustomer)).toBe('ada')
    expect(await answerTo('/customers', ofStaff)).toBe(401)
    expect(await answerTo('/staff', ofStaff)).toBe('bob')
    expect(await answerTo('/staff', ofCustomer)).toBe(401)
    expect(await answerTo('/staff', `${ofCustomer}; ${ofStaff}`)).toBe('bob')
    expect(await answerTo('/customers', `${ofCustomer}; ${ofStaff}`)).toBe('ada')
  })

  it('says what it is where Fastify registers it, or where it was not called', async () => {
    const { auth } = setUp()
    const fastify = Fastify()
    const registered = async (): Promise<void> => void (await fastify.register(auth as never))
    await expect(registered()).rejects.toThrow(/Import latchkey from @latchkey\/fastify/)
    const app = express().use(latchkey as unknown as express.RequestHandler)
    expect((await request(reportErrors(app)).get('/')).body.message).toContain('Write app.use(latchkey(')
  })

  it('refuses Express 4 at the first request and says why', async () => {
    const { app, auth } = setUp()
    Object.defineProperty(app, 'lazyrouter', { value: () => {} }) // what only an app of Express 4 has
    app.use(auth)
    const reply = await request(reportErrors(app)).get('/')
    expect(reply.body).toMatchObject({ code: 'not_supported', message: expect.stringContaining('Express 4') })
  })

  it('says once that a session middleware was mounted after it, and keeps its own', async () => {
    const { app, auth, error } = setUp()
    app.use(auth)
    app.use(session({ secret: 'keyboard', resave: false, saveUninitialized: true, name: 'own' }))
    app.get('/', (_req, res) => void res.end())
    for (let visit = 0; visit < 3; visit += 1) {
      expect((await request(app).get('/')).headers['set-cookie']).toBeUndefined()
    }
    expect(error.mock.calls).toEqual([
      [
        { event: 'app_session.mounted_twice' },
        expect.stringMatching(/before app\.use\(auth\).*session: false/),
      ],
    ])
  })

  it('has nothing to say about a session mounted after it with session: false', async () => {
    const { app, auth, error } = setUp({ session: false })
    app.use(auth)
    app.use(session({ secret: 'keyboard', resave: false, saveUninitialized: true, name: 'own' }))
    app.get('/', (_req, res) => void res.end())
    expect(String((await request(app).get('/')).headers['set-cookie'])).toMatch(/^own=/)
    expect(error).not.toHaveBeenCalled()
  })
})

group('requireLogin()', () => {
  it('says that app.use(auth) is missing', async () => {
    const { app, auth } = setUp()
    app.get('/', auth.requireLogin(), (_req, res) => void res.end())
    const reply = await request(reportErrors(app)).get('/')
    expect(reply.body).toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('app.use(auth)'),
    })
  })

  it('sends a navigation through the login and back', async () => {
    const { app, auth } = setUp()
    app.use(auth)
    app.get('/page', auth.requireLogin(), (_req, res) => void res.end())
    app.use(auth.errorHandler)
    const reply = await request(app).get('/page?a=b').set(host)
    expect([reply.status, reply.headers.location]).toEqual([302, '/login?returnTo=%2Fpage%3Fa%3Db'])
  })

  it('answers a script with problem details that name the login', async () => {
    const { app, auth } = setUp()
    app.use(auth)
    app.get('/page', auth.requireLogin({ provider: 'example' }), (_req, res) => void res.end())
    app.use(auth.errorHandler)
    const reply = await request(app).get('/page').set({ host: host.host, accept: 'application/json' })
    expect(reply.status).toBe(401)
    expect(reply.type).toBe('application/problem+json')
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'login_required', login: '/login/example' })
  })

  it('sends status and headers by Express’s own handler where errorHandler is not mounted', async () => {
    const { app, auth } = setUp()
    app.set('env', 'test').use(auth)
    app.get('/page', auth.requireLogin(), (_req, res) => void res.end())
    const reply = await request(app).get('/page')
    expect([reply.status, reply.headers['cache-control']]).toEqual([401, 'no-store'])
  })

  it('works detached from auth', async () => {
    const { app, auth } = setUp()
    const { requireLogin, errorHandler, buttons } = auth
    app.use(auth)
    app.get('/page', requireLogin(), (_req, res) => void res.end())
    app.use(errorHandler)
    expect((await request(app).get('/page').set('accept', 'application/json')).status).toBe(401)
    expect(buttons()).toContain('/login/example')
  })
})

group('errorHandler', () => {
  it('passes the errors of others on, and those about the program', async () => {
    const { app, auth } = setUp()
    app.use(auth)
    app.get('/theirs', () => {
      throw new Error('theirs')
    })
    app.get('/program', async (req) => void (await req.oauth.fetch('https://evil.example/')))
    app.use(auth.errorHandler)
    reportErrors(app)
    expect((await request(app).get('/theirs')).body).toEqual({ code: 'no code', message: 'theirs' })
    expect((await request(app).get('/program')).body).toMatchObject({ code: 'origin_not_allowed' })
  })

  it('case 31: passes an error on when the response has begun', async () => {
    const { app, auth } = setUp()
    const passedOn = vi.fn()
    app.use(auth)
    app.get('/', (req, res) => {
      res.write('begun')
      req.oauth.requireUser()
    })
    app.use(auth.errorHandler)
    app.use(((error, _req, res, _next) => {
      passedOn(error.code)
      res.end()
    }) satisfies ErrorRequestHandler)
    await request(app).get('/')
    expect(passedOn).toHaveBeenCalledExactlyOnceWith('login_required')
  })
})

group('req.oauth.login() and logout()', () => {
  it('answer the request', async () => {
    const { app, auth } = setUp()
    app.use(auth)
    app.post('/in', async (req, res) => {
      await req.oauth.login({ returnTo: '/after' })
      expect(res.headersSent).toBe(true)
    })
    app.post('/out', async (req) => req.oauth.logout({ returnTo: '/bye' }))
    const login = await request(app).post('/in').set(host)
    // The form's page may have a CSP whose form-action forbids a redirect to another origin.
    expect(login.status).toBe(200)
    expect(login.text).toMatch(
      /<meta http-equiv="refresh" content="0; url=https:\/\/as\.example\/authorize\?/,
    )
    expect(login.text).toMatch(/<a class="primary" href="https:\/\/as\.example\/authorize\?/)
    const logout = await request(app).post('/out').set(host)
    expect([logout.status, logout.headers.location]).toEqual([303, '/bye'])
  })

  it('case 31: throw when the response has begun, and say so', async () => {
    const { app, auth } = setUp()
    app.use(auth)
    app.get('/', async (req, res) => {
      res.write('begun ')
      const error: unknown = await req.oauth.login().catch((reason: unknown) => reason)
      res.end(String(error))
    })
    expect((await request(app).get('/').set(host)).text).toMatch(/begun LatchkeyError: .*before sending/)
  })
})

group('a form_post callback', () => {
  const formPost = { ...example, responseMode: 'form_post' as const }
  const form = 'state=abc&code=def&iss=x'
  const type = { 'content-type': 'application/x-www-form-urlencoded', host: host.host }

  it.each([
    ['nothing', (_app: Express) => {}],
    ['express.urlencoded()', (app: Express) => void app.use(express.urlencoded())],
    ['express.text()', (app: Express) => void app.use(express.text({ type: () => true }))],
    ['express.raw()', (app: Express) => void app.use(express.raw({ type: () => true }))],
    [
      "req.setEncoding('utf8')",
      (app: Express) => {
        app.use((req, _res, next) => {
          req.setEncoding('utf8')
          next()
        })
      },
    ],
  ])('is relayed when %s had the request first', async (_parser, before) => {
    const { app, auth } = setUp({ providers: [formPost] })
    before(app)
    app.use(auth)
    const reply = await request(app).post('/callback/example').set(type).send(form)
    expect(reply.status).toBe(303)
    expect(reply.headers.location).toMatch(/^\/callback\/example\?p=[\w-]+$/)
  })

  it.each([
    ['with its length', (post: request.Test) => post.send(`state=${'a'.repeat(100_000)}`)],
    [
      'without its length',
      (post: request.Test) => {
        post.set('transfer-encoding', 'chunked')
        for (let part = 0; part < 10; part += 1) post.write('a'.repeat(10_000))
        return post
      },
    ],
  ])('is refused with 413 when it is too long, sent %s', async (_how, send) => {
    const { app, auth } = setUp({ providers: [formPost] })
    app.use(auth)
    const reply = await send(request(app).post('/callback/example').set(type))
    expect(reply.status).toBe(413)
    expect(reply.text).not.toContain('aaaa')
  })

  it('stays repeated when a parser made a list of a repeated field', async () => {
    const { app, auth } = setUp({ providers: [formPost] })
    app.use(express.urlencoded(), auth)
    const relayed = await request(app).post('/callback/example').set(type).send('state=a&state=b&code=c')
    const answer = await request(app).get(String(relayed.headers.location)).set(host)
    expect(answer.status).toBe(400)
  })
})
