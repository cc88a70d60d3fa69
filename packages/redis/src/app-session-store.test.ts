import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import session from 'express-session'
import fastify from 'fastify'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import { type AppSessionDataStore, appSessionStore } from './app-session-store.ts'
import { keysWithoutTtl } from './passing-time.fixture.ts'
import { clientOf } from './redis-clients.fixture.ts'
import { lessPatient, patient } from './store-options.fixture.ts'

const secret = 'a secret of more than 32 characters for the tests'
const hour = 3_600_000

let server: RedisServer
let client: Redis
let store: AppSessionDataStore

beforeAll(async () => {
  server = await startRedis()
  client = clientOf(server)
  store = appSessionStore(client, patient)
})
beforeEach(() => client.flushall())
afterAll(async () => {
  await store.close()
  client.disconnect()
  await server.close()
})

/** What both frameworks offer the app. */
interface AppSession {
  [key: string]: unknown
  destroy(done: (error?: unknown) => void): unknown
  cookie: { expires?: Date | null; originalMaxAge?: number | null }
}

type Handler = (session: AppSession, path: string, done: (answer: unknown) => void) => void

interface App {
  readonly origin: string
  close(): Promise<void>
}

/** `/count` counts the visits in the session, `/look` only looks, `/end` destroys it. */
const handler: Handler = (session, path, done) => {
  if (path === '/end') return void session.destroy(() => done('ended'))
  if (path === '/count') session.count = Number(session.count ?? 0) + 1
  done({ count: session.count ?? null, expires: session.cookie.expires })
}

interface SharedCookie {
  readonly cookieName: string
  readonly cookiePrefix: string
}

async function expressApp(maxAge: number | undefined, _shared?: SharedCookie): Promise<App> {
  const cookie = maxAge === undefined ? {} : { maxAge }
  const middleware = session({
    store,
    secret,
    resave: false,
    saveUninitialized: false,
    rolling: false,
    cookie,
  })
  type Args = Parameters<typeof middleware>
  const app = createServer((req: IncomingMessage, res) => {
    middleware(req as Args[0], res as unknown as Args[1], (error?: unknown) => {
      if (error !== undefined) return void res.writeHead(503).end()
      const { session: data } = req as unknown as { session: AppSession }
      handler(data, req.url ?? '', (answer) => res.end(JSON.stringify(answer)))
    })
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const { port } = app.address() as AddressInfo // it listens on TCP
  const close = async (): Promise<void> => {
    app.closeAllConnections()
    app.close()
  }
  return { origin: `http://127.0.0.1:${port}`, close }
}

async function fastifyApp(
  maxAge: number | undefined,
  options?: Partial<SharedCookie> & { readonly store?: AppSessionDataStore },
): Promise<App> {
  const app = fastify()
  await app.register(fastifyCookie)
  const cookie = { secure: false, ...(maxAge !== undefined && { maxAge }) }
  await app.register(fastifySession, {
    store,
    secret,
    saveUninitialized: false,
    rolling: false,
    cookie,
    ...options,
  })
  app.get('/*', (request, reply) => {
    handler(
      request.session as unknown as AppSession,
      request.url,
      (answer) => void reply.send(JSON.stringify(answer)),
    )
  })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  return { origin, close: () => app.close() }
}

/** A browser with one cookie jar. */
class Browser {
  cookie = ''

  async get(app: App, path: string): Promise<{ count: number | null; expires: string | null }> {
    const reply = await fetch(app.origin + path, { headers: { cookie: this.cookie } })
    const [set] = reply.headers.getSetCookie()
    if (set !== undefined) this.cookie = set.split(';', 1)[0] ?? ''
    return JSON.parse(await reply.text())
  }
}

async function commandsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  await client.config('RESETSTAT')
  await work()
  const stats = await client.info('commandstats')
  return [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)]
    .map(([, name, calls]) => `${name} ${calls}`)
    .filter((entry) => !/^(config|info)/.test(entry))
    .sort()
}

async function onlyKey(): Promise<string> {
  const [key = '', ...others] = await client.keys('*')
  expect(others).toEqual([])
  return key
}

