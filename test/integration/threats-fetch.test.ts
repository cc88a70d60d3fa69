import { randomBytes } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import { memoryStore } from '@latchkey/express'
import { startResourceServer, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { events, type HarnessSetup, startHarness, startServers } from './harness.fixture.ts'
import { bothWays, failure, startSignedIn } from './signed-in.fixture.ts'

const redirectCodes = [301, 302, 303, 307, 308]

/** How many connections undici, our own or Node's, began while `work` ran. */
async function connectionsDuring(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const note = (): void => {
    count += 1
  }
  channel('undici:client:beforeConnect').subscribe(note)
  try {
    await work()
  } finally {
    channel('undici:client:beforeConnect').unsubscribe(note)
  }
  return count
}

/** URLs that are not on the allowed origin, some of them hard to tell. */
function disguises(good: URL, evil: URL): readonly string[] {
  return [
    evil.origin,
    `https://${evil.host}`,
    'https://evil.example/steal?secret=1#here',
    `//${evil.host}/`,
    `/\\${evil.host}/`,
    `\\\\${evil.host}/`,
    `http:${evil.host}`,
    `http:/${evil.host}`,
    `https:${evil.host}`,
    `  http://${evil.host}/`,
    `\u0000http://${evil.host}/`,
    `ht\ntp://${evil.host}/`,
    `http://${good.host}@${evil.host}/`,
    `http://${good.host}%40${evil.host}/`,
    `http://${good.hostname}.evil.example:${good.port}/`,
    `http://api.${good.host}.example/`,
    `http://user:s3cret@${good.host}/`,
    `http://@${evil.host}/`,
    `http://${good.hostname}:${evil.port}/`,
    `http://${good.hostname}/`,
    `http://${good.hostname}:443/`,
    `https://${good.host}/`,
    `ws://${good.host}/`,
    `http://${good.hostname}.:${evil.port}/`,
    `http://localhost.:${good.port}/`,
    `http://localhost:${good.port}/`,
    `http://2130706433:${evil.port}/`,
    `http://0x7f.1:${evil.port}/`,
    `http://127.1:${evil.port}/`,
    `http://[::1]:${good.port}/`,
    `http://[::ffff:127.0.0.1]:${good.port}/`,
    'http://xn--e1awd7f.example/',
    'http://аpi.example/',
    'http://api。example/',
    'http://ⓔvil.example/',
    'data:text/plain,hello',
    `blob:${good.origin}/0f0f`,
    'file:///etc/passwd',
    'javascript:alert(1)',
    'unix:/var/run/docker.sock',
    'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
    '/me',
    'me',
    '',
    'http://',
    'http://:80/',
    'http://%/',
    'http://[',
  ]
}

describe.each(bothWays)('req.oauth.%s', (name, call) => {
  it('case 51: foreign and disguised targets are refused before name lookup and socket', async () => {
    const { oauth, rs, evil, logged, errors } = await startSignedIn()
    const targets = disguises(new URL(rs.origin), new URL(evil.origin))
    const connections = await connectionsDuring(async () => {
      for (const target of targets) {
        const error = await failure(call(oauth, target, { method: 'POST', body: 'private' }))
        expect(error.code, JSON.stringify(target)).toBe('origin_not_allowed')
        expect(error.message).not.toMatch(/steal|secret=1|s3cret|docker/)
      }
    })
    console.log(`case 51: ${targets.length} targets for ${name}, ${connections} connections`)
    expect([connections, evil.connections, evil.bytes, rs.calls.resource]).toEqual([0, 0, 0, 0])
    expect([errors, logged.filter(({ level }) => level === 'error')]).toEqual([[], []])
    // The count does count: the first call of the API opens a connection.
    expect(await connectionsDuring(() => call(oauth, rs.origin))).toBe(1)
  })

  it('case 51: an allowed host written in another way is asked under its one name', async () => {
    const { oauth, rs } = await startSignedIn()
    const { port } = new URL(rs.origin)
    for (const spelling of [
      `HTTP://127.0.0.1:${port}/a`,
      `http://127.1:${port}/a`,
      `http://127.0.0.1.:${port}/a`,
      `http:\\\\127.0.0.1:${port}\\a`,
    ]) {
      expect((await call(oauth, spelling)).status).toBe(200)
      expect(rs.requests.at(-1)).toMatchObject({ target: '/a', headers: { host: `127.0.0.1:${port}` } })
    }
  })

  it.each(redirectCodes)(
    'case 52: a %i is returned, whatever headers went with the request',
    async (code) => {
      const { oauth, rs, evil } = await startSignedIn()
      const other = await startResourceServer({ accepts: () => ({}) })
      const headers = { 'x-api-key': 'of the app', cookie: 'a=b', dpop: 'proof', 'x-csrf': 'c' }
      for (const url of [`${evil.origin}/x`, `${other.origin}/x`, `//${new URL(evil.origin).host}/x`]) {
        rs.faults.next('resource', 1, { redirect: { code, url } })
        const reply = await call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'private', headers })
        expect([reply.status, reply.headers.location]).toEqual([code, url])
      }
      expect([rs.calls.resource, other.calls.resource]).toEqual([3, 0])
      expect([evil.connections, evil.bytes]).toEqual([0, 0])
      await other.close()
    },
  )

  it('case 52: a chain of redirects costs one request', async () => {
    const { oauth, rs, as } = await startSignedIn()
    rs.faults.always('resource', { redirect: { code: 302, url: `${rs.origin}/again` } })
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(302)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 1])
  })

  it('case 52: a redirect that answers the replay after a 401 is not followed either', async () => {
    const { oauth, rs, as, evil } = await startSignedIn()
    as.expireAccessTokens()
    const isReplay = (): boolean => rs.calls.resource === 2
    rs.faults.always('resource', { redirect: { code: 307, url: evil.origin }, when: isReplay })
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'private' })).status).toBe(307)
    expect([rs.calls.resource, as.calls.token, evil.connections]).toEqual([2, 2, 0])
  })

  it.each([
    ['Authorization', 'Bearer of-somebody-else'],
    ['aUTHORIZATION', 'Basic b2Y6c29tZWJvZHk='],
    ['authorization ', 'Bearer x'],
    ['Host', 'evil.example'],
    ['x-a', 'a\r\nauthorization: Bearer x'],
    ['x-a', 'a\nx-injected: 1'],
    ['x-a', 'a\rx-injected: 1'],
    ['x-a', 'a\u0000'],
    ['x-a', 'ключ'],
    ['x-a: b\r\nx-injected', '1'],
    ['', 'empty'],
  ])('case 55: nothing is sent with the header %j: %j', async (header, value) => {
    const { oauth, rs } = await startSignedIn()
    const error = await failure(call(oauth, `${rs.origin}/x`, { headers: { [header]: value } }))
    expect(error).toBeInstanceOf(TypeError)
    expect(rs.calls.resource).toBe(0)
  })

  it('case 55: two lengths in different case become the one counted from the body', async () => {
    const { oauth, rs } = await startSignedIn()
    const headers = { 'Content-Length': '3', 'content-length': '70000' }
    await call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'private', headers })
    const names = rs.requests[0]?.rawHeaders.filter((_, index) => index % 2 === 0) ?? []
    const lower = names.map((header) => header.toLowerCase())
    expect(lower.length).toBe(new Set(lower).size)
    expect(rs.requests[0]?.headers['content-length']).toBe('7')
    expect(rs.requests).toHaveLength(1)
  })

  it('case 58: without a token nothing is sent, in no way to have none', async () => {
    const { oauth, rs, as, clock } = await startSignedIn()
    await clock.advance(3_700)
    const send = () => failure(call(oauth, `${rs.origin}/x`, { method: 'POST', body: 'private' }))
    as.faults.next('token', 1, { status: 503, headers: { 'retry-after': '70' } })
    expect(await send()).toMatchObject({ code: 'as_unavailable', retryAfterSeconds: 70 })
    expect(await send()).toMatchObject({ code: 'as_unavailable' })
    await clock.advance(71)
    as.setClientSecret('example-client', 'another-client-secret')
    expect(await send()).toMatchObject({ code: 'as_misconfigured' })
    await clock.advance(11)
    as.setClientSecret('example-client', 'example-client-secret')
    as.killRefreshToken('user-ada')
    expect(await send()).toMatchObject({ code: 'login_required', reason: 'grant_ended' })
    expect(await send()).toMatchObject({ code: 'login_required', reason: 'grant_ended' })
    expect(rs.calls.resource).toBe(0)
  })

  it('case 58: a 401 without end costs one refresh and one replay in ten seconds', async () => {
    const { oauth, rs, as, clock, expectVaultIsLive } = await startSignedIn()
    as.policy.reuseKillsFamily = true
    rs.faults.always('resource', { status: 401, body: 'never' })
    for (let turn = 1; turn <= 5; turn += 1) {
      const before = rs.calls.resource
      expect((await call(oauth, `${rs.origin}/x`)).status).toBe(401)
      expect((await call(oauth, `${rs.origin}/x`)).status).toBe(401)
      expect([rs.calls.resource - before, as.calls.token]).toEqual([3, 1 + turn])
      await clock.advance(11)
    }
    await expectVaultIsLive()
  })

  it('case 58: a 401 at a refresh that brings nothing ends in an error, and no replay', async () => {
    const { oauth, rs, as } = await startSignedIn()
    as.expireAccessTokens()
    as.faults.always('token', { status: 503, headers: { 'retry-after': '9' } })
    expect(await failure(call(oauth, `${rs.origin}/x`))).toMatchObject({ code: 'as_unavailable' })
    // The cool-down runs: nothing was tried, so the resource server's own answer is handed over.
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(401)
    expect([rs.calls.resource, as.calls.token]).toEqual([2, 2])
  })

  it('case 58: a 401 of a user without refresh token is the answer', async () => {
    const { oauth, rs, as } = await startSignedIn({ server: { policy: { refreshTokens: 'never' } } })
    as.expireAccessTokens()
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(401)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 1])
  })

  it('case 58: a 403 refreshes nothing, however often', async () => {
    const { oauth, rs, as } = await startSignedIn()
    rs.faults.always('resource', { status: 403, headers: { 'www-authenticate': 'Bearer error="x"' } })
    for (let turn = 0; turn < 5; turn += 1) expect((await call(oauth, `${rs.origin}/x`)).status).toBe(403)
    expect([rs.calls.resource, as.calls.token]).toEqual([5, 1])
  })

  it('case 58: the 401 of a stream is handed over after the refresh, and the stream is sent once', async () => {
    const { oauth, rs, as } = await startSignedIn()
    as.expireAccessTokens()
    const body = Readable.from([Buffer.from('pri'), Buffer.from('vate')])
    expect((await call(oauth, `${rs.origin}/x`, { method: 'POST', body })).status).toBe(401)
    expect([rs.calls.resource, as.calls.token]).toEqual([1, 2])
    expect((await call(oauth, `${rs.origin}/x`)).status).toBe(200)
    expect(as.calls.token).toBe(2)
  })
})

