import { Readable } from 'node:stream'
import { LatchkeyError, type RequestOAuth } from '@latchkey/express'
import { describe, expect, it } from 'vitest'
import { type Harness, type HarnessSetup, startHarness } from './harness.fixture.ts'

/** A harness with Ada signed in, and the req.oauth of one of her requests. */
async function signedIn(setup: HarnessSetup = {}): Promise<Harness & { readonly oauth: RequestOAuth }> {
  const held: RequestOAuth[] = []
  const harness = await startHarness({
    ...setup,
    routes: (app) => {
      app.get('/hold', (req, res) => {
        held.push(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
        res.end()
      })
    },
  })
  const browser = await harness.signedIn()
  await browser.get(`${harness.origin}/hold`)
  const [oauth] = held
  if (oauth === undefined) throw new Error('no req.oauth')
  return { ...harness, oauth }
}

/** One way to call an API: its status and text. */
type Call = (
  oauth: RequestOAuth,
  url: string,
  init?: { method?: string; body?: unknown; headers?: unknown; signal?: AbortSignal },
) => Promise<{ readonly status: number; readonly text: string; readonly location: unknown }>

const withFetch: Call = async (oauth, url, init) => {
  const reply = await oauth.fetch(url, init as RequestInit)
  return { status: reply.status, text: await reply.text(), location: reply.headers.get('location') }
}

const withRequest: Call = async (oauth, url, init) => {
  const reply = await oauth.request(url, init as Parameters<RequestOAuth['request']>[1])
  return { status: reply.statusCode, text: await reply.body.text(), location: reply.headers.location }
}

const host = (origin: string): string => new URL(origin).host

describe.each([
  ['fetch', withFetch],
  ['request', withRequest],
] as const)('req.oauth.%s', (_name, call) => {
  it('reaches the API with the user’s token', async () => {
    const { oauth, rs } = await signedIn()
    const { status, text } = await call(oauth, `${rs.origin}/things?a=b`, { method: 'POST', body: 'payload' })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ method: 'POST', claims: { sub: 'user-ada' }, bodyBytes: 7 })
    expect(rs.requests[0]?.target).toBe('/things?a=b')
  })

  it('case 51: opens no connection to any other origin, however it is written', async () => {
    const { oauth, rs, evil } = await signedIn()
    const [good, bad] = [host(rs.origin), host(evil.origin)]
    const port = new URL(evil.origin).port
    for (const target of [
      evil.origin,
      `//${bad}/`,
      `/\\${bad}/`,
      `http:${bad}`,
      `http://${good}@${bad}/`,
      `http://user:pw@${good}/`,
      `http://127.0.0.1.:${port}/`,
      `http://localhost:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `https://${good}/`,
      `http://127.0.0.1:${port}#${rs.origin}`,
      'data:text/plain,hello',
      'unix:/var/run/docker.sock',
    ]) {
      await expect(call(oauth, target), target).rejects.toMatchObject({ code: 'origin_not_allowed' })
    }
    expect([evil.connections, evil.bytes, rs.calls.resource]).toEqual([0, 0, 0])
  })

  it.each([301, 302, 303, 307, 308])('case 52: returns a %i instead of following it', async (code) => {
    const { oauth, rs, evil } = await signedIn()
    for (const url of [`${evil.origin}/x`, `${rs.origin}/elsewhere`, 'http://127.0.0.1:1/']) {
      rs.faults.next('resource', 1, { redirect: { code, url } })
      const reply = await call(oauth, `${rs.origin}/x`, {
        method: 'POST',
        body: 'payload',
        headers: { 'x-api-key': 'of the app' },
      })
      expect([reply.status, reply.location]).toEqual([code, url])
    }
    expect(rs.calls.resource).toBe(3)
    expect([evil.connections, evil.bytes]).toEqual([0, 0])
  })

  it.each([
    { headers: { Authorization: 'Bearer other' } },
    { headers: { AUTHORIZATION: 'Bearer other' } },
    { headers: { host: 'evil.example' } },
    { headers: { 'x-a': 'a\r\nx-injected: 1' } },
    { headers: { 'x-a\r\nx-injected': '1' } },
  ])('case 55: sends nothing with %j', async (init) => {
    const { oauth, rs } = await signedIn()
    await expect(call(oauth, `${rs.origin}/x`, init)).rejects.toThrow(TypeError)
    expect(rs.calls.resource).toBe(0)
  })

  it('case 55: sends one content-length, counted from the body, and one token', async () => {
    const { oauth, rs } = await signedIn()
    const headers = { 'Content-Length': '1', 'content-length': '99999', 'x-a': 'b' }
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'payload', headers })).status).toBe(
      200,
    )
    const raw = rs.requests[0]?.rawHeaders
      .filter((_, index) => index % 2 === 0)
      .map((name) => name.toLowerCase())
    expect(raw?.filter((name) => name === 'content-length')).toHaveLength(1)
    expect(raw?.filter((name) => name === 'authorization')).toHaveLength(1)
    expect(rs.requests[0]?.headers['content-length']).toBe('7')
    expect(rs.requests[0]?.headers['x-injected']).toBeUndefined()
  })

  it('case 58: answers a 401 by one refresh and one replay', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    as.expireAccessTokens()
    const { status, text } = await call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'payload' })
    expect([status, JSON.parse(text).bodyBytes]).toEqual([200, 7])
    expect([rs.calls.resource, as.calls.token]).toEqual([2, 2])
    expect(rs.requests.map(({ body }) => Buffer.from(body).toString())).toEqual(['payload', 'payload'])
  })

  it('case 58: stops at the second 401', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    rs.faults.always('resource', { status: 401, body: 'never' })
    expect(await call(oauth, `${rs.origin}/x`)).toMatchObject({ status: 401, text: 'never' })
    expect([rs.calls.resource, as.calls.token]).toEqual([2, 2])
    // The new token is younger than ten seconds: now not even a refresh is made.
    expect(await call(oauth, `${rs.origin}/x`)).toMatchObject({ status: 401, text: 'never' })
    expect([rs.calls.resource, as.calls.token]).toEqual([3, 2])
  })

  it('case 58: refreshes for no 403', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    rs.faults.always('resource', { status: 403 })
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(403)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 1])
  })

  it('case 58: returns the 401 of a stream after the refresh', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    as.expireAccessTokens()
    const body = Readable.from([Buffer.from('pay'), Buffer.from('load')])
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body })).status).toBe(401)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 2])
    expect(Buffer.from(rs.requests[0]?.body ?? []).toString()).toBe('payload')
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(200)
  })

  it('case 58: sends nothing when no token can be had', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    as.killRefreshToken('user-ada')
    await clock.advance(3_700)
    await expect(call(oauth, `${rs.origin}/x`)).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
      provider: 'example',
    })
    expect(rs.calls.resource).toBe(0)
  })

  it('case 62: an aborted caller leaves the refresh to all others', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(3_700)
    const hold = as.faults.hold('token', { at: 'afterCommit' })
    const controller = new AbortController()
    const leader = call(oauth, `${rs.origin}/leader`, { signal: controller.signal })
    await hold.arrived
    const follower = call(oauth, `${rs.origin}/follower`)
    controller.abort(new Error('the browser left'))
    await expect(leader).rejects.toThrow('the browser left')
    hold.release()
    expect((await follower).status).toBe(200)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 2])
    const { value } = await oauth.accessToken()
    expect(as.liveFor('user-ada')?.accessToken).toBe(value)
  })

  it('case 62: an abort ends the caller’s own request', async () => {
    const { oauth, rs } = await signedIn()
    const hold = rs.faults.hold('resource')
    const controller = new AbortController()
    const pending = call(oauth, `${rs.origin}/x`, { signal: controller.signal })
    await hold.arrived
    controller.abort()
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' })
    hold.release()
  })

  it.each([
    [
      'URLSearchParams',
      () => new URLSearchParams({ a: '1' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
    ['a Blob', () => new Blob(['abc'], { type: 'text/csv' }), 'text/csv'],
    ['bytes', () => new Uint8Array([97, 98, 99]), undefined],
  ])('sends and replays %s', async (_kind, body, contentType) => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    as.expireAccessTokens()
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body: body() })).status).toBe(200)
    expect(rs.requests.map(({ headers }) => headers['content-type'])).toEqual([contentType, contentType])
    expect(rs.requests[0]?.body).toEqual(rs.requests[1]?.body)
    expect(rs.requests[0]?.body.length).toBe(3)
  })

  it('sends and replays a form with a file', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    as.expireAccessTokens()
    const form = new FormData()
    form.set('note', 'hello')
    form.set('file', new Blob(['content']), 'a.txt')
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body: form })).status).toBe(200)
    for (const { headers, body } of rs.requests) {
      expect(headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
      expect(Buffer.from(body).toString()).toMatch(/hello.*filename="a.txt".*content/s)
    }
    expect(rs.requests).toHaveLength(2)
  })
})

