import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import plugin, {
  LatchkeyError,
  type LatchkeyOptions,
  type LoginRequest,
  latchkey,
  memoryStore,
  oauth2,
} from './index.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})

function newApp(): FastifyInstance {
  const app = Fastify()
  apps.push(app)
  return app
}

const example = oauth2({
  id: 'example',
  clientId: 'client',
  clientSecret: 'secret of the client',
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  userinfo: 'https://as.example/userinfo',
  resourceOrigins: ['https://api.example'],
})

function options(more: Partial<LatchkeyOptions<'example', LoginRequest>> = {}) {
  return {
    baseUrl: 'http://127.0.0.1:3000',
    secret: newSecret(),
    providers: [example],
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...more,
  } as LatchkeyOptions<'example', LoginRequest>
}

const newSecret = (): string => randomBytes(32).toString('base64url')
const page = { host: '127.0.0.1:3000', accept: 'text/html', 'sec-fetch-mode': 'navigate' }
/** The cookies of an answer, as a browser sends them. */
function cookiesOf(answer: { readonly headers: Readonly<Record<string, unknown>> }): string {
  return [answer.headers['set-cookie'] ?? []]
    .flat()
    .map((cookie) => String(cookie).split(';', 1)[0])
    .join('; ')
}

describe('latchkey() on Fastify', () => {
  it('can be used before it is registered, and is app.latchkey afterwards', async () => {
    const app = newApp()
    const auth = latchkey(options())
    const guard = auth.requireLogin()
    await app.register(auth)
    app.setErrorHandler(auth.errorHandler)
    app.get('/guarded', { onRequest: guard }, () => 'in')
    app.get('/late', { preHandler: guard }, () => 'in')
    for (const url of ['/guarded', '/late']) {
      const answer = await app.inject({ url, headers: page })
      expect([answer.statusCode, answer.headers.location]).toEqual([
        302,
        `/login?returnTo=${encodeURIComponent(url)}`,
      ])
    }
    expect(app.latchkey).toBe(auth)
  })

  it('sets no error handler of its own', async () => {
    const app = newApp()
    const auth = latchkey(options())
    await app.register(auth)
    app.get('/guarded', { onRequest: auth.requireLogin() }, () => 'in')
    const answer = await app.inject({ url: '/guarded', headers: page })
    expect([answer.statusCode, answer.json()]).toEqual([401, expect.objectContaining({ statusCode: 401 })])
  })

  it('leaves other errors to Fastify', async () => {
    const app = newApp()
    const auth = latchkey(options())
    await app.register(auth)
    app.setErrorHandler(auth.errorHandler)
    app.get('/broken', () => {
      throw new Error('Something else broke.')
    })
    const answer = await app.inject('/broken')
    expect([answer.statusCode, answer.json()]).toMatchObject([500, { message: 'Something else broke.' }])
  })

  it('is a plugin of options too, for autoload', async () => {
    const app = newApp()
    await app.register(plugin, options() as never)
    app.get('/who', (request) => ({ isAuthenticated: request.oauth.isAuthenticated }))
    expect((await app.inject('/who')).json()).toEqual({ isAuthenticated: false })
    expect((await app.inject({ url: '/login/example', headers: page })).statusCode).toBe(303)
  })

  it('answers with login() and logout(), whatever its handler returns then', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    app.get('/go', async (request) => {
      await request.oauth.login({ returnTo: '/after' })
    })
    app.get('/out', async (request, reply) => {
      await request.oauth.logout({ returnTo: '/bye' })
      return reply
    })
    const go = await app.inject({ url: '/go', headers: page })
    expect([go.statusCode, go.headers.location]).toEqual([
      303,
      expect.stringMatching(/^https:\/\/as\.example\/authorize/),
    ])
    const out = await app.inject({ url: '/out', headers: page })
    expect([out.statusCode, out.headers.location]).toEqual([303, '/bye'])
  })

  it('says so when an answer comes too late', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    app.get('/late', async (request, reply) => {
      reply.hijack()
      reply.raw.write('begun ')
      await request.oauth
        .login()
        .catch((error: unknown) => reply.raw.end(LatchkeyError.is(error) && error.code))
    })
    expect((await app.inject('/late')).body).toBe('begun not_supported')
  })

  it('closes the store that it opened, and the app’s own with it', async () => {
    const app = newApp()
    let closed = 0
    const close = async (): Promise<void> => {
      closed += 1
    }
    const store = { ...memoryStore(), close }
    await app.register(latchkey(options({ store })))
    await app.ready()
    await app.close()
    expect(closed).toBe(1)
  })
})

