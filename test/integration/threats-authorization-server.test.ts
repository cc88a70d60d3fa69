import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { AuthorizationServerBehaviour } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { events, startHarness } from './harness.fixture.ts'
import { authorizationResponse } from './login-steps.fixture.ts'
import { failure, type SignedIn, startSignedIn } from './signed-in.fixture.ts'

/** A fault, and how long callers are told to wait. */
type Outage = readonly [name: string, fault: AuthorizationServerBehaviour, retryAfter: number, sends: number]

const wait = (value: string) => ({ headers: { 'retry-after': value } })

// A request that was perhaps carried out is sent once more, at once; one that surely was not is not.
const outages: readonly Outage[] = [
  ['500', { status: 500 }, 10, 2],
  [
    '502 with a page',
    { status: 502, body: '<h1>Bad gateway</h1>', headers: { 'content-type': 'text/html' } },
    10,
    2,
  ],
  ['503', { status: 503 }, 10, 2],
  ['503 with Retry-After', { status: 503, ...wait('25') }, 25, 1],
  ['503 with Retry-After for ever', { status: 503, ...wait('999999999') }, 3600, 1],
  ['503 with an unreadable Retry-After', { status: 503, ...wait('soon') }, 10, 2],
  ['503 with a negative Retry-After', { status: 503, ...wait('-1') }, 10, 2],
  ['504', { status: 504 }, 10, 2],
  ['429', { status: 429 }, 10, 1],
  ['429 with Retry-After', { status: 429, ...wait('40') }, 40, 1],
  ['429 with a short Retry-After', { status: 429, ...wait('1') }, 10, 1],
  ['429 with error slow_down', { status: 429, body: { error: 'slow_down' } }, 10, 1],
  ['408', { status: 408 }, 10, 1],
  ['425', { status: 425 }, 10, 1],
  ['400 temporarily_unavailable', { status: 400, body: { error: 'temporarily_unavailable' } }, 10, 1],
  ['500 server_error', { status: 500, body: { error: 'server_error' } }, 10, 2],
  ['404', { status: 404 }, 10, 1],
  ['a connection that is cut before', { dropBeforeCommit: true }, 10, 2],
  ['an answer that is cut', { status: 200, body: { access_token: 'abc' }, truncateAfterBytes: 5 }, 10, 2],
]

describe.each(outages)('an authorization server that answers %s', (_name, fault, retryAfter, sends) => {
  it('case 78: a valid token is served, and one refresh beside it waits as long as asked', async () => {
    const harness = await startSignedIn({ server: { policy: { reuseKillsFamily: true } } })
    const { as, clock, visitor, origin, expectVaultIsLive } = harness
    await clock.advance(3_600 - 11 - 40)
    as.faults.always('token', fault)
    for (let turn = 0; turn < 5; turn += 1) {
      const page = await visitor.get(`${origin}/me`)
      expect([page.status, page.setCookies]).toEqual([200, []])
    }
    await expect.poll(() => events(harness, 'refresh.failed').length).toBe(1)
    expect(as.calls.token).toBe(1 + sends)
    as.faults.clear('token')
    await clock.advance(Math.min(retryAfter - 2, 30))
    expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    expect(as.calls.token).toBe(1 + sends)
    if (retryAfter > 30) return
    await clock.advance(4)
    expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    await expect.poll(() => as.liveFor('user-ada')?.generation).toBe(1)
    await expectVaultIsLive()
    expect(as.calls.token).toBe(2 + sends)
  })

  it('case 78: with an expired one the answer is 503, and nobody is signed out', async () => {
    const harness = await startSignedIn({ server: { policy: { reuseKillsFamily: true } } })
    const { as, rs, clock, visitor, origin, expectVaultIsLive } = harness
    await clock.advance(3_700)
    as.faults.always('token', fault)
    const page = await visitor.get(`${origin}/me`)
    expect([page.status, page.headers['retry-after'], page.setCookies]).toEqual([503, String(retryAfter), []])
    expect((await visitor.get(`${origin}/me`)).status).toBe(503)
    expect([as.calls.token, rs.calls.resource]).toEqual([1 + sends, 0])
    as.faults.clear('token')
    const who = await visitor.get(`${origin}/whoami`)
    expect(JSON.parse(who.text)).toEqual({ isAuthenticated: true, user: 'user-ada' })
    await clock.advance(retryAfter + 1)
    expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    await expectVaultIsLive()
  })

  it('case 78: at a code exchange the login is spent, and not tried again', async () => {
    const { as, origin, browser, newBrowser } = await startHarness({ server: { autoApprove: 'user-ada' } })
    as.faults.always('token', fault)
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    const page = await browser.get(callbackUrl)
    expect([page.status, as.calls.token]).toEqual([503, 1])
    expect(page.text).toContain('href="/login/example')
    expect(browser.cookies.all).toEqual([])
    as.faults.clear('token')
    expect((await browser.get(callbackUrl)).status).toBe(400)
    expect((await newBrowser().get(callbackUrl)).status).toBe(400)
    expect(as.calls.token).toBe(1)
    expect((await browser.get(`${origin}/me`)).status).toBe(200)
  })
})