describe('req.oauth.fetch', () => {
  it('case 52: nobody can ask it to follow redirects', async () => {
    const { oauth, rs, evil } = await startSignedIn()
    rs.faults.always('resource', { redirect: { code: 307, url: evil.origin } })
    await expect(oauth.fetch(rs.origin, { redirect: 'follow' })).rejects.toThrow(TypeError)
    await expect(oauth.fetch(rs.origin, { redirect: 'error' })).rejects.toThrow(TypeError)
    // A Request says "follow" unless told otherwise, and SDKs make their own.
    expect((await oauth.fetch(new Request(rs.origin, { method: 'POST', body: 'private' }))).status).toBe(307)
    expect(evil.connections).toBe(0)
  })
})

/** What an access token must never look like, because a header would carry it. */
const unusableTokens = {
  'a line break': 'abc\r\nx-injected: 1',
  'a line feed': 'abc\ndef',
  'a trailing line feed': 'abcdef\n',
  'a space': 'abc def',
  'a tab': 'abc\tdef',
  NUL: 'abc\u0000def',
  'a letter beyond ASCII': 'tökén',
  'a letter beyond Latin-1': 'ключ',
  'DEL character': 'abc\u007f',
  nothing: '',
  'a list': ['abc'],
  'a number': 12_345,
  'a megabyte of it': 'x'.repeat(100_000),
}

