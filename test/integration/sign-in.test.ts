import { memoryStore } from '@latchkey/express'
import { UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { startHarness, startServers } from './harness.fixture.ts'

describe.each([{ openid: false }, { openid: true }])('an app signs in (openid: $openid)', ({ openid }) => {
  it('leads from a guarded page through the consent page back to it', async () => {
    const { browser, origin, as } = await startHarness({ openid })
    const page = await browser.signIn(`${origin}/me?tab=1`, { as: 'Grace' })
    expect([page.status, page.url]).toEqual([200, `${origin}/me?tab=1`])
    expect(JSON.parse(page.text)).toMatchObject({ user: 'user-grace' })
    expect(as.calls.token).toBe(1)
  })

  it('stays signed in over many expiries, one token request each', async () => {
    const harness = await startHarness({ openid, server: { accessTokenLifetimeSeconds: 60 } })
    harness.as.policy.reuseKillsFamily = true
    const browser = await harness.signedIn()
    for (let expiry = 1; expiry <= 20; expiry += 1) {
      await harness.clock.advance(61)
      const page = await browser.get(`${harness.origin}/me`)
      expect(page.status).toBe(200)
      expect(harness.as.calls.token).toBe(1 + expiry)
    }
    expect(harness.as.liveFor('user-ada')).toMatchObject({ generation: 20, familyRevoked: false })
  })

  it('says no when the user says no', async () => {
    const { browser, origin, as } = await startHarness({ openid })
    const page = await browser.signIn(`${origin}/me`, { deny: true })
    expect(page.status).toBe(403)
    expect(as.calls.token).toBe(0)
    const after = await browser.get(`${origin}/whoami`)
    expect(JSON.parse(after.text)).toEqual({ isAuthenticated: false, user: null })
  })

  it('signs out: cookie gone, session gone, token revoked', async () => {
    const harness = await startHarness({ openid })
    const browser = await harness.signedIn()
    const copy = browser.clone()
    const page = await browser.post(`${harness.origin}/logout`)
    expect(page.status).toBe(200)
    expect(browser.cookies.all.map((cookie) => cookie.name)).toEqual([])
    for (const agent of [browser, copy]) {
      const after = await agent.get(`${harness.origin}/whoami`)
      expect(JSON.parse(after.text)).toEqual({ isAuthenticated: false, user: null })
    }
    expect(harness.as.calls.revoke).toBe(1)
    expect(harness.as.grants().map((grant) => grant.revoked)).toEqual([true])
  })
})

describe('a page that needs more scope', () => {
  it('leads through the provider with the old and the new scope, and back', async () => {
    const { browser, origin, as } = await startHarness({
      routes: (app, auth) => {
        app.get('/write', auth.requireLogin({ scope: ['write'] }), async (req, res) => {
          res.json((await req.oauth.accounts[0]?.status())?.scope)
        })
      },
    })
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    const page = await browser.signIn(`${origin}/write`, { as: 'Ada' })
    expect([page.url, JSON.parse(page.text)]).toEqual([`${origin}/write`, ['read', 'write']])
    expect(as.liveFor('user-ada')?.scope).toEqual(['read', 'write'])
  })

  it('says so, and does not go round, when the user grants less', async () => {
    const { browser, origin, as } = await startHarness({
      routes: (app, auth) => {
        app.get('/write', auth.requireLogin({ scope: ['write'] }), (_req, res) => void res.send('written'))
      },
    })
    as.policy.grantedScope = () => ['read']
    await browser.signIn(`${origin}/login/example`, { as: 'Ada' })
    const page = await browser.signIn(`${origin}/write`, { as: 'Ada' })
    expect([page.status, page.url]).toEqual([403, `${origin}/write`])
    expect(page.text).toContain('More permission is needed')
  })
})

describe('a secret that was taken away', () => {
  it('keeps nobody from signing in anew', async () => {
    const servers = await startServers()
    const store = memoryStore({ clock: servers.clock })
    const before = await startHarness({
      servers,
      options: { store, secret: 'kD7-first-Qm2vX9tRz5wLp8Bn3Ys6Hc4Jf1Ga' },
    })
    const visitor = await before.signedIn()
    const after = await startHarness({
      servers,
      options: { store, baseUrl: before.origin, secret: 'wT4-other-Zs8nE6yUq1Vb7Kd3Mx9Fj5Rh2Lo' },
    })
    const browser = new UserAgent(
      { clock: servers.clock, origins: { [before.origin]: after.origin } },
      visitor.cookies,
    )
    expect((await browser.get(`${before.origin}/whoami`)).status).toBe(503)
    await browser.signIn(`${before.origin}/login/example`, { as: 'Ada' })
    expect(JSON.parse((await browser.get(`${before.origin}/whoami`)).text)).toMatchObject({
      user: 'user-ada',
    })
  })
})