describe('an outage while the token is valid', () => {
  it('case 78: nobody waits for the refresh beside it', async () => {
    const { as, clock, visitor, origin, expectVaultIsLive } = await startSignedIn()
    await clock.advance(3_600 - 11 - 30)
    const hold = as.faults.hold('token')
    for (let turn = 0; turn < 5; turn += 1) expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    await hold.arrived
    expect(as.calls.token).toBe(2)
    hold.release()
    await expectVaultIsLive()
  })

  it('case 78: whoever wants more of its lifetime gets the valid one all the same', async () => {
    const { as, clock, oauth } = await startSignedIn()
    await clock.advance(1_000)
    const before = await oauth.accessToken()
    as.faults.always('token', { status: 503 })
    expect((await oauth.accessToken({ minTtlSeconds: 3_000 })).value === before.value).toBe(true)
    expect(as.calls.token).toBe(3)
    as.faults.clear('token')
    await clock.advance(11)
    const after = await oauth.accessToken({ minTtlSeconds: 3_000 })
    expect([after.value === before.value, as.calls.token]).toEqual([false, 4])
  })
})

/** Answers that do not end. None of them is a commit. */
const stuck: Readonly<Record<string, AuthorizationServerBehaviour>> = {
  'sends no headers': { noHeaders: true },
  'sends one byte a second': { status: 200, body: { access_token: 'a'.repeat(1_000) }, trickleGapMs: 1_000 },
  'waits with its answer': { status: 200, body: {}, delayAfterCommitMs: 100_000 },
}

