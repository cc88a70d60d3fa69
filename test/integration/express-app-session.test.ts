import { randomBytes } from 'node:crypto'
import { type LatchkeyOptions, memoryStore, type Store } from '@latchkey/express'
import { TestClock, UserAgent } from '@latchkey/testing'
import session from 'express-session'
import { describe, expect, it } from 'vitest'
import {
  describeOnExpress,
  events,
  type Harness,
  type HarnessSetup,
  startHarness,
} from './harness.fixture.ts'

interface AppSessionHarness extends Harness {
  /** Names of the commands that reached the store's app sessions, in order. */
  readonly commands: string[]
  /** Makes every command on app sessions fail until changed back. */
  readonly fail: (fails: boolean) => void
}

/** An app that counts visits in `req.session`, shows it, and keeps a basket. */
async function startCounting(
  options: Partial<LatchkeyOptions<'example'>> = {},
  setup: HarnessSetup = {},
): Promise<AppSessionHarness> {
  const commands: string[] = []
  let fails = false
  const inner = memoryStore()
  const appSessions = new Proxy(inner.appSessions, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        commands.push(String(name))
        if (fails) throw new Error('the store is down')
        return Reflect.apply(member, target, args)
      }
    },
  })
  const store: Store = { ...inner, appSessions }
  const harness = await startHarness({
    ...setup,
    options: { store, session: { keep: ['basket'] }, ...options },
    routes: (app) => {
      app.get('/untouched', (_req, res) => void res.send('ok'))
      app.get('/read', (req, res) => void res.json(data(req)))
      app.get('/put', (req, res) => {
        for (const [name, value] of Object.entries(req.query)) Reflect.set(req.session, name, value)
        res.json(data(req))
      })
      app.get('/id', (req, res) => void res.send(req.sessionID))
      app.get('/destroy', (req, res) =>
        req.session.destroy(() => res.json({ session: Boolean(req.session) })),
      )
      app.get('/regenerate', (req, res) => req.session.regenerate(() => res.send(req.session.id)))
      app.get('/oauth-logout', (req, res) => void req.oauth.logout().then(() => res))
    },
  })
  return {
    ...harness,
    commands,
    fail: (wanted) => {
      fails = wanted
    },
  }
}

function data(req: { session: unknown }): Record<string, unknown> {
  const { cookie: _, ...rest } = req.session as Record<string, unknown>
  return rest
}

const json = async (page: Promise<{ readonly text: string }>): Promise<unknown> =>
  JSON.parse((await page).text)
const appCookie = (browser: UserAgent) =>
  browser.cookies.all.find(({ name }) => name.includes('latchkey-app'))

