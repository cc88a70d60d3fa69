import { describe, expect, it } from 'vitest'
import { type Browser, FlowsFixture, navigation, plainRequest } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const form = { ...navigation, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }

function fixtureOf(): FlowsFixture {
  const clients = [
    new ScriptedSignInClient('example', { responseMode: 'form_post' }),
    new ScriptedSignInClient('plain'),
  ]
  return new FlowsFixture({ clients })
}

/** The post of the authorization server's page: the browser sends no Lax cookie along. */
function post(
  browser: Browser,
  body: string,
  headers: Record<string, string> = form,
  path = '/callback/example',
): Promise<Reply> {
  return browser.send(plainRequest('POST', path, headers, body))
}

async function begun(
  fixture = fixtureOf(),
): Promise<{ fixture: FlowsFixture; browser: Browser; answer: string }> {
  const browser = fixture.browser()
  const url = await browser.begin('example', '?returnTo=/me')
  return { fixture, browser, answer: url.slice(url.indexOf('?') + 1) }
}

describe('a form_post callback', () => {
  it('is relayed, sealed, into a GET that does the work with the cookies', async () => {
    const { fixture, browser, answer } = await begun()
    const relay = await post(browser, answer)
    expect(relay).toMatchObject({ status: 303, setCookies: [], body: '' })
    expect(relay.headers.location).toMatch(/^\/callback\/example\?p=[\w-]+$/)
    expect(fixture.watched.commands).toEqual([])
    const reply = await browser.get(relay.headers.location ?? '')
    expect(reply).toMatchObject({ status: 303, headers: { location: '/me' }, appSession: 'renew' })
    expect(fixture.client.exchanges).toMatchObject([{ code: 'code' }])
  })

  it.each([
    ['application/json', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/x-www-form-urlencoded garbage', 415],
    ['', 415],
  ])('case 21: refuses the content type %j', async (type, status) => {
    const { browser, answer } = await begun()
    expect((await post(browser, answer, { ...navigation, 'content-type': type })).status).toBe(status)
  })

  it('case 21: takes each method only where it belongs, and no long form', async () => {
    const { fixture, browser, answer } = await begun()
    expect(await browser.get(`/callback/example?${answer}`)).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    })
    const wrong = await post(browser, answer, form, '/callback/plain')
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET' } })
    expect((await post(browser, 'a'.repeat(1_000_000))).status).toBe(413)
    const longest = await post(browser, 'a'.repeat(6_000))
    expect(longest.status).toBe(303)
    expect(longest.headers.location?.length).toBeLessThan(8_192 + 30)
    expect((await post(browser, answer, form, '/callback/example?code=x')).status).toBe(400)
    expect(fixture.watched.commands).toEqual([])
  })

  it('is relayed for a minute, on its own path, and only as it was', async () => {
    const { fixture, browser, answer } = await begun()
    const location = (await post(browser, answer)).headers.location ?? ''
    for (const changed of [
      `${location.slice(0, -8)}AAAAAAAA`,
      '/callback/example?p=',
      `/callback/example?p=${'A'.repeat(9_000)}`,
    ]) {
      expect((await browser.get(changed)).status).toBe(400)
    }
    expect((await browser.get(location.replace('example', 'plain'))).status).toBe(400)
    await fixture.clock.advance(61)
    expect((await browser.get(location)).status).toBe(400)
    expect(fixture.log.about('callback.rejected').map((fields) => fields.reason)).toContain('relay')
    const again = (await post(browser, answer)).headers.location ?? ''
    await fixture.clock.advance(59)
    expect((await browser.get(again)).status).toBe(303)
  })

  it('case 18: refuses a parameter that stands twice in the form', async () => {
    const { fixture, browser, answer } = await begun()
    const location = (await post(browser, `${answer}&code=other`)).headers.location ?? ''
    expect((await browser.get(location)).status).toBe(400)
    expect(fixture.log.about('callback.rejected').map((fields) => fields.reason)).toEqual(['duplicate'])
  })
})
