import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { Session } from '../session/sessions.ts'
import { type Browser, FlowsFixture, navigation, origin, plainRequest } from './flows.fixture.ts'
import type { Flows } from './routes.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

async function signedIn(fixture = new FlowsFixture()): Promise<{
  fixture: FlowsFixture
  flows: Flows
  browser: Browser
  session: Session | undefined
}> {
  const flows = fixture.flows()
  const browser = fixture.browser(flows)
  await browser.signIn()
  return { fixture, flows, browser, session: await browser.session() }
}

const page = plainRequest('GET', '/me?a=1')

function problemOf(reply: { body: string } | undefined): unknown {
  return JSON.parse(reply?.body ?? 'null')
}

describe('Flows.guard', () => {
  it('lets a signed-in user through', async () => {
    const { flows, session } = await signedIn()
    await expect(flows.guard(page, session, {})).resolves.toBeUndefined()
    const scoped = flows.guard(page, session, { provider: 'example', scope: ['read'] })
    await expect(scoped).resolves.toBeUndefined()
  })

  it('says what is missing', async () => {
    const { flows, session, fixture } = await signedIn()
    const outcome = (asked: object) => flows.guard(page, session, asked)
    await expect(flows.guard(page, undefined, {})).rejects.toMatchObject({
      code: 'login_required',
      reason: 'signed_out',
    })
    await expect(outcome({ provider: 'other' })).rejects.toMatchObject({
      code: 'login_required',
      reason: 'no_account',
      provider: 'other',
    })
    await expect(outcome({ scope: ['read', 'write'] })).rejects.toMatchObject({
      code: 'insufficient_scope',
      status: 403,
      provider: 'example',
    })
    const account = session?.record.accounts[0]
    const ref = { slot: session?.locator ?? '', id: account?.grantId ?? '' }
    await fixture.store.grants.delete(ref, (await fixture.store.grants.read(ref))?.version ?? '')
    await expect(outcome({ scope: ['read'] })).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it('case 35: wants proof of same origin for methods that change something', async () => {
    const { flows, session, fixture } = await signedIn()
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
      const send = (headers: Record<string, string>) =>
        flows.guard(plainRequest(method, '/x', headers), session, {})
      for (const headers of [
        {},
        { 'sec-fetch-site': 'same-site', origin },
        { origin: 'https://sub.app.example' },
      ]) {
        await expect(send(headers)).rejects.toMatchObject({ code: 'cross_site_request', status: 403 })
      }
      await send({ 'sec-fetch-site': 'same-origin' })
      await send({ origin })
    }
    expect(fixture.log.about('csrf.rejected').map((fields) => fields.reason)).toContain('no_evidence')
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      await flows.guard(plainRequest(method, '/x', {}), session, {})
  })

  it('tells a failed store from a missing scope', async () => {
    const { flows, session, fixture } = await signedIn()
    fixture.watched.before = () => {
      throw new Error('The store is gone.')
    }
    await expect(flows.guard(page, session, { scope: ['read'] })).rejects.toMatchObject({
      code: 'store_unavailable',
    })
  })
})

describe('Flows.errorReply', () => {
  const signedOut = new LatchkeyError('login_required', 'Sign in.', { reason: 'signed_out' })
  const refused = new LatchkeyError('login_required', 'Sign in.', { reason: 'refused', provider: 'example' })
  const flows = new FlowsFixture().flows()

  it('sends a page load through the login and back', async () => {
    const reply = await flows.errorReply(signedOut, page, undefined)
    expect(reply).toMatchObject({
      status: 302,
      setCookies: [],
      headers: { location: '/login?returnTo=%2Fme%3Fa%3D1' },
    })
    expect(reply?.headers['cache-control']).toBe('no-store')
    expect((await flows.errorReply(refused, page, undefined))?.headers.location).toBe(
      '/login/example?returnTo=%2Fme%3Fa%3D1',
    )
    const foreign = new LatchkeyError('login_required', 'Sign in.', { provider: '../evil' })
    expect((await flows.errorReply(foreign, page, undefined))?.headers.location).toBe(
      '/login?returnTo=%2Fme%3Fa%3D1',
    )
    const old = plainRequest('GET', '/me', { accept: 'text/html' })
    expect((await flows.errorReply(signedOut, old, undefined))?.status).toBe(302)
  })

  it('leads to a provider that is only known when asked for, and to none by anything but an id', async () => {
    const fixture = new FlowsFixture({ clients: [] })
    fixture.resolvable.push(new ScriptedSignInClient('tenant-1'))
    const leads = async (provider: string): Promise<string | undefined> => {
      const error = new LatchkeyError('login_required', 'Sign in.', { provider })
      return (await fixture.flows().errorReply(error, page, undefined))?.headers.location
    }
    expect(await leads('tenant-1')).toBe('/login/tenant-1?returnTo=%2Fme%3Fa%3D1')
    for (const foreign of ['../evil', '/evil.example', 'a?b', 'A', '']) {
      expect(await leads(foreign)).toBe('/login?returnTo=%2Fme%3Fa%3D1')
    }
  })

  it.each(['//evil.example/path', 'http://evil.example/', '/\\evil.example', '/.//evil.example', '*'])(
    'case 14: never returns to another origin from the request target %s',
    async (url) => {
      const reply = await flows.errorReply(signedOut, plainRequest('GET', url), undefined)
      expect(reply).toMatchObject({ status: 302, headers: { location: '/login?returnTo=%2F' } })
    },
  )

  it('tells a script what happened, with the way to the login', async () => {
    const script = plainRequest('GET', '/mArKeR', { accept: 'application/json', 'sec-fetch-mode': 'cors' })
    const reply = await flows.errorReply(refused, script, undefined)
    expect(reply?.status).toBe(401)
    expect(reply?.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(problemOf(reply)).toEqual({
      type: 'about:blank',
      title: 'Please sign in',
      status: 401,
      detail: 'You need to be signed in to see this page.',
      code: 'login_required',
      reason: 'refused',
      provider: 'example',
      login: '/login/example',
    })
    expect(
      (await flows.errorReply(refused, plainRequest('POST', '/x', { accept: '*/*' }), undefined))?.status,
    ).toBe(401)
  })

  it('brakes a loop: a sign-in that was just made and did not help is not repeated by itself', async () => {
    const { flows, session, fixture } = await signedIn()
    const lacks = new LatchkeyError('insufficient_scope', 'Scope.', { provider: 'example', scope: ['read'] })
    for (const [error, status] of [
      [refused, 401],
      [lacks, 403],
    ] as const) {
      const reply = await flows.errorReply(error, page, session)
      expect(reply).toMatchObject({ status, headers: { 'content-type': 'text/html; charset=utf-8' } })
      expect(reply?.body).toMatch(
        /<form method="post" action="\/login\/example\/consent\?t=[\w-]+"><button class="primary">Continue to Example</,
      )
      expect(reply?.headers.location).toBeUndefined()
    }
    const elsewhere = new LatchkeyError('login_required', 'Sign in.', {
      reason: 'no_account',
      provider: 'other',
    })
    expect((await flows.errorReply(elsewhere, page, session))?.headers.location).toMatch(
      /^\/login\/other\/link\?t=[\w-]+$/,
    )
    await fixture.clock.advance(60)
    expect((await flows.errorReply(lacks, page, session))?.status).toBe(303)
    expect((await flows.errorReply(lacks, page, session))?.status).toBe(403)
    await fixture.clock.advance(60)
    expect((await flows.errorReply(lacks, page, session))?.status).toBe(303)
  })

  it('leads to the login who was signed out while the request ran', async () => {
    const { flows, session, browser } = await signedIn()
    const gone = new LatchkeyError('login_required', 'Gone.', { provider: 'example', reason: 'signed_out' })
    const late = { ...page, headers: { ...page.headers, cookie: browser.cookie } }
    await browser.post('/logout')
    expect(await flows.errorReply(gone, late, session)).toMatchObject({
      status: 302,
      headers: { location: '/login/example?returnTo=%2Fme%3Fa%3D1' },
    })
  })

  it('asks for the scope that a page lacks, once, and comes back to it', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const browser = fixture.browser(flows)
    await browser.signIn()
    const session = await browser.session()
    const lacks = await flows.guard(page, session, { scope: ['write'] }).catch((error: unknown) => error)
    expect(lacks).toMatchObject({ code: 'insufficient_scope', scope: ['write'] })
    const reply = await flows.errorReply(
      lacks,
      { ...page, headers: { ...page.headers, cookie: browser.cookie } },
      session,
    )
    expect(reply).toMatchObject({ status: 303 })
    const asked = new URL(reply?.headers.location ?? '')
    expect([asked.origin, asked.searchParams.get('scope')]).toEqual(['https://example.example', 'read write'])
    if (reply !== undefined) browser.take(reply)
    fixture.client.grants = ['read']
    const back = await browser.get(`/callback/example?code=two&state=${asked.searchParams.get('state')}`)
    expect(back).toMatchObject({ status: 303, headers: { location: '/me?a=1' } })
    const now = await browser.session()
    const still = await flows.guard(page, now, { scope: ['write'] }).catch((error: unknown) => error)
    expect(await flows.errorReply(still, page, now)).toMatchObject({ status: 403 })
    fixture.client.grants = undefined
    await fixture.clock.advance(61)
    const again = await flows.errorReply(still, page, now)
    expect(again?.status).toBe(303)
  })

  it('asks a signed-out visitor for the scope that the page needs right away', async () => {
    const fixture = new FlowsFixture()
    const flows = fixture.flows()
    const error = await flows
      .guard(page, undefined, { provider: 'example', scope: ['write'] })
      .catch((e: unknown) => e)
    const reply = await flows.errorReply(error, page, undefined)
    expect(new URL(reply?.headers.location ?? '').searchParams.get('scope')).toBe('read write')
  })

  it('case 20: shows a fixed page for other failures, without a byte of the request', async () => {
    const headers = { ...navigation, host: 'mArKeR', referer: 'mArKeR' }
    const request = plainRequest('GET', '/mArKeR?mArKeR=%3Cscript%3EmArKeR', headers)
    const post = plainRequest('POST', '/mArKeR', headers)
    const codes = [
      'state_mismatch',
      'invalid_callback',
      'access_denied',
      'cross_site_request',
      'account_in_use',
    ] as const
    const more = ['account_mismatch', 'as_unavailable', 'as_misconfigured', 'store_unavailable'] as const
    for (const code of [...codes, ...more]) {
      const error = new LatchkeyError(code, 'mArKeR', { reason: 'mArKeR', oauth: { error: 'mArKeR' } })
      const reply = await flows.errorReply(error, request, undefined)
      expect(reply?.status).toBe(error.status)
      expect(reply?.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        ...error.headers,
      })
      expect(JSON.stringify(reply)).not.toContain('mArKeR')
    }
    expect(JSON.stringify(await flows.errorReply(signedOut, post, undefined))).not.toContain('mArKeR')
    const away = new LatchkeyError('store_unavailable', 'x')
    expect((await flows.errorReply(away, request, undefined))?.headers['retry-after']).toBe('5')
    expect((await flows.errorReply(away, request, undefined))?.setCookies).toEqual([])
  })

  it('leaves errors of others, and those about the program, to others', async () => {
    expect(await flows.errorReply(new Error('x'), page, undefined)).toBeUndefined()
    expect(await flows.errorReply(undefined, page, undefined)).toBeUndefined()
    for (const code of [
      'account_ambiguous',
      'origin_not_allowed',
      'not_supported',
      'invalid_options',
    ] as const) {
      expect(await flows.errorReply(new LatchkeyError(code, 'x'), page, undefined)).toBeUndefined()
    }
  })

  it('puts the prefix of baseUrl before every address', async () => {
    const behindProxy = new FlowsFixture({ baseUrls: ['https://app.example/sub'] }).flows()
    expect((await behindProxy.errorReply(signedOut, page, undefined))?.headers.location).toBe(
      '/sub/login?returnTo=%2Fme%3Fa%3D1',
    )
  })
})