describe('req.session', () => {
  it('costs no command, no id and no cookie while nobody looks at it', async () => {
    const { browser, origin, commands } = await startCounting()
    const page = await browser.get(`${origin}/untouched`)
    expect([page.text, page.setCookies, commands]).toEqual(['ok', [], []])
  })

  it('costs no command and no cookie when it is only read', async () => {
    const { browser, origin, commands } = await startCounting()
    const page = await browser.get(`${origin}/read`)
    expect([page.text, page.setCookies, commands]).toEqual(['{}', [], []])
  })

  it('costs nothing for a signed-in user either', async () => {
    const harness = await startCounting()
    const browser = await harness.signedIn()
    await browser.get(`${harness.origin}/me`)
    expect(harness.commands).toEqual([])
    expect(appCookie(browser)).toBeUndefined()
  })

  it('keeps what is put in, for the next request of this browser and no other', async () => {
    const { browser, origin, commands, newBrowser } = await startCounting()
    await browser.get(`${origin}/put?color=red`)
    expect(commands).toEqual(['write'])
    expect(await json(browser.get(`${origin}/read`))).toEqual({ color: 'red' })
    expect(commands).toEqual(['write', 'read'])
    expect(await json(newBrowser().get(`${origin}/read`))).toEqual({})
  })

  it('reads it before the handlers run, and writes only what changed', async () => {
    const { browser, origin, commands } = await startCounting()
    await browser.get(`${origin}/put?color=red`)
    commands.length = 0
    await browser.get(`${origin}/put?color=red`)
    expect(commands).toEqual(['read'])
    await browser.get(`${origin}/put?color=blue`)
    expect(commands).toEqual(['read', 'read', 'write'])
  })

  it('has a cookie that scripts and other sites do not get', async () => {
    const { browser, origin } = await startCounting()
    const { setCookies } = await browser.get(`${origin}/put?color=red`)
    expect(setCookies).toHaveLength(1)
    expect(setCookies[0]).toMatch(/^latchkey-app-\d+=.*; Path=\/; .*HttpOnly; SameSite=Lax$/)
  })

  it('has a Secure __Host- cookie when baseUrl is https, though the app itself speaks http', async () => {
    const harness = await startCounting({ baseUrl: 'https://app.example' })
    const browser = new UserAgent({
      clock: harness.clock,
      origins: { 'https://app.example': harness.origin },
    })
    const { setCookies } = await browser.get('https://app.example/put?color=red')
    expect(setCookies[0]).toMatch(/^__Host-latchkey-app=.*; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/)
    expect(await json(browser.get('https://app.example/read'))).toEqual({ color: 'red' })
  })

  it('makes nothing of a changed or foreign cookie, and asks the store only for what it signed', async () => {
    const { browser, origin, commands } = await startCounting()
    await browser.get(`${origin}/put?color=red`)
    commands.length = 0
    const name = appCookie(browser)?.name
    for (const value of ['', 'x', 's:abc.def', 's%3Aabc.def', `${appCookie(browser)?.value}x`]) {
      const page = await browser.get(`${origin}/read`, { headers: { cookie: `${name}=${value}` } })
      expect([page.status, page.text]).toEqual([200, '{}'])
    }
    expect(commands).toEqual([])
  })

  it('is read with the old secret and signed with the new one while secrets rotate', async () => {
    const [old, fresh] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
    const store = memoryStore()
    const before = await startCounting({ secret: old, store, session: { cookieName: 'shared' } })
    const after = await startCounting({ secret: [fresh, old], store, session: { cookieName: 'shared' } })
    const { setCookies } = await before.browser.get(`${before.origin}/put?color=red`)
    const value = /=([^;]*)/.exec(setCookies[0] ?? '')?.[1]
    const port = new URL(after.origin).port
    const headers = { cookie: `shared-${port}=${value}` }
    expect(await json(after.browser.get(`${after.origin}/read`, { headers }))).toEqual({ color: 'red' })
  })

  it('can be destroyed and renewed by the app', async () => {
    const { browser, origin, commands } = await startCounting()
    await browser.get(`${origin}/put?color=red`)
    const { text: id } = await browser.get(`${origin}/id`)
    const { text: renewed } = await browser.get(`${origin}/regenerate`)
    expect(renewed).not.toBe(id)
    expect(await json(browser.get(`${origin}/read`))).toEqual({})
    expect(await json(browser.get(`${origin}/destroy`))).toEqual({ session: false })
    expect(commands.filter((command) => command === 'delete')).toHaveLength(2)
  })

  it('ends after its idle time, which requests renew', async () => {
    const clock = new TestClock()
    const harness = await startCounting({
      clock,
      store: memoryStore({ clock }),
      session: { idleSeconds: 100 },
    })
    const { browser, origin } = harness
    await browser.get(`${origin}/put?color=red`)
    for (let visit = 0; visit < 3; visit += 1) {
      await clock.advance(80)
      expect(await json(browser.get(`${origin}/read`))).toEqual({ color: 'red' })
    }
    await clock.advance(101)
    expect(await json(browser.get(`${origin}/read`))).toEqual({})
  })

  it('is not there with session: false', async () => {
    const { browser, origin, commands } = await startCounting({ session: false })
    const page = await browser.get(`${origin}/read`)
    expect(page.status).toBe(500)
    expect(commands).toEqual([])
  })
})

describe('req.session when the store is down', () => {
  it('fails the routes that look at it with 503, and serves all others', async () => {
    const { browser, origin, fail } = await startCounting()
    await browser.get(`${origin}/put?color=red`)
    fail(true)
    expect((await browser.get(`${origin}/untouched`)).text).toBe('ok')
    const page = await browser.get(`${origin}/read`)
    expect([page.status, page.setCookies]).toEqual([503, []])
    fail(false)
    expect(await json(browser.get(`${origin}/read`))).toEqual({ color: 'red' })
  })

  it('says once in the log that a change was not saved, and answers all the same', async () => {
    const harness = await startCounting()
    harness.fail(true)
    const page = await harness.browser.get(`${harness.origin}/put?color=red`)
    expect(page.status).toBe(200)
    expect(events(harness, 'app_session.save_failed')).toHaveLength(1)
    expect(harness.errors).toEqual([])
  })

  it('drops the cookie when it cannot be renewed at sign-in, and deletes the data later', async () => {
    const harness = await startCounting()
    const { browser, origin } = harness
    await browser.get(`${origin}/put?color=red`)
    const copy = browser.clone()
    harness.fail(true)
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    harness.fail(false)
    expect(appCookie(browser)).toBeUndefined()
    expect(await json(browser.get(`${origin}/read`))).toEqual({})
    expect(await json(browser.get(`${origin}/whoami`))).toMatchObject({ isAuthenticated: true })
    expect(events(harness, 'app_session.change_failed')).toHaveLength(1)
    expect(await json(copy.get(`${origin}/read`))).toEqual({ color: 'red' })
    await harness.clock.advance(1)
    expect(await json(copy.get(`${origin}/read`))).toEqual({})
  })

  it('ends at sign-out although the store is away for it', async () => {
    const harness = await startCounting()
    const { browser, origin } = harness
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    await browser.get(`${origin}/put?color=red`)
    const copy = browser.clone()
    harness.fail(true)
    expect((await browser.get(`${origin}/oauth-logout`)).status).toBe(200)
    expect(appCookie(browser)).toBeUndefined()
    harness.fail(false)
    await harness.clock.advance(1)
    expect(await json(copy.get(`${origin}/read`))).toEqual({})
  })
})