describe.skipIf(redisIsMissing).each([
  ['express-session', expressApp],
  ['@fastify/session', fastifyApp],
])('appSessionStore under %s', (_, start) => {
  it('keeps data between requests, under a key that says nothing', async () => {
    const app = await start(hour)
    const browser = new Browser()
    for (const count of [1, 2, 3]) expect((await browser.get(app, '/count')).count).toBe(count)
    expect((await browser.get(app, '/look')).count).toBe(3)
    expect(await keysWithoutTtl(client)).toEqual([])
    const key = await onlyKey()
    const [id = ''] = decodeURIComponent(browser.cookie)
      .split('=s%3A')
      .join('=')
      .replace(/^[^=]+=(s:)?/, '')
      .split('.')
    expect(id.length).toBeGreaterThan(20)
    expect(key + (await client.get(key))).not.toContain(id)
    await app.close()
  })

  it('makes nothing for a visitor who leaves nothing', async () => {
    const app = await start(hour)
    const browser = new Browser()
    const commands = await commandsDuring(() => browser.get(app, '/look'))
    expect(commands).toEqual([])
    expect(browser.cookie).toBe('')
    await app.close()
  })

  it('reads with one command, which renews for as long as was written', async () => {
    const app = await start(hour)
    const browser = new Browser()
    await browser.get(app, '/count')
    await browser.get(app, '/look')
    const key = await onlyKey()
    await client.pexpire(key, 5_000)
    const commands = await commandsDuring(() => browser.get(app, '/look'))
    expect(commands).toEqual(['evalsha 1', 'get 1', 'pexpire 1'])
    expect(await client.pttl(key)).toBeGreaterThan(hour - 60_000)
    await app.close()
  })

  it('moves cookie.expires along, so that a session in use does not end', async () => {
    const app = await start(hour)
    const browser = new Browser()
    await browser.get(app, '/count')
    const key = await onlyKey()
    const stored = String(await client.get(key))
    const long = stored.replace(/"expires":"[^"]*"/, '"expires":"2020-01-01T00:00:00.000Z"')
    expect(long).not.toBe(stored)
    await client.set(key, long, 'PX', 5_000)
    const { count, expires } = await browser.get(app, '/look')
    expect(count).toBe(1)
    expect(Date.parse(expires ?? '')).toBeGreaterThan(Date.now() + hour - 60_000)
    await app.close()
  })

  it('keeps a session whose cookie lasts as long as the browser', async () => {
    const app = await start(undefined)
    const browser = new Browser()
    expect(await browser.get(app, '/count')).toEqual({ count: 1, expires: null })
    expect(await browser.get(app, '/look')).toEqual({ count: 1, expires: null })
    expect(Math.ceil((await client.pttl(await onlyKey())) / 1000)).toBe(86_400)
    await app.close()
  })

  it('does not revive a session that another request destroyed meanwhile', async () => {
    const app = await start(hour)
    const browser = new Browser()
    await browser.get(app, '/count')
    const slow = new Browser()
    slow.cookie = browser.cookie
    const id = await new Promise<string>((resolve) => {
      const keep = store.set.bind(store)
      store.set = (sid, data, done) => {
        store.set = keep
        // The other request ends the session between this one's read and its write.
        store.destroy(sid, () => {
          keep(sid, data, (error) => {
            done?.(error)
            resolve(sid)
          })
        })
      }
      void slow.get(app, '/count')
    })
    expect(await client.get(await onlyKey())).toBe('deleted')
    expect(await new Promise((resolve) => store.get(id, (_error, data) => resolve(data)))).toBeNull()
    expect((await browser.get(app, '/look')).count).toBeNull()
    await app.close()
  })
})

describe.skipIf(redisIsMissing)('appSessionStore under both at once', () => {
  const shared = { cookieName: 'connect.sid', cookiePrefix: 's:' }

  it('shares cookie and data, whoever began the session, its expiry and its end', async () => {
    for (const starts of [
      [expressApp, fastifyApp],
      [fastifyApp, expressApp],
    ] as const) {
      await client.flushall()
      const [first, second] = [await starts[0](hour, shared), await starts[1](hour, shared)]
      const browser = new Browser()
      const counts = []
      for (const app of [first, second, second, first]) counts.push((await browser.get(app, '/count')).count)
      expect(counts).toEqual([1, 2, 3, 4])
      const key = await onlyKey()
      const past = String(await client.get(key)).replace(
        /"expires":"[^"]*"/,
        '"expires":"2020-01-01T00:00:00.000Z"',
      )
      await client.set(key, past, 'PX', 5_000)
      expect((await browser.get(second, '/look')).count).toBe(4)
      expect(await client.pttl(key)).toBeGreaterThan(hour - 60_000)
      await browser.get(second, '/end')
      expect(await client.get(key)).toBe('deleted')
      expect((await browser.get(first, '/look')).count).toBeNull()
      for (const app of [first, second]) await app.close()
    }
  })
})