describe('an access token with characters that no header carries', () => {
  it.each(Object.entries(unusableTokens))('case 55: %s: refused at the refresh', async (_name, value) => {
    const { oauth, rs, as, clock, visitor, origin, expectVaultIsLive } = await startSignedIn()
    await clock.advance(3_700)
    as.faults.next('token', 1, { body: { access_token: value, token_type: 'Bearer', expires_in: 3600 } })
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
    expect(rs.calls.resource).toBe(0)
    await clock.advance(11)
    expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    await expectVaultIsLive()
  })

  it.each(Object.entries(unusableTokens))('case 55: %s: nobody is signed in by it', async (_name, value) => {
    const { newBrowser, origin, as } = await startSignedIn()
    as.faults.next('token', 1, { fields: { access_token: value } })
    const browser = newBrowser()
    const page = await browser.signIn(`${origin}/login/example`, { as: 'Grace' })
    expect(page.status).toBe(503)
    expect(browser.cookies.all.filter((cookie) => /latchkey$/.test(cookie.name))).toEqual([])
  })
})

describe.each(redirectCodes)('a %i to a foreign server', (code) => {
  const to = (url: string) => ({ redirect: { code, url }, commit: false })

  it('case 53: from the token endpoint at a refresh is not followed and counts as not processed', async () => {
    const harness = await startSignedIn()
    const { oauth, rs, as, evil, clock, expectVaultIsLive } = harness
    as.policy.reuseKillsFamily = true
    await clock.advance(3_700)
    as.faults.next('token', 1, to(evil.origin))
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
    // Not processed: the refresh token is not sent again at once, and it is still good.
    expect(as.calls.token).toBe(2)
    await clock.advance(11)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
    expect(as.liveFor('user-ada')?.generation).toBe(1)
    expect([evil.connections, evil.bytes, events(harness, 'refresh.unknown_outcome')]).toEqual([0, 0, []])
  })

  it('case 53: from the token endpoint at a code exchange ends the sign-in', async () => {
    const { newBrowser, as, evil, origin } = await startSignedIn()
    as.faults.next('token', 1, to(evil.origin))
    const browser = newBrowser()
    const page = await browser.signIn(`${origin}/login/example`, { as: 'Grace' })
    expect([page.status, as.calls.token, evil.connections]).toEqual([503, 2, 0])
    const after = await browser.get(`${origin}/whoami`)
    expect(JSON.parse(after.text)).toMatchObject({ isAuthenticated: false })
  })

  it('case 53: from the userinfo endpoint ends the sign-in', async () => {
    const { newBrowser, as, evil, origin } = await startSignedIn()
    as.faults.next('userinfo', 1, to(evil.origin))
    const page = await newBrowser().signIn(`${origin}/login/example`, { as: 'Grace' })
    expect([page.status, evil.connections]).toEqual([503, 0])
  })

  it('case 53: from the revocation endpoint is not followed, and the sign-out is done', async () => {
    const { visitor, as, evil, origin, clock } = await startSignedIn()
    as.faults.next('revoke', 1, to(evil.origin))
    expect((await visitor.post(`${origin}/logout`)).status).toBe(200)
    const after = await visitor.get(`${origin}/whoami`)
    expect(JSON.parse(after.text)).toMatchObject({ isAuthenticated: false })
    await clock.advance(2)
    await expect.poll(() => as.liveFor('user-ada')?.revoked).toBe(true)
    expect([as.calls.revoke, evil.connections]).toEqual([2, 0])
  })

  it('case 53: from discovery and from the key set is not followed', async () => {
    const { newBrowser, as, evil, origin, clock } = await startSignedIn({ openid: true })
    await clock.advance(25 * 3600)
    as.faults.always('discovery', to(evil.origin))
    expect((await newBrowser().get(`${origin}/login/example`)).status).toBe(503)
    as.faults.clear('discovery')
    as.faults.always('jwks', to(evil.origin))
    const page = await newBrowser().signIn(`${origin}/login/example`, { as: 'Grace' })
    expect([page.status, evil.connections, evil.bytes]).toEqual([503, 0, 0])
  })
})