describe('req.oauth.fetch', () => {
  it('takes a Request and returns a Response of the platform', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(60)
    as.expireAccessTokens()
    const { fetch } = oauth
    const reply = await fetch(new Request(`${rs.origin}/x`, { method: 'PUT', body: 'x'.repeat(1_000_000) }))
    expect(reply).toBeInstanceOf(Response)
    expect(await reply.json()).toMatchObject({ method: 'PUT', bodyBytes: 1_000_000 })
    expect(rs.calls.resource).toBe(2)
  })

  it('sends a longer Request as a stream, whose 401 is returned', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    const body = 'x'.repeat(3_000_000)
    const first = await oauth.fetch(new Request(`${rs.origin}/x`, { method: 'PUT', body }))
    expect(await first.json()).toMatchObject({ bodyBytes: 3_000_000 })
    await clock.advance(60)
    as.expireAccessTokens()
    expect((await oauth.fetch(new Request(`${rs.origin}/x`, { method: 'PUT', body }))).status).toBe(401)
    expect(rs.calls.resource).toBe(2)
  })

  it('case 59: 500 callers with an expired token make one token request', async () => {
    const { oauth, rs, as, clock } = await signedIn()
    await clock.advance(3_700)
    const replies = await Promise.all(Array.from({ length: 500 }, () => withFetch(oauth, `${rs.origin}/x`)))
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
    expect(as.calls.token).toBe(2)
  })

  it('case 97: shows no token in what it throws', async () => {
    const { oauth, rs, as } = await signedIn()
    const { value } = await oauth.accessToken()
    as.marks.add('token', value)
    rs.faults.always('resource', { dropBeforeCommit: true })
    for (const call of [withFetch, withRequest]) {
      const error = await call(oauth, `${rs.origin}/x`).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(LatchkeyError.is(error)).toBe(false)
      expect(as.marks.findIn(error)).toEqual([])
    }
  })
})