describe.skipIf(redisIsMissing)('appSessionStore', () => {
  const data = (maxAge: number): object => ({
    cookie: { originalMaxAge: maxAge, expires: new Date(Date.now() + maxAge) },
  })
  const call = (run: (done: (error?: unknown, value?: unknown) => void) => void): Promise<unknown> =>
    new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))))

  it('sends EXPIRE only where another time to live is wanted', async () => {
    await call((done) => store.set('id', data(hour), done))
    await call((done) => store.get('id', done))
    expect(await commandsDuring(() => call((done) => store.touch('id', data(hour), done)))).toEqual([])
    await call((done) => store.get('id', done))
    await call((done) => store.touch('id', data(2 * hour), done))
    expect(await client.pttl(await onlyKey())).toBeGreaterThan(hour + 60_000)
  })

  it('leaves the tombstone as it is when a slow request touches what was destroyed', async () => {
    await call((done) => store.set('id', data(hour), done))
    await call((done) => store.destroy('id', done))
    await call((done) => store.touch('id', data(hour), done))
    expect(Math.ceil((await client.pttl(await onlyKey())) / 1000)).toBe(600)
  })

  it.each(['not JSON', 'null', '[]', '{}', '{"cookie":null}', '"text"'])(
    'takes %s for no session',
    async (text) => {
      await call((done) => store.set('id', data(hour), done))
      await client.set(await onlyKey(), `60000 ${text}`, 'EX', 60)
      expect(await call((done) => store.get('id', done))).toBeNull()
    },
  )

  it('calls back once, whatever the app does in there', async () => {
    await call((done) => store.set('id', data(hour), done))
    const others = process.rawListeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const thrown = once(process, 'uncaughtException')
    const calls: unknown[] = []
    store.get('id', (error) => {
      calls.push(error)
      throw new Error('of the app')
    })
    expect(await thrown).toEqual([new Error('of the app'), 'uncaughtException'])
    for (const listener of others)
      process.on('uncaughtException', listener as NodeJS.UncaughtExceptionListener)
    await call((done) => store.get('id', done))
    expect(calls).toEqual([null])
  })

  it('cannot list sessions, and says why', async () => {
    await expect(call((done) => store.all?.(done))).rejects.toThrow(/only as digests/)
  })

  it('case 72: without Redis Fastify answers 503 with Retry-After, and the session is there afterwards', async () => {
    const own = await startRedis({ keeps: 'append-only file', config: { appendfsync: 'always' } })
    const failing = appSessionStore(clientOf(own, { lazyConnect: true }), lessPatient)
    const app = await fastifyApp(hour, { store: failing })
    const browser = new Browser()
    await browser.get(app, '/count')
    await own.kill()
    const reply = await fetch(`${app.origin}/look`, { headers: { cookie: browser.cookie } })
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '5'])
    expect(reply.headers.getSetCookie()).toEqual([])
    await own.start()
    await expect
      .poll(async () => (await fetch(`${app.origin}/look`, { headers: { cookie: browser.cookie } })).status)
      .toBe(200)
    expect((await browser.get(app, '/look')).count).toBe(1)
    await app.close()
    await failing.close()
    await own.close()
  })

  it('hands a failure on, and takes nobody for signed out', async () => {
    const own = await startRedis()
    const failing = appSessionStore(clientOf(own, { lazyConnect: true }), lessPatient)
    await call((done) => failing.set('id', data(hour), done))
    await own.kill()
    await expect(call((done) => failing.get('id', done))).rejects.toMatchObject({ code: 'DISCONNECTED' })
    await failing.close()
    await own.close()
  })
})