describe('the scope that it is registered in', () => {
  it('is the only one with request.oauth, and its prefix that of the routes', async () => {
    const app = newApp()
    const auth = latchkey(options({ routes: { prefix: '/members' } }))
    await app.register(
      async (members) => {
        await members.register(auth)
        members.setErrorHandler(auth.errorHandler)
        members.get('/who', (request) => ({ isAuthenticated: request.oauth.isAuthenticated }))
      },
      { prefix: '/members' },
    )
    app.get('/outside', (request) => ({ oauth: typeof request.oauth }))
    app.get('/guarded', { onRequest: auth.requireLogin() }, () => 'in')
    expect((await app.inject('/members/who')).json()).toEqual({ isAuthenticated: false })
    expect((await app.inject('/outside')).json()).toEqual({ oauth: 'undefined' })
    expect((await app.inject({ url: '/members/login/example', headers: page })).statusCode).toBe(303)
    expect((await app.inject({ url: '/login/example', headers: page })).statusCode).toBe(404)
    expect((await app.inject('/guarded')).json()).toMatchObject({
      message: expect.stringContaining('app.register(auth)'),
    })
  })

  it('may hold several instances, each of which guards by its own session', async () => {
    const app = newApp()
    const own = (name: string) =>
      latchkey(options({ routes: { prefix: `/${name}` }, signIn: { cookieName: name }, session: false }))
    const [customers, staff] = [own('customers'), own('staff')]
    await app.register(customers)
    await app.register(staff)
    const who = (request: FastifyRequest) => ({ who: request.oauth.user?.id })
    app.get('/customers', { onRequest: customers.requireLogin() }, who)
    app.get('/staff', { onRequest: staff.requireLogin() }, who)
    const { cookie } = await customers.createSession({ provider: 'example', user: { id: 'ada' } })
    expect((await app.inject({ url: '/customers', headers: { cookie } })).json()).toEqual({ who: 'ada' })
    expect((await app.inject({ url: '/staff', headers: { cookie } })).json()).toMatchObject({
      code: 'login_required',
    })
  })

  it('has request.oauth in its not-found handler, whatever form the path has', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    app.setNotFoundHandler((request, reply) =>
      reply.code(404).send({ isAuthenticated: request.oauth.isAuthenticated }),
    )
    for (const url of ['/nowhere', '/%6cogin', '/login/%65xample', '/login/nobody', '/logou%74']) {
      const answer = await app.inject({ url, headers: page })
      expect([url, answer.statusCode, answer.json()]).toEqual([url, 404, { isAuthenticated: false }])
    }
  })

  it.each([
    [
      'its own option',
      async (app: FastifyInstance) => app.register(latchkey(options()), { prefix: '/members' }),
    ],
    [
      'the prefix of the scope',
      async (app: FastifyInstance) =>
        app.register(async (scope) => void (await scope.register(latchkey(options()))), {
          prefix: '/members',
        }),
    ],
  ])('must lead to its routes: %s', async (_name, register) => {
    const app = newApp()
    const registered = async (): Promise<void> => {
      await register(app)
      await app.ready()
    }
    await expect(registered()).rejects.toThrow("routes: { prefix: '/members' }")
  })

  it('is refused a second time in one scope, and where its routes are taken', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    const twice = async (): Promise<void> => void (await app.register(latchkey(options())))
    await expect(twice()).rejects.toThrow(/route \/login already\. Register Latchkey once/)
    const other = newApp()
    other.get('/logout', () => 'mine')
    const taken = async (): Promise<void> => void (await other.register(latchkey(options())))
    await expect(taken()).rejects.toThrow(/route \/logout already/)
  })

  it('says what it is where Express mounts it, or where it was not called', async () => {
    const auth = latchkey(options()) as unknown as (req: object, res: object) => Promise<void>
    await expect(auth({ url: '/' }, {})).rejects.toThrow(/Import latchkey from @latchkey\/express/)
    expect(() => latchkey(newApp() as never)).toThrow(/Write app\.register\(latchkey\(/)
  })

  it('keeps its body parsers, and its own routes need none', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    app.post('/form', () => 'read')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const own = await app.inject({ method: 'POST', url: '/form', headers: form, payload: 'a=b' })
    expect(own.statusCode).toBe(415)
    const callback = {
      method: 'POST',
      url: '/callback/example',
      headers: form,
      payload: 'code=1&state=2',
    } as const
    expect((await app.inject(callback)).statusCode).toBe(405)
  })
})