describe.each(Object.entries(stuck))('an authorization server that %s', (_name, fault) => {
  it('case 79: holds a refresh up for 14 seconds at most, everybody who waits, and no lease after', async () => {
    const { as, clock, visitor, origin, expectVaultIsLive } = await startSignedIn({
      server: { policy: { reuseKillsFamily: true } },
    })
    await clock.advance(3_700)
    as.faults.always('token', fault)
    const waiting = [1, 2, 3].map(() => visitor.get(`${origin}/me`))
    const answered: number[] = []
    for (const page of waiting) void page.then(({ status }) => answered.push(status))
    await expect.poll(() => as.calls.token).toBe(2)
    await clock.advance(9.5)
    expect([as.calls.token, answered]).toEqual([2, []])
    await clock.advance(0.6)
    await expect.poll(() => as.calls.token).toBe(3)
    await clock.advance(3.5)
    expect(answered).toEqual([])
    await clock.advance(0.6)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([503, 503, 503])
    as.faults.clear('token')
    await clock.advance(11)
    expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    await expectVaultIsLive()
  })

  it('case 79: holds a sign-in up for 10 seconds at most', async () => {
    const { as, clock, origin, browser } = await startHarness({ server: { autoApprove: 'user-ada' } })
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    for (const endpoint of ['token', 'userinfo'] as const) as.faults.always(endpoint, fault)
    const page = browser.get(callbackUrl)
    await expect.poll(() => as.calls.token).toBe(1)
    await clock.advance(10.1)
    expect([(await page).status, as.calls.token]).toEqual([503, 1])
  })

  it('case 79: holds discovery and keys up for 5 seconds at most', async () => {
    const { as, clock, origin, browser } = await startHarness({
      openid: true,
      server: { autoApprove: 'user-ada' },
    })
    as.faults.next('discovery', 1, fault)
    const start = browser.get(`${origin}/login/example`)
    await expect.poll(() => as.calls.discovery).toBe(1)
    await clock.advance(5.1)
    expect((await start).status).toBe(503)
    as.faults.next('jwks', 1, fault)
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    const page = browser.get(callbackUrl)
    await expect.poll(() => as.calls.jwks).toBe(1)
    await clock.advance(5.1)
    expect((await page).status).toBe(503)
  })
})

describe.each(['http', 'https'])('a host that accepts %s connections and says nothing', (scheme) => {
  it('case 79: holds a sign-in up for 10 seconds at most, and its socket is closed', async () => {
    const open = new Set<Socket>()
    const silent = createServer((socket) => {
      open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => open.delete(socket))
      socket.resume()
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { clock, origin, browser } = await startHarness({
      server: { autoApprove: 'user-ada' },
      provider: { tokenEndpoint: `${scheme}://127.0.0.1:${port}/token` },
    })
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    const page = browser.get(callbackUrl)
    await expect.poll(() => open.size).toBe(1)
    await clock.advance(10.1)
    expect((await page).status).toBe(503)
    // Inside a handshake it is undici that gives the socket up, on its own time.
    if (scheme === 'http') await expect.poll(() => open.size).toBe(0)
    for (const socket of open) socket.destroy()
    silent.close()
  })
})

describe('the lifetime of an access token', () => {
  const year = 365 * 24 * 3600

  it.each<[unknown, number | undefined]>([
    [3600, 3600],
    ['3600', 3600],
    [' 3600 ', 3600],
    [3599.9, 3599],
    ['3599.9', 3599],
    [1, 1],
    [0, undefined],
    [-1, undefined],
    ['-1', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
    ['NaN', undefined],
    ['abc', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    [true, undefined],
    [[3600], undefined],
    [{ seconds: 3600 }, undefined],
    [1e12, 10 * year],
    [Number.MAX_VALUE, 10 * year],
    ['999999999999999999', 10 * year],
    ['9999999999999999999999', undefined],
  ])('case 82: expires_in %j', async (value, lifetime) => {
    const { as, rs, oauth, clock } = await startSignedIn()
    await clock.advance(3_700)
    as.faults.next('token', 1, { fields: { expires_in: value } })
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    const { expiresAt } = (await oauth.accounts[0]?.status()) ?? {}
    if (lifetime === undefined) expect(expiresAt).toBeUndefined()
    else expect(Math.abs((expiresAt ?? 0) - clock.now() - lifetime)).toBeLessThan(2)
    expect(as.calls.token).toBe(2)
  })

  it('case 82: unknown, the token is used until a 401 and then refreshed once', async () => {
    const { as, rs, oauth, clock, expectVaultIsLive } = await startSignedIn()
    as.faults.always('token', { fields: { expires_in: undefined } })
    await clock.advance(3_700)
    for (let turn = 0; turn < 5; turn += 1) expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 5])
    for (let expiry = 1; expiry <= 3; expiry += 1) {
      await clock.advance(3_700)
      expect((await oauth.fetch(rs.origin)).status).toBe(200)
      expect([as.calls.token, rs.calls.resource]).toEqual([2 + expiry, 5 + 2 * expiry])
    }
    await expectVaultIsLive()
  })

  it.each([1, 2, 5])(
    'case 82: of %i s costs one token request per expiry and no failed call',
    async (seconds) => {
      const { as, rs, oauth, clock } = await startSignedIn({
        frozen: true,
        server: { accessTokenLifetimeSeconds: seconds, policy: { reuseKillsFamily: true } },
      })
      const before = as.calls.token
      for (let second = 0; second < 60; second += 1) {
        const replies = await Promise.all([
          oauth.fetch(rs.origin),
          oauth.fetch(rs.origin),
          oauth.fetch(rs.origin),
        ])
        expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200])
        await clock.advance(1)
      }
      // One more may fit in, because real time passes as well.
      const expiries = Math.ceil(60 / seconds) + 1
      console.log(`case 82: lifetime ${seconds} s: ${as.calls.token - before} token requests in 60 s`)
      expect(as.calls.token - before).toBeLessThanOrEqual(expiries)
      expect(as.liveFor('user-ada')?.familyRevoked).toBe(false)
    },
  )

  it('case 82: however long, it arms no timer that would fire at once', async () => {
    const delays: number[] = []
    const harness = await startSignedIn()
    const after = harness.clock.after.bind(harness.clock)
    harness.clock.after = (delayMs, run) => {
      delays.push(delayMs)
      return after(delayMs, run)
    }
    const { as, rs, oauth, clock } = harness
    as.faults.always('token', { fields: { expires_in: 1e12, refresh_token_expires_in: 1e13 } })
    await clock.advance(3_700)
    for (let turn = 0; turn < 20; turn += 1) expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await clock.advance(100)
    expect(as.calls.token).toBe(2)
    expect(delays.length).toBeGreaterThan(0)
    expect(Math.max(...delays)).toBeLessThan(2 ** 31)
  })
})

