import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Clock } from '../clock.ts'
import { Latchkey } from '../latchkey.ts'
import { oauth2 } from '../providers/index.ts'
import type { RequestOAuth } from '../request-oauth.ts'
import { memoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'

let api: Server
let apiOrigin: string
beforeAll(async () => {
  api = createServer((req, res) => void res.end(req.headers.authorization))
  await new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve))
  apiOrigin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
})
afterAll(() => api.close())

/** A store that tells which reads it is asked for, and answers sessions only when it is let. */
class WatchedStore {
  readonly reads: string[] = []
  /** What the next read of a session waits for. */
  gate: Promise<void> = Promise.resolve()
  isGrantAway = false
  readonly port: Store = memoryStore()

  constructor() {
    const { sessions, grants } = this.port
    const readSession = sessions.read.bind(sessions)
    vi.spyOn(sessions, 'read').mockImplementation(async (...args) => {
      this.reads.push('session')
      await this.gate
      return readSession(...args)
    })
    const readGrant = grants.read.bind(grants)
    vi.spyOn(grants, 'read').mockImplementation(async (...args) => {
      this.reads.push('grant')
      if (this.isGrantAway) throw new Error('away')
      return readGrant(...args)
    })
  }
}

async function start() {
  let now = 1_800_000_000
  const clock: Clock = {
    now: () => now,
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  }
  const store = new WatchedStore()
  const latchkey = new Latchkey({
    baseUrl: 'https://app.example',
    secret: randomBytes(32).toString('base64url'),
    providers: [provider('one'), provider('two')],
    store: store.port,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const signIn = async (user: string, at: 'one' | 'two' = 'one'): Promise<string> => {
    const tokens = { accessToken: `token-of-${user}`, expiresAt: now + 3_600 }
    const { cookie } = await latchkey.createSession({ provider: at, user: { id: user }, tokens })
    return cookie
  }
  const open = (cookie: string, url = '/playlists'): Promise<RequestOAuth> =>
    latchkey.open(
      { method: 'GET', url, headers: { cookie }, readBody: async () => '' },
      async () => {},
    ) as Promise<RequestOAuth>
  const call = async (oauth: RequestOAuth): Promise<string> => (await oauth.fetch(apiOrigin)).text()
  const wait = (seconds: number): void => {
    now += seconds
  }
  return { latchkey, store, signIn, open, call, wait }
}

function provider<Id extends string>(id: Id) {
  return oauth2({
    id,
    clientId: 'c',
    clientSecret: 's',
    authorizationEndpoint: 'https://as.example/authorize',
    tokenEndpoint: 'https://as.example/token',
    userinfo: 'https://as.example/userinfo',
    resourceOrigins: [apiOrigin],
  })
}

describe('the grant of a route that uses tokens', () => {
  it('is read beside the session from the second request on, in one round trip and two commands', async () => {
    const { store, signIn, open, call } = await start()
    const cookie = await signIn('ada')
    await call(await open(cookie))
    store.reads.length = 0
    let letThrough = (): void => {}
    store.gate = new Promise((resolve) => {
      letThrough = resolve
    })
    const opening = open(cookie, '/playlists?page=2')
    expect(store.reads).toEqual(['session', 'grant'])
    letThrough()
    expect(await call(await opening)).toBe('Bearer token-of-ada')
    expect(store.reads).toEqual(['session', 'grant'])
  })

  it('is not read for a path that uses none, nor for one that has stopped to', async () => {
    const { store, signIn, open, call } = await start()
    const cookie = await signIn('ada')
    await call(await open(cookie))
    await open(cookie, '/me')
    await open(cookie)
    store.reads.length = 0
    for (let request = 0; request < 5; request += 1) await open(cookie)
    await open(cookie, '/me')
    expect(store.reads.filter((name) => name === 'grant')).toEqual(['grant'])
    expect(store.reads.filter((name) => name === 'session')).toHaveLength(6)
  })

  it('is read again where the first answer is too old, or was used', async () => {
    const { store, signIn, open, call, wait } = await start()
    const cookie = await signIn('ada')
    await call(await open(cookie))
    store.reads.length = 0
    const slow = await open(cookie)
    wait(0.2)
    await call(slow)
    expect(store.reads).toEqual(['session', 'grant', 'grant'])
    store.reads.length = 0
    const busy = await open(cookie)
    await call(busy)
    await call(busy)
    expect(store.reads).toEqual(['session', 'grant', 'grant'])
  })

  it("is never another account's: a user's own tokens are sent, whatever the path's other users have", async () => {
    const { signIn, open, call } = await start()
    const [ada, bob, cyd] = [await signIn('ada'), await signIn('bob'), await signIn('cyd', 'two')]
    for (let round = 0; round < 3; round += 1) {
      const opened = await Promise.all([ada, bob, cyd].map((cookie) => open(cookie)))
      expect(await Promise.all(opened.map(call))).toEqual([
        'Bearer token-of-ada',
        'Bearer token-of-bob',
        'Bearer token-of-cyd',
      ])
    }
  })

  it('is not even asked for by somebody who cannot prove the session', async () => {
    const { store, signIn, open, call } = await start()
    const cookie = await signIn('ada')
    await call(await open(cookie))
    store.reads.length = 0
    const forged = await open(cookie.replace(/.{8}$/, 'AAAAAAAA'))
    expect(forged.isAuthenticated).toBe(false)
    await expect(call(forged)).rejects.toMatchObject({ code: 'login_required' })
    expect(store.reads).toEqual(['session'])
  })

  it.each<[string, (latchkey: Latchkey<'one' | 'two'>, oauth: RequestOAuth) => Promise<unknown>]>([
    ['disconnect()', (_, oauth) => oauth.account('one').disconnect()],
    ["the user's logout", async (latchkey) => (await latchkey.user('one:ada'))?.logout()],
    ['endSessions()', (latchkey) => latchkey.endSessions({ provider: 'one', id: 'ada' })],
  ])('is not used after %s in the same process', async (_, end) => {
    const { latchkey, signIn, open, call } = await start()
    const cookie = await signIn('ada')
    for (let request = 0; request < 3; request += 1) await call(await open(cookie))
    const [first, second] = [await open(cookie), await open(cookie)]
    await end(latchkey, first)
    for (const oauth of [first, second])
      await expect(call(oauth)).rejects.toMatchObject({ code: 'login_required' })
  })

  it('fails the call that uses it, and no request that does not', async () => {
    const { store, signIn, open, call } = await start()
    const cookie = await signIn('ada')
    await call(await open(cookie))
    store.isGrantAway = true
    const oauth = await open(cookie)
    expect(oauth.isAuthenticated).toBe(true)
    await expect(call(oauth)).rejects.toMatchObject({ code: 'store_unavailable' })
    store.isGrantAway = false
    expect(await call(oauth)).toBe('Bearer token-of-ada')
  })
})