describe('request.session', () => {
  it('is there, costs nothing unused, and is saved when it changes', async () => {
    const app = newApp()
    await app.register(latchkey(options()))
    app.get('/untouched', () => 'ok')
    app.get('/count', (request) => {
      const count = Number(Reflect.get(request.session, 'count') ?? 0) + 1
      Reflect.set(request.session, 'count', count)
      return { count }
    })
    app.get('/stream', (request, reply) => {
      Reflect.set(request.session, 'count', 10)
      return reply.send(Readable.from(['a', 'b']))
    })
    expect((await app.inject('/untouched')).headers).not.toHaveProperty('set-cookie')
    const first = await app.inject('/count')
    const cookie = cookiesOf(first)
    expect(first.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Cookie' })
    const second = await app.inject({ url: '/count', headers: { cookie } })
    expect([first.json(), second.json()]).toEqual([{ count: 1 }, { count: 2 }])
    await app.inject({ url: '/stream', headers: { cookie } })
    expect((await app.inject({ url: '/count', headers: { cookie } })).json()).toEqual({ count: 11 })
  })

  it('goes on under a new secret, and under a foreign one costs nobody their cookie', async () => {
    const store = memoryStore()
    const appWith = async (...secret: string[]): Promise<FastifyInstance> => {
      const app = newApp()
      await app.register(latchkey(options({ store, secret })))
      app.get('/put', (request) => ({ was: Reflect.set(request.session, 'color', 'red') }))
      app.get('/get', (request) => ({ color: Reflect.get(request.session, 'color') ?? null }))
      return app
    }
    const [old, next] = [newSecret(), newSecret()]
    const cookie = cookiesOf(await (await appWith(old)).inject('/put'))
    const renewed = await (await appWith(next, old)).inject({ url: '/get', headers: { cookie } })
    expect([renewed.json(), renewed.headers['set-cookie']]).toEqual([{ color: 'red' }, undefined])
    const foreign = await (await appWith(next)).inject({ url: '/get', headers: { cookie } })
    expect([foreign.json(), foreign.headers['set-cookie']]).toEqual([{ color: null }, undefined])
  })

  it('is the app’s own where it was registered before', async () => {
    const app = newApp()
    await app.register(fastifyCookie)
    await app.register(fastifySession, {
      secret: 'the secret of the app itself, long enough',
      cookieName: 'own',
      cookie: { secure: false },
    })
    await app.register(latchkey(options()))
    app.get('/put', (request) => ({ was: Reflect.set(request.session, 'color', 'red') }))
    expect(cookiesOf(await app.inject('/put'))).toMatch(/^own=/)
  })

  it('is not there with session: false', async () => {
    const app = newApp()
    await app.register(latchkey(options({ session: false })))
    app.get('/session', (request) => ({ session: typeof request.session }))
    expect((await app.inject('/session')).json()).toEqual({ session: 'undefined' })
  })

  it('is none where what is stored would break the library', async () => {
    const store = memoryStore()
    const app = newApp()
    await app.register(latchkey(options({ store })))
    app.get('/put', (request) => {
      Reflect.set(request.session, 'color', 'red')
      return { id: request.session.sessionId }
    })
    app.get('/get', (request) => ({ color: Reflect.get(request.session, 'color') ?? null }))
    const put = await app.inject('/put')
    const headers = { cookie: cookiesOf(put) }
    const cookie = '"cookie":{"originalMaxAge":1000,"path":"/"}'
    for (const text of [
      'no JSON',
      '{}',
      '[]',
      `{${cookie},"__proto__":{"a":1}}`,
      '{"cookie":{"path":"\\r\\n"}}',
    ]) {
      await store.appSessions.write(put.json().id, text, 60)
      const answer = await app.inject({ url: '/get', headers })
      expect([text, answer.statusCode, answer.json()]).toEqual([text, 200, { color: null }])
    }
  })
})
