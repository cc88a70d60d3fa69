import type { PageResponse } from '@latchkey/testing'
import express, { type Express } from 'express'
import { describe, expect, it } from 'vitest'
import { events, isFastify, startHarness } from './harness.fixture.ts'
import { authorizationResponse, expectRefused, locationOf, reasons, whoami } from './login-steps.fixture.ts'
import { navigationLines, rawRequest, valuesOf } from './raw-http.fixture.ts'
import { publicOrigin, startTwoProcesses } from './two-processes.fixture.ts'

const server = { autoApprove: 'user-ada' }
const loginUrl = `${publicOrigin}/login/example`

describe('case 18: repeated and structured parameters', () => {
  const refused = [
    'code=a',
    'code=',
    'co%64e=a',
    'code[]=a',
    'code[0]=a',
    'code%5B%5D=a',
    'code[__proto__]=a',
    'state=x',
    'state[a]=x',
    'state[]=x',
    'iss=a&iss=b',
    'iss[]=a',
    'error=a&error=b',
    'error[]=a',
    'error_description=a&error_description=b',
    'error_uri=a&error_uri=b',
    'id_token=a&id_token=b',
    'access_token[]=a',
    'response=a&response=b',
    'p=1&p=2',
  ]
  /** Names that only look like ours. */
  const ignored = [
    'CODE=a',
    'code.x=a',
    '__proto__[code]=a',
    '__proto__=a',
    'constructor=a',
    'a=1&a=2',
    '%20code=a',
    'code%00=a',
  ]

  it.each(['simple', 'extended', false])(
    `case 18: ${refused.length} repeated or structured parameters are refused before and behind a good answer (query parser: %s)`,
    async (parser) => {
      const app = await startTwoProcesses({ before: (app: Express) => void app.set('query parser', parser) })
      const { p1, p2 } = app.newBrowser()
      const { callbackUrl } = await authorizationResponse(p1, loginUrl)
      const { origin, pathname, search } = callbackUrl
      for (const extra of refused) {
        expectRefused(await p1.get(`${callbackUrl}&${extra}`))
        expectRefused(await p2.get(`${origin}${pathname}?${extra}&${search.slice(1)}`))
      }
      const expected = Array.from({ length: 2 * refused.length }, () => 'duplicate')
      expect(reasons(...app.processes)).toEqual(expected)
      expect([app.as.calls.token, app.commands]).toEqual([0, []])
      const good = await p1.get(`${callbackUrl}&${ignored.join('&')}`, { redirect: 'manual' })
      expect(good.status).toBe(303)
    },
  )

  it('case 18: a body beside the query of a GET counts for nothing, and a POST is not taken', async () => {
    const before = (app: Express): void => void app.use(express.urlencoded({ extended: true }))
    const { browser, origin, as } = await startHarness({ server, before })
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    const cookie = `Cookie: ${browser.cookies.header(callbackUrl)}`
    const lines = [...navigationLines, cookie, 'Content-Type: application/x-www-form-urlencoded']
    const body = 'code=evil&state=evil'
    const target = callbackUrl.pathname + callbackUrl.search
    const post = await rawRequest(origin, { method: 'POST', target, lines, body })
    expect([post.status, valuesOf(post, 'allow'), as.calls.token]).toEqual([405, ['GET'], 0])
    const get = await rawRequest(origin, { target, lines, body })
    expect(get.status).toBe(303)
    expect(as.requests.findLast(({ endpoint }) => endpoint === 'token')?.form.get('code')).toMatch(/^code_/)
  })

  it.each(['none', 'simple', 'extended'])(
    'case 18: a form_post is as strict (body parser before us: %s)',
    async (parser) => {
      const harness = await startHarness({
        server,
        provider: { responseMode: 'form_post' },
        before: (app) => {
          if (parser !== 'none') app.use(express.urlencoded({ extended: parser === 'extended' }))
        },
      })
      const { browser, origin, as } = harness
      const start = await browser.get(`${origin}/login/example`, { redirect: 'manual' })
      const page = await browser.get(locationOf(start))
      const state = new URL(locationOf(start)).searchParams.get('state') ?? ''
      const callback = `${origin}/callback/example`
      const good = `code=a&state=${state}`
      const from = as.origin
      for (const form of [
        `${good}&code=b`,
        `${good}&state=x`,
        `${good}&error=a&error=b`,
        `${good}&code[]=b`,
      ]) {
        expectRefused(await browser.post(callback, form, { from }))
      }
      expectRefused(await browser.post(`${callback}?code=a`, good, { from }))
      expectRefused(await browser.post(`${callback}?state=${state}`, good, { from }))
      expect(new Set(reasons(harness))).toEqual(new Set(['duplicate']))
      expect(as.calls.token).toBe(0)
      await browser.submit(page)
      expect(await whoami(browser, origin)).toBe('user-ada')
    },
  )
})