/** A signed-in user whose authorization server has a clock of its own. */
async function onTwoClocks(setup: Parameters<typeof startSignedIn>[0] = {}) {
  const { TestClock } = await import('@latchkey/testing')
  const serverClock = new TestClock()
  const harness = await startSignedIn({ ...setup, server: { ...setup.server, clock: serverClock } })
  await serverClock.advance(11)
  const pass = async (seconds: number): Promise<void> => {
    await serverClock.advance(seconds)
    await harness.clock.advance(seconds)
  }
  return { ...harness, pass } satisfies SignedIn & { pass: unknown }
}

describe('clocks', () => {
  it.each([-300, 300])('case 83: a server whose clock is %i s off', async (skewSeconds) => {
    const { as, rs, oauth, clock, newBrowser, origin, expectVaultIsLive } = await startSignedIn({
      openid: true,
      server: { policy: { skewSeconds } },
    })
    const page = await newBrowser().signIn(`${origin}/me`, { as: 'Grace' })
    expect(page.status).toBe(200)
    const { expiresAt } = (await oauth.accounts[0]?.status()) ?? {}
    // Counted from the receipt here, eleven seconds ago, not from the server's time.
    expect(Math.abs((expiresAt ?? 0) - clock.now() - 3_589)).toBeLessThan(2)
    await clock.advance(3_700)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect(as.liveFor('user-ada')?.generation).toBe(1)
    await expectVaultIsLive()
  })

  it.each([
    [25, 303],
    [65, 400],
  ])('case 83: an ID token that ended %i s ago is answered %i', async (ago, status) => {
    const { as, origin, browser } = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    as.policy.idToken = (build) => {
      const now = Number(build.claims.iat)
      return build.sign({ claims: { iat: now - 1_000, exp: now - ago } })
    }
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    expect((await browser.get(callbackUrl, { redirect: 'manual' })).status).toBe(status)
  })

  it('case 83: a clock that is set an hour ahead costs one refresh', async () => {
    const { as, rs, oauth, clock, expectVaultIsLive } = await onTwoClocks()
    clock.step(3_600)
    for (let turn = 0; turn < 5; turn += 1) expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect(as.liveFor('user-ada')?.generation).toBe(1)
    await expectVaultIsLive()
  })

  it('case 83: a clock that is set an hour back makes no token immortal', async () => {
    const { as, rs, oauth, clock, pass, expectVaultIsLive } = await onTwoClocks()
    clock.step(-3_600)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect(as.calls.token).toBe(1)
    await pass(3_700)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 3])
    await expectVaultIsLive()
  })

  it('case 83: a token from the future is refreshed when it is refused', async () => {
    const { as, rs, oauth, clock, expectVaultIsLive } = await onTwoClocks()
    clock.step(-3_600)
    as.expireAccessTokens()
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 2])
    await expectVaultIsLive()
  })

  it.each<[string, AuthorizationServerBehaviour]>([
    ['an outage', { status: 503 }],
    ['a refused client', { status: 401, body: { error: 'invalid_client' } }],
  ])('case 83: a clock that is set an hour back during %s makes it no longer', async (_name, fault) => {
    const { as, rs, oauth, clock, pass, expectVaultIsLive } = await onTwoClocks()
    await pass(3_700)
    as.faults.always('token', fault)
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ name: 'LatchkeyError' })
    as.faults.clear('token')
    clock.step(-3_600)
    await pass(11)
    // Set back, the clock takes the old token for valid; the resource server does not.
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
  })
})