describe('an authorization server that becomes another one', () => {
  it.each(['token_endpoint', 'revocation_endpoint', 'userinfo_endpoint', 'jwks_uri'])(
    'case 54: discovery names a foreign %s after the sign-in',
    async (member) => {
      const harness = await startSignedIn({ openid: true })
      const { oauth, rs, as, evil, clock, visitor, origin } = harness
      as.faults.always('discovery', { fields: { [member]: `${evil.origin}/x` } })
      await clock.advance(3_700)
      // The last good document goes on serving for a day.
      expect((await oauth.fetch(rs.origin)).status).toBe(200)
      expect(as.liveFor('user-ada')?.generation).toBe(1)
      expect(events(harness, 'metadata.rejected').map(({ fields }) => fields.reason)).toEqual([
        'endpoint_moved',
      ])
      await clock.advance(24 * 3600)
      expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_misconfigured' })
      expect((await visitor.post(`${origin}/logout`)).status).toBe(200)
      expect([evil.connections, evil.bytes]).toEqual([0, 0])
    },
  )

  it.each([
    ['another issuer', (issuer: string) => `${issuer}/other`],
    ['a trailing slash', (issuer: string) => `${issuer}/`],
    ['another case', (issuer: string) => issuer.toUpperCase()],
    ['none', () => undefined],
  ])('case 54: a discovery document with %s is not believed', async (_name, issuerOf) => {
    const harness = await startSignedIn({ openid: true })
    const { newBrowser, oauth, rs, as, clock, origin } = harness
    as.faults.always('discovery', { fields: { issuer: issuerOf(as.issuer) } })
    await clock.advance(3_700)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await clock.advance(24 * 3600)
    const tokenCalls = as.calls.token
    expect((await newBrowser().get(`${origin}/login/example`)).status).toBe(500)
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_misconfigured' })
    expect(as.calls.token).toBe(tokenCalls)
    expect(events(harness, 'metadata.rejected').at(-1)?.fields.reason).toBe('issuer_mismatch')
  })
})