describe('case 19: error responses', () => {
  const long = 'x'.repeat(5_000)
  const rows: readonly { readonly error: string; readonly status: number; readonly reason: string }[] = [
    { error: 'access_denied', status: 403, reason: 'access_denied' },
    { error: 'consent_required', status: 403, reason: 'consent_required' },
    { error: 'interaction_required', status: 403, reason: 'interaction_required' },
    { error: 'invalid_scope', status: 500, reason: 'invalid_scope' },
    { error: 'unauthorized_client', status: 500, reason: 'unauthorized_client' },
    { error: 'server_error', status: 503, reason: 'server_error' },
    { error: 'temporarily_unavailable', status: 503, reason: 'temporarily_unavailable' },
    { error: 'something_new', status: 400, reason: 'unknown_error' },
    { error: 'ACCESS_DENIED', status: 400, reason: 'unknown_error' },
    { error: '__proto__', status: 400, reason: 'unknown_error' },
    { error: 'toString', status: 400, reason: 'unknown_error' },
    { error: '<script>', status: 400, reason: 'unknown_error' },
    { error: long, status: 400, reason: 'unknown_error' },
  ]
  const description = `d3scription\u001b[31m\r\nforged line ${'y'.repeat(9_000)}`

  it.each(rows.map((row) => ({ ...row, title: row.error.slice(0, 30) })))(
    'case 19: $title with a valid state spends the login, and is answered with $status',
    async ({ error, status, reason }) => {
      const app = await startTwoProcesses()
      const { p1, p2, cookies } = app.newBrowser()
      const { callbackUrl } = await authorizationResponse(p1, loginUrl)
      const before = app.newBrowser(cookies.clone())
      const { searchParams } = callbackUrl
      const answer = { error, error_description: description, error_uri: 'https://evil.example/' }
      const url = `${publicOrigin}/callback/example?${new URLSearchParams(answer)}&state=`
      expectRefused(await p1.get(`${url}wrong`))
      expect(app.commands).toEqual([])
      const page = await p2.get(`${url}${searchParams.get('state')}`)
      expectRefused(page, status)
      expect(`${page.text}${JSON.stringify(page.headers)}`).not.toMatch(
        /d3scription|forged|evil|xxxx|yyyy|<script>/,
      )
      expectRefused(await before.p1.get(callbackUrl))
      expectRefused(await p1.get(callbackUrl))
      expect([...reasons(app.p1), ...reasons(app.p2)]).toEqual([
        'no_transaction',
        'used',
        'no_transaction',
        reason,
      ])
      expect(app.as.calls.token).toBe(0)
      const said = events(app.p2, 'callback.rejected')[0]?.fields
      expect(String(said?.oauthDescription)).toMatch(/^d3scription/)
      expect(String(said?.oauthDescription).length).toBeLessThanOrEqual(200)
      expect(`${said?.oauthError}${said?.oauthDescription}`).not.toMatch(/\p{Cc}/u)
      expect(String(said?.oauthError).length).toBeLessThanOrEqual(100)
    },
  )

  it('case 19: an error beside a code is an error: nothing is exchanged', async () => {
    const app = await startTwoProcesses()
    const { p1 } = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(p1, loginUrl)
    expectRefused(await p1.get(`${callbackUrl}&error=access_denied`), 403)
    expectRefused(await p1.get(callbackUrl))
    expect(app.as.calls.token).toBe(0)
    expect(await whoami(p1, publicOrigin)).toBeNull()
  })

  it('case 19: neither a code nor an error is refused and spends the login', async () => {
    const app = await startTwoProcesses()
    const { p1 } = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(p1, loginUrl)
    callbackUrl.searchParams.delete('code')
    expectRefused(await p1.get(callbackUrl))
    expect(reasons(app.p1)).toEqual(['no_code'])
    expect([app.as.calls.token, app.commands]).toEqual([0, ['usedMarkers.take']])
  })
})