describe('signing keys', () => {
  const started = () => startHarness({ openid: true, server: { autoApprove: 'user-ada' } })

  it('case 83: rotated before their first use', async () => {
    const { as, origin, browser } = await started()
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    as.rotateKeys({ keepOld: false })
    expect((await browser.get(callbackUrl)).status).toBe(200)
    expect(as.calls.jwks).toBe(1)
  })

  it('case 83: rotated between logins cost one fetch each', async () => {
    const { as, origin, newBrowser, clock } = await started()
    for (let login = 1; login <= 5; login += 1) {
      expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
      expect(as.calls.jwks).toBe(login)
      as.rotateKeys({ keepOld: login % 2 === 0 })
      await clock.advance(61)
    }
  })

  it('case 83: a flood of unknown keys costs one fetch a minute', async () => {
    const { as, origin, newBrowser, clock } = await started()
    expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
    as.policy.idToken = (build) => build.sign({ header: { kid: `k${Math.random()}` } })
    for (let minute = 1; minute <= 3; minute += 1) {
      const flood = Array.from({ length: 20 }, () => newBrowser().get(`${origin}/login/example`))
      expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([400]))
      expect(as.calls.jwks).toBe(1 + minute)
      await clock.advance(61)
    }
    as.policy.idToken = undefined
    expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
  })

  it('case 83: while they are down the last good ones serve for a day', async () => {
    const { as, origin, newBrowser, clock } = await started()
    expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
    as.faults.always('jwks', { status: 503 })
    for (const hours of [2, 10, 11]) {
      await clock.advance(hours * 3_600)
      expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
    }
    await clock.advance(2 * 3_600)
    expect((await newBrowser().get(`${origin}/me`)).status).toBe(503)
    as.faults.clear('jwks')
    expect((await newBrowser().get(`${origin}/me`)).status).toBe(200)
  })

  it('case 83: while they are down for the first time nobody signs in, and a refresh loses nothing', async () => {
    const { as, rs, oauth, clock, origin, newBrowser, expectVaultIsLive } = await startSignedIn({
      openid: true,
      server: { policy: { reuseKillsFamily: true } },
    })
    await clock.advance(25 * 3_600)
    as.rotateKeys({ keepOld: false })
    as.faults.always('jwks', { status: 503 })
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
    expect((await newBrowser().signIn(`${origin}/me`, { as: 'Grace' })).status).toBe(503)
  })
})
