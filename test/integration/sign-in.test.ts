import { describe, expect, it } from 'vitest'
import { startHarness } from './harness.fixture.ts'

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