describe('case 20: reflection', () => {
  const marker = 'mArKeR7'
  const values = [
    marker,
    `<script>${marker}</script>`,
    `"><img src=x onerror=${marker}>`,
    `\r\nX-${marker}: 1\r\n\r\n${marker}`,
    `javascript:${marker}`,
    `{{${marker}}}\u0000\u2028`,
  ]
  const fields = ['error', 'error_description', 'error_uri', 'state', 'code', 'iss', 'p', 'returnTo', marker]

  it.each(['navigate', 'cors'])(
    `case 20: none of ${values.length} values in ${fields.length} fields comes back (%s)`,
    async (mode) => {
      const { browser, origin, sent } = await startHarness({ server })
      const headers = {
        'sec-fetch-mode': mode,
        accept: mode === 'navigate' ? 'text/html' : 'application/json',
        referer: `https://evil.example/${marker}`,
        'user-agent': marker,
        'accept-language': marker,
        'x-request-id': marker,
        cookie: `${marker}=${marker}; lk.t.${marker}=${marker}`,
      }
      for (const value of values) {
        const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
        const pending = { ...headers, cookie: `${browser.cookies.header(callbackUrl)}; ${headers.cookie}` }
        const written = encodeURIComponent(value)
        const all = fields.map((field) => `${encodeURIComponent(field)}=${written}`)
        const own = `${callbackUrl}&error=${written}&error_description=${written}&error_uri=${written}`
        for (const query of [...all, all.join('&'), `${all[0]}&${all[0]}`]) {
          expectFixed(await browser.get(`${origin}/callback/example?${query}`, { headers: pending }), mode)
        }
        expectFixed(await browser.get(own, { headers: pending }), mode)
      }
      expect(sent.join('\n')).not.toContain(marker)
    },
  )

  /** A page or problem that is the same for everybody. */
  function expectFixed(page: PageResponse, mode: string): void {
    expect(`${page.text}${JSON.stringify(page.headers)}`).not.toContain(marker)
    expect([400, 403]).toContain(page.status)
    expect(page.headers['x-content-type-options']).toBe('nosniff')
    expect(page.headers['cache-control']).toBe('no-store')
    if (mode === 'cors') {
      expect(page.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      return
    }
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    expect(page.text).not.toMatch(/<script|onerror|javascript:/i)
  }

  it.each(['', '/', '%2f', '%00', '.', ';x', '%3Cscript%3E', '//', '\\', '/..', '#'])(
    'case 20: a path that only resembles ours is none of ours: /callback/example%s',
    async (suffix) => {
      const harness = await startHarness({ server })
      const { browser, origin } = harness
      const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
      const lines = [...navigationLines, `Cookie: ${browser.cookies.header(callbackUrl)}`]
      const target = `/callback/example${suffix}${callbackUrl.search}`
      const response = await rawRequest(origin, { target, lines })
      expect([suffix, response.status]).toEqual([suffix, suffix === '' ? 303 : 404])
      expect(response.text).not.toContain('<script>')
      expect(valuesOf(response, 'set-cookie').length).toBe(suffix === '' ? 2 : 0)
      expect(reasons(harness)).toEqual([])
    },
  )
})

describe('case 22: HEAD, OPTIONS, prefetches and link scanners', () => {
  const methods = [
    'HEAD',
    'OPTIONS',
    'TRACE',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    // Fastify has no routes for these, so nothing of ours sees them.
    ...(isFastify ? [] : ['PROPFIND', 'REPORT', 'SEARCH']),
  ]
  const prefetches = [
    'Sec-Purpose: prefetch',
    'Sec-Purpose: prefetch;prerender',
    'Sec-Purpose: prefetch;anonymous-client-ip',
    'Purpose: prefetch',
    'Purpose: Prefetch',
    'Purpose: preview',
    'X-Moz: prefetch',
    'X-Purpose: preview',
  ]

  it('case 22: on the callback they spend nothing, and the real GET signs in', async () => {
    const app = await startTwoProcesses()
    const { p1, p2 } = app.newBrowser()
    const { callbackUrl } = await authorizationResponse(p1, loginUrl)
    const target = callbackUrl.pathname + callbackUrl.search
    const host = 'app.example'
    const cookie = `Cookie: ${p1.cookies.header(callbackUrl)}`
    for (const { origin } of app.processes) {
      for (const method of methods) {
        const response = await rawRequest(origin, {
          method,
          target,
          host,
          lines: [...navigationLines, cookie],
        })
        expect([method, response.status, valuesOf(response, 'allow')]).toEqual([method, 405, ['GET']])
        expect([method, valuesOf(response, 'set-cookie')]).toEqual([method, []])
        if (method === 'HEAD') expect(response.body).toBe('')
      }
      for (const line of prefetches) {
        const response = await rawRequest(origin, { target, host, lines: [...navigationLines, cookie, line] })
        expect([line, response.status, response.body]).toEqual([line, 204, ''])
        expect([line, valuesOf(response, 'set-cookie'), valuesOf(response, 'cache-control')]).toEqual([
          line,
          [],
          ['no-store'],
        ])
      }
    }
    expect([app.as.calls.token, app.commands]).toEqual([0, []])
    expect((await p2.get(callbackUrl, { redirect: 'manual' })).status).toBe(303)
    expect(await whoami(p1, publicOrigin)).toBe('user-ada')
  })

  it.each(['/login', '/login/example'])('case 22: on %s they begin no login', async (target) => {
    const { origin, as } = await startHarness()
    for (const method of methods) {
      const response = await rawRequest(origin, { method, target, lines: navigationLines })
      expect([method, response.status, valuesOf(response, 'set-cookie')]).toEqual([method, 405, []])
    }
    for (const line of prefetches) {
      const response = await rawRequest(origin, { target, lines: [...navigationLines, line] })
      expect([line, response.status, valuesOf(response, 'set-cookie')]).toEqual([line, 204, []])
    }
    expect(as.requests).toEqual([])
  })

  it('case 22: on the sign-out only a POST counts', async () => {
    const harness = await startHarness({ server })
    const { browser, origin } = harness
    await browser.get(`${origin}/login/example`)
    const lines = [...navigationLines, `Cookie: ${browser.cookies.header(origin)}`]
    for (const method of ['GET', ...methods.filter((name) => name !== 'POST')]) {
      const response = await rawRequest(origin, { method, target: '/logout', lines })
      expect([method, response.status, valuesOf(response, 'allow')]).toEqual([method, 405, ['POST']])
    }
    expect(await whoami(browser, origin)).toBe('user-ada')
  })
})