const editedConfigurations: Readonly<Record<string, (evil: string) => HarnessSetup['provider']>> = {
  'another token endpoint': (evil) => ({
    tokenEndpoint: `${evil}/token`,
    revocationEndpoint: `${evil}/revoke`,
  }),
  'another client': () => ({ clientId: 'another-client' }),
}

describe.each(Object.entries(editedConfigurations))('a configuration edited to %s', (_name, edited) => {
  it('case 54: tokens stay with the server and client that issued them', async () => {
    const servers = await startServers({ server: { autoApprove: 'user-ada' } })
    const { as, rs, evil, clock } = servers
    const options = {
      baseUrl: 'https://app.example',
      secret: randomBytes(32).toString('base64url'),
      store: memoryStore({ clock }),
    }
    as.registerRedirectUri('https://app.example/callback/example')
    const before = await startHarness({ servers, options })
    const after = await startHarness({ servers, options, provider: edited(evil.origin) ?? {} })
    const via = (app: { readonly origin: string }, cookies?: UserAgent['cookies']) =>
      new UserAgent({ clock, origins: { 'https://app.example': app.origin } }, cookies)
    const old = via(before)
    await old.signIn('https://app.example/login/example', { as: 'Ada' })
    const edit = via(after, old.cookies)
    await clock.advance(100)
    for (const expired of [false, true]) {
      if (expired) await clock.advance(3_700)
      const page = await edit.get('https://app.example/me', { redirect: 'manual' })
      expect([page.status, page.location?.split('=')[0]]).toEqual([302, '/login/example/link?t'])
    }
    expect([as.calls.token, as.calls.revoke, rs.calls.resource]).toEqual([1, 0, 0])
    // Nothing was deleted: the configuration before still serves the same session.
    expect((await old.get('https://app.example/me')).status).toBe(200)
    expect((await edit.post('https://app.example/logout')).status).toBe(200)
    expect([as.calls.revoke, evil.connections, evil.bytes]).toEqual([0, 0, 0])
  })
})
