import { describe, expect, it } from 'vitest'
import { type Browser, FlowsFixture, navigation, origin, ownForm, plainRequest } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

async function signedIn(fixture = new FlowsFixture()): Promise<{ fixture: FlowsFixture; browser: Browser }> {
  const browser = fixture.browser()
  await browser.signIn()
  return { fixture, browser }
}

describe('POST /logout', () => {
  it('ends session and tokens, revokes, tells, and leads to afterLogout', async () => {
    const { fixture, browser } = await signedIn()
    const session = await browser.session()
    const cookie = browser.cookie
    const reply = await browser.post('/logout')
    expect(reply).toEqual({
      status: 303,
      headers: { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', location: '/' },
      setCookies: ['__Host-latchkey=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax'],
      body: '',
      appSession: 'destroy',
    })
    expect(await fixture.sessions.resume(cookie)).toBeUndefined()
    const ref = { slot: session?.locator ?? '', id: session?.record.accounts[0]?.grantId ?? '' }
    expect(await fixture.store.grants.read(ref)).toBeUndefined()
    expect(fixture.client.revoked).toEqual(['refresh of code'])
    expect(fixture.emitted.at(-1)).toEqual(['logout', { userId: 'example:ada' }])
  })

  it('answers a script with the location', async () => {
    const { browser } = await signedIn(new FlowsFixture({ routes: { afterLogout: '/bye' } }))
    const script = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', accept: '*/*' }
    const reply = await browser.post('/logout', script)
    expect(reply).toMatchObject({ status: 200, body: '{"location":"/bye"}', appSession: 'destroy' })
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    expect(await browser.session()).toBeUndefined()
    const plain = await browser.post('/logout', { origin, accept: 'application/json' })
    expect(plain.status).toBe(200)
  })

  it('case 36: does not sign out for an image, a link, a foreign form or a form without proof', async () => {
    const { fixture, browser } = await signedIn(new FlowsFixture({ trustedOrigins: ['https://spa.example'] }))
    const { 'sec-fetch-site': _, origin: __, ...bare } = ownForm
    const refused = [
      bare,
      { ...bare, 'sec-fetch-site': 'cross-site' },
      { ...bare, 'sec-fetch-site': 'same-site', origin },
      { ...bare, 'sec-fetch-site': 'none', origin },
      { ...bare, 'sec-fetch-site': ['same-origin', 'cross-site'] },
      { ...bare, origin: 'https://evil.example' },
      { ...bare, origin: 'null' },
      { ...bare, origin: `${origin}.evil.example` },
      { ...bare, origin: 'http://app.example' },
      { ...bare, referer: `${origin}/` },
    ]
    for (const headers of refused) {
      expect(await browser.post('/logout', headers)).toMatchObject({ status: 403, setCookies: [] })
    }
    expect(fixture.log.about('csrf.rejected')).toHaveLength(refused.length)
    for (const destination of ['image', 'document']) {
      const reply = await browser.get('/logout', { ...navigation, 'sec-fetch-dest': destination })
      expect(reply).toMatchObject({ status: 405, headers: { allow: 'POST' }, setCookies: [] })
    }
    expect(await browser.session()).toMatchObject({ record: { userId: 'example:ada' } })
    for (const proof of [
      { 'sec-fetch-site': 'same-origin', origin: 'null' },
      { origin },
      { origin: 'https://spa.example' },
    ]) {
      await browser.signIn()
      expect((await browser.post('/logout', { ...bare, ...proof })).status).toBe(303)
      expect(await browser.session()).toBeUndefined()
    }
  })

  it('works for a browser that is signed in nowhere', async () => {
    const fixture = new FlowsFixture()
    expect(await fixture.browser().post('/logout')).toMatchObject({ status: 303, appSession: 'destroy' })
    expect(fixture.emitted).toEqual([])
  })

  it.each(['sessions.read', 'sessions.delete'])(
    'keeps session and cookie when the store fails at %s',
    async (command) => {
      const { fixture, browser } = await signedIn()
      fixture.watched.before = ({ name }) => {
        if (name === command) throw new Error('The store is gone.')
      }
      const reply = await browser.post('/logout')
      expect(reply).toMatchObject({ status: 503, setCookies: [] })
      expect(reply.headers['retry-after']).toMatch(/^\d+$/)
      fixture.watched.before = () => {}
      expect(await browser.session()).toMatchObject({ record: { userId: 'example:ada' } })
      expect(fixture.client.revoked).toEqual([])
    },
  )

  it('case 43: waits two seconds for a revocation, not longer, and the session is over before', async () => {
    const { fixture, browser } = await signedIn()
    fixture.client.revocation = () => new Promise(() => {})
    const cookie = browser.cookie
    let reply: Reply | undefined
    const answered = browser.post('/logout').then((value) => {
      reply = value
    })
    await settled()
    expect(fixture.client.revoked).toHaveLength(1)
    expect(await fixture.sessions.resume(cookie)).toBeUndefined()
    await fixture.clock.advance(1.9)
    expect(reply).toBeUndefined()
    await fixture.clock.advance(0.2)
    await answered
    expect(reply?.status).toBe(303)
  })

  it('case 43: answers at once when a revocation fails, and tries it three times more in the background', async () => {
    const { fixture, browser } = await signedIn()
    fixture.client.revocation = async () => false
    expect((await browser.post('/logout')).status).toBe(303)
    const counts = [fixture.client.revoked.length]
    for (const seconds of [1, 10, 60, 3_600]) {
      await fixture.clock.advance(seconds)
      await settled()
      counts.push(fixture.client.revoked.length)
    }
    expect(counts).toEqual([1, 2, 3, 4, 4])
    expect(fixture.log.about('revocation.failed')).toEqual([
      { event: 'revocation.failed', provider: 'example' },
    ])
    expect(JSON.stringify(fixture.log.lines)).not.toContain('refresh of')
  })

  it('closing lets a waiting revocation have its last try at once, and keeps no timer', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const browser = fixture.browser(flows)
    await browser.signIn()
    fixture.client.revocation = async () => false
    await browser.post('/logout')
    flows.close()
    await settled()
    expect(fixture.client.revoked).toHaveLength(2)
    expect(fixture.clock.pending).toBe(0)
    await fixture.clock.advance(3_600)
    expect(fixture.client.revoked).toHaveLength(2)
  })

  it('case 43: stops trying once the token is revoked', async () => {
    const { fixture, browser } = await signedIn()
    fixture.client.revocation = async () => fixture.client.revoked.length > 1
    await browser.post('/logout')
    await fixture.clock.advance(1)
    await settled()
    await fixture.clock.advance(10)
    await settled()
    expect(fixture.client.revoked).toHaveLength(2)
    expect(fixture.log.about('revocation.failed')).toEqual([])
  })

  it('ends a whole authorization only with the last session of its user', async () => {
    const fixture = new FlowsFixture({
      clients: [new ScriptedSignInClient('example', { revocation: 'authorization' })],
    })
    const [first, second] = [fixture.browser(), fixture.browser()]
    await first.signIn('example', '', 'first')
    await second.signIn('example', '', 'second')
    await first.post('/logout')
    expect(fixture.client.revoked).toEqual([])
    await second.post('/logout')
    expect(fixture.client.revoked).toEqual(['refresh of second'])
  })

  it('does not end the authorization that the same user has just renewed', async () => {
    const fixture = new FlowsFixture({
      clients: [new ScriptedSignInClient('example', { revocation: 'authorization' })],
    })
    const browser = fixture.browser()
    await browser.signIn('example', '', 'first')
    await browser.signIn('example', '', 'second')
    await settled()
    expect(fixture.client.revoked).toEqual([])
  })

  it('leads where code says, if that is safe', async () => {
    const { fixture, browser } = await signedIn()
    const flows = fixture.flows()
    const request = plainRequest('POST', '/leave', ownForm)
    const reply = await flows.logout(request, await browser.session(), {
      returnTo: '/bye',
      everywhere: false,
    })
    expect(reply.headers.location).toBe('/bye')
    const evil = await flows.logout(request, undefined, { returnTo: '//evil.example', everywhere: false })
    expect(evil.headers.location).toBe('/')
  })
})

/** Lets everything that waits for nothing but promises go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
