import { afterEach, describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { oauthProvider } from '../protocol/provider.fixture.ts'
import { Agent } from '../transport/undici.ts'
import { AllowedOrigins } from './allowed-origins.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import { Credentials } from './credentials.ts'
import type { TokenBearer } from './token-bearer.ts'

const api = 'https://api.example.com'
const dispatcher = new Agent()

afterEach(() => {
  vi.unstubAllGlobals()
})

interface SentRequest {
  readonly url: string
  readonly init: RequestInit & { readonly dispatcher?: unknown; readonly duplex?: unknown }
  readonly authorization: string | null
}

/** A scripted fetch, and tokens `t1`, `t2`, … of which each rejected one is followed by the next. */
function fixture(
  script: readonly (Response | Error)[],
  fresh: TokenBearer['fresh'] = async (rejected) =>
    tokenSet(rejected === undefined ? 1 : number(rejected) + 1),
) {
  const sent: SentRequest[] = []
  vi.stubGlobal('fetch', async (url: string, init: SentRequest['init']) => {
    sent.push({ url, init, authorization: new Headers(init.headers).get('authorization') })
    const next = script[sent.length - 1]
    if (next === undefined) throw new Error('fetch was called more often than scripted')
    if (next instanceof Error) throw next
    return next
  })
  const spied = vi.fn(fresh)
  const bearer: TokenBearer = {
    origins: new AllowedOrigins('example', [api]),
    credentials: new Credentials(oauthProvider()),
    dispatcher,
    fresh: spied,
  }
  return {
    sent,
    fresh: spied,
    call: (input: string | URL | Request, init?: RequestInit) => authorizedFetch(bearer, input, init),
  }
}

const number = (token: string): number => Number(token.slice(1))
const tokenSet = (n: number) => ({ accessToken: `t${n}`, tokenType: 'Bearer', receivedAt: 0, scope: [] })
const answer = (status: number, body = ''): Response => new Response(body, { status })

describe('authorizedFetch', () => {
  it('sends the token to the parsed URL, through our dispatcher, following no redirect', async () => {
    const { call, sent } = fixture([answer(200, 'ok')])
    const reply = await call(new URL('HTTPS://API.example.com:443/a?b=c'))
    expect(await reply.text()).toBe('ok')
    expect(sent[0]).toMatchObject({ url: `${api}/a?b=c`, authorization: 'Bearer t1' })
    expect(sent[0]?.init).toMatchObject({ redirect: 'manual', dispatcher, body: null })
  })

  it('returns the platform’s Response', async () => {
    const { call } = fixture([answer(200)])
    expect(await call(api)).toBeInstanceOf(Response)
  })

  it('case 58: answers a 401 by one refresh and one replay with the same body', async () => {
    const { call, sent, fresh } = fixture([answer(401, 'no'), answer(200, 'ok')])
    const reply = await call(api, { method: 'POST', body: 'payload', headers: { 'x-a': 'b' } })
    expect(reply.status).toBe(200)
    expect(fresh.mock.calls).toEqual([[], ['t1']])
    expect(sent.map(({ authorization }) => authorization)).toEqual(['Bearer t1', 'Bearer t2'])
    expect(sent.map(({ init }) => [init.method, init.body])).toEqual([
      ['POST', 'payload'],
      ['POST', 'payload'],
    ])
    expect(new Headers(sent[1]?.init.headers).get('x-a')).toBe('b')
  })

  it('lets go of the body of the 401 that it replays', async () => {
    const refused = answer(401, 'no')
    const cancel = vi.spyOn(refused.body as ReadableStream, 'cancel')
    const { call } = fixture([refused, answer(200)])
    await call(api)
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('case 58: returns a second 401 instead of trying for ever', async () => {
    const { call, sent, fresh } = fixture([answer(401), answer(401, 'still no')])
    const reply = await call(api)
    expect([reply.status, await reply.text()]).toEqual([401, 'still no'])
    expect(sent).toHaveLength(2)
    expect(fresh).toHaveBeenCalledTimes(2)
  })

  it('returns the 401 unread when no refresh was made', async () => {
    const { call, sent } = fixture([answer(401, 'why')], async () => tokenSet(1))
    const reply = await call(api)
    expect([reply.status, await reply.text()]).toEqual([401, 'why'])
    expect(sent).toHaveLength(1)
  })

  it('case 58: returns the 401 of a stream after the refresh, and sends it once', async () => {
    const { call, sent, fresh } = fixture([answer(401, 'no')])
    const body = new Blob(['payload']).stream()
    const reply = await call(api, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect([reply.status, await reply.text()]).toEqual([401, 'no'])
    expect(fresh.mock.calls).toEqual([[], ['t1']])
    expect(sent[0]?.init.duplex).toBe('half')
    expect(sent).toHaveLength(1)
  })

  it.each([403, 400, 404, 429, 500, 503])('case 58: never refreshes for a %i', async (status) => {
    const { call, fresh } = fixture([answer(status)])
    expect((await call(api)).status).toBe(status)
    expect(fresh).toHaveBeenCalledOnce()
  })

  it('case 58: sends nothing when no token can be had', async () => {
    const ended = new LatchkeyError('login_required', 'gone', { reason: 'grant_ended' })
    const { call, sent } = fixture([], () => Promise.reject(ended))
    await expect(call(api)).rejects.toBe(ended)
    expect(sent).toEqual([])
  })

  it('passes on that the grant ended when the refresh after a 401 finds it dead', async () => {
    const ended = new LatchkeyError('login_required', 'gone', { reason: 'grant_ended' })
    const { call } = fixture([answer(401)], async (rejected) => {
      if (rejected !== undefined) throw ended
      return tokenSet(1)
    })
    await expect(call(api)).rejects.toBe(ended)
  })

  it('case 51: asks for no token for a foreign URL', async () => {
    const { call, sent, fresh } = fixture([])
    await expect(call('https://evil.example/')).rejects.toMatchObject({ code: 'origin_not_allowed' })
    expect(fresh).not.toHaveBeenCalled()
    expect(sent).toEqual([])
  })

  it.each([
    ["redirect: 'follow'", { redirect: 'follow' }],
    ["redirect: ['follow']", { redirect: ['follow'] }],
    ['redirect: a String', { redirect: Object('follow') }],
    ['an unknown redirect', { redirect: '' }],
    ['a dispatcher', { dispatcher }],
    ['authorization', { headers: { Authorization: 'Bearer other' } }],
    ['authorization in pairs', { headers: [['authorization', 'Bearer other']] }],
    ['authorization in Headers', { headers: new Headers({ authorization: 'Bearer other' }) }],
    ['host', { headers: { host: 'evil.example' } }],
    ['a line break', { headers: { 'x-a': 'a\r\nhost: evil.example' } }],
  ])('case 55: refuses %s with a TypeError and sends nothing', async (_name, init) => {
    const { call, sent, fresh } = fixture([])
    await expect(call(api, init as RequestInit)).rejects.toThrow(TypeError)
    expect(sent).toEqual([])
    expect(fresh).not.toHaveBeenCalled()
  })

  it('case 55: refuses the authorization of a Request too', async () => {
    const { call } = fixture([])
    const request = new Request(api, { headers: { authorization: 'Bearer other' } })
    await expect(call(request)).rejects.toThrow(TypeError)
  })

  it('takes method, headers and body of a Request, and replays it', async () => {
    const { call, sent } = fixture([answer(401), answer(200)])
    const request = new Request(`${api}/things`, { method: 'PUT', body: 'payload', headers: { 'x-a': 'b' } })
    expect((await call(request)).status).toBe(200)
    const bodies = await Promise.all(
      sent.map(({ init }) => new Response(init.body as ConstructorParameters<typeof Response>[0]).text()),
    )
    expect(bodies).toEqual(['payload', 'payload'])
    expect(sent[1]?.init.method).toBe('PUT')
    expect(new Headers(sent[1]?.init.headers).get('x-a')).toBe('b')
    expect(sent[1]?.init.redirect).toBe('manual')
  })

  it("keeps a Request's wish to fail on redirects, and the caller's", async () => {
    const { call, sent } = fixture([answer(200), answer(200), answer(200)])
    await call(new Request(api, { redirect: 'error' }))
    await call(api, { redirect: 'error' })
    await call(api, { redirect: null } as unknown as RequestInit)
    expect(sent.map(({ init }) => init.redirect)).toEqual(['error', 'error', 'manual'])
  })

  it('leaves the options of the caller as they were', async () => {
    const { call } = fixture([answer(401), answer(200)])
    const headers = Object.freeze({ 'x-a': 'b' })
    const init = Object.freeze({ headers, method: 'POST', body: 'x' })
    await expect(call(api, init)).resolves.toMatchObject({ status: 200 })
  })

  it('case 62: aborts the caller who waits for a refresh, not the refresh', async () => {
    let finish = (): void => {}
    const refreshed = new Promise<ReturnType<typeof tokenSet>>((resolve) => {
      finish = () => resolve(tokenSet(1))
    })
    const { call, sent } = fixture([], () => refreshed)
    const controller = new AbortController()
    const pending = call(api, { signal: controller.signal })
    const reason = new Error('the browser left')
    setImmediate(() => controller.abort(reason))
    await expect(pending).rejects.toBe(reason)
    finish()
    await expect(refreshed).resolves.toMatchObject({ accessToken: 't1' })
    expect(sent).toEqual([])
  })

  it('aborts while the body of a Request is still coming, and lets go of it', async () => {
    const { call, fresh } = fixture([])
    const controller = new AbortController()
    const cancel = vi.fn()
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(1)), cancel })
    const init: RequestInit = { method: 'POST', body, duplex: 'half', signal: controller.signal }
    const pending = call(new Request(api, init))
    const reason = new Error('gone')
    setImmediate(() => controller.abort(reason))
    await expect(pending).rejects.toBe(reason)
    expect(cancel).toHaveBeenCalledExactlyOnceWith(reason)
    expect(fresh).not.toHaveBeenCalled()
  })

  it('case 62: asks for no token when the signal has aborted already', async () => {
    const { call, fresh } = fixture([])
    await expect(call(api, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(fresh).not.toHaveBeenCalled()
  })

  it('passes the errors of fetch on as they are', async () => {
    const failure = new TypeError('fetch failed')
    const { call } = fixture([failure])
    await expect(call(api)).rejects.toBe(failure)
  })
})