describe('req.session at sign-in and sign-out', () => {
  it('case 26: gets a new id at sign-in, and only the kept keys survive', async () => {
    const { browser, origin, commands } = await startCounting()
    await browser.get(`${origin}/put?basket=apples&draft=secret`)
    const fixed = browser.clone()
    const { text: id } = await browser.get(`${origin}/id`)
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    expect(await json(browser.get(`${origin}/read`))).toEqual({ basket: 'apples' })
    expect((await browser.get(`${origin}/id`)).text).not.toBe(id)
    expect(commands).toContain('delete')
    expect(await json(fixed.get(`${origin}/read`))).toEqual({})
  })

  it('case 26: goes altogether at sign-in when nothing is kept', async () => {
    const { browser, origin } = await startCounting()
    await browser.get(`${origin}/put?draft=secret`)
    const fixed = browser.clone()
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    expect(appCookie(browser)).toBeUndefined()
    for (const agent of [browser, fixed]) expect(await json(agent.get(`${origin}/read`))).toEqual({})
  })

  it.each([
    ['POST /logout', (browser: UserAgent, origin: string) => browser.post(`${origin}/logout`)],
    ['req.oauth.logout()', (browser: UserAgent, origin: string) => browser.get(`${origin}/oauth-logout`)],
  ])('goes at %s', async (_way, signOut) => {
    const harness = await startCounting()
    const { origin } = harness
    const browser = await harness.signedIn()
    await browser.get(`${origin}/put?basket=apples`)
    const copy = browser.clone()
    await signOut(browser, origin)
    expect(browser.cookies.all).toEqual([])
    expect(await json(copy.get(`${origin}/read`))).toEqual({})
  })

  it('is there in onLogin, which may take over what its visitor has gathered', async () => {
    const seen: unknown[] = []
    const { origin, newBrowser } = await startCounting({
      onLogin: (_login, req) => {
        const { session } = req as unknown as { readonly session: Record<string, unknown> }
        seen.push(JSON.parse(JSON.stringify(data({ session }))))
        session.basket = [session.basket ?? 'nothing', 'welcome']
        return undefined
      },
    })
    const browser = newBrowser()
    await browser.get(`${origin}/put?basket=apple&theme=dark`)
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    expect(seen).toEqual([{ basket: 'apple', theme: 'dark' }])
    expect(await json(browser.get(`${origin}/read`))).toEqual({ basket: ['apple', 'welcome'] })
    const stranger = newBrowser()
    await stranger.signIn(`${origin}/login/example`, { as: 'Grace' })
    expect(seen[1]).toEqual({})
  })

  it('costs nothing at sign-in and sign-out when there is none', async () => {
    const harness = await startCounting()
    const browser = await harness.signedIn()
    await browser.post(`${harness.origin}/logout`)
    expect(harness.commands).toEqual([])
  })
})

describeOnExpress('a session middleware of the app’s own', () => {
  const own = () => session({ secret: 'keyboard', resave: false, saveUninitialized: false, name: 'own' })

  it('is kept when it is mounted before, through sign-in and sign-out', async () => {
    const harness = await startCounting({}, { before: (app) => void app.use(own()) })
    const { origin, commands } = harness
    const browser = await harness.signedIn()
    const { setCookies } = await browser.get(`${origin}/put?draft=mine`)
    expect(setCookies[0]).toMatch(/^own=/)
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    expect(await json(browser.get(`${origin}/read`))).toEqual({ draft: 'mine' })
    await browser.post(`${origin}/logout`)
    expect(await json(browser.get(`${origin}/read`))).toEqual({ draft: 'mine' })
    expect(commands).toEqual([])
    expect(events(harness, 'app_session.mounted_twice')).toEqual([])
  })
})
