import { get } from 'node:http'
import type { Latchkey, RequestOAuth } from '@latchkey/express'
import type { FieldsPatch, Hold, IdTokenBuilder, UserAgent } from '@latchkey/testing'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type Gate, GatedStore } from './gated-store.fixture.ts'
import { events, type HarnessServers, startServers } from './harness.fixture.ts'
import { bothWays, type Call, failure, fetchCall, type SignedIn, startSignedIn } from './signed-in.fixture.ts'

const callers = 500

/** A guarded route that calls the API the given way. */
function callingRoute(call: Call) {
  return (app: Express, auth: Latchkey<'example'>, { rs }: HarnessServers): void => {
    app.get('/call', auth.requireLogin(), async (req, res) => {
      const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
      const { status, text } = await call(oauth, `${rs.origin}/things`)
      res.status(status).send(text)
    })
  }
}

/** Sends `count` requests at once and returns their status codes. */
async function herd(visitor: UserAgent, url: string, count: number): Promise<readonly number[]> {
  const one = async (): Promise<number> => (await visitor.get(url, { redirect: 'manual' })).status
  return Promise.all(Array.from({ length: count }, one))
}

/** The tokens that the resource server was shown, each once. */
function tokensShown({ rs }: SignedIn, since = 0): number {
  return new Set(rs.requests.slice(since).map(({ headers }) => headers.authorization)).size
}

describe.each(bothWays)('500 requests with an expired token, through req.oauth.%s', (name, call) => {
  it('case 59: make exactly 1 token request and get 500 good answers', async () => {
    let arrived = 0
    const harness = await startSignedIn({
      server: { policy: { rotate: true, reuseKillsFamily: true } },
      before: (app) => {
        app.use('/call', (_req, _res, next) => {
          arrived += 1
          next()
        })
      },
      routes: callingRoute(call),
    })
    const { as, rs, clock, visitor, origin, expectVaultIsLive } = harness
    await clock.advance(3_700)
    const hold = as.faults.hold('token')
    const startedAt = performance.now()
    const answers = herd(visitor, `${origin}/call`, callers)
    await hold.arrived
    await expect.poll(() => arrived, { timeout: 10_000 }).toBe(callers)
    hold.release()
    expect(new Set(await answers)).toEqual(new Set([200]))
    const tookMs = Math.round(performance.now() - startedAt)
    console.log(
      `case 59: ${callers} requests through ${name}: ${as.calls.token - 1} token request, ${tookMs} ms`,
    )
    expect([as.calls.token, rs.calls.resource, tokensShown(harness)]).toEqual([2, callers, 1])
    expect(as.liveFor('user-ada')?.generation).toBe(1)
    await expectVaultIsLive()
    // What the vault kept is the live refresh token too: the next herd needs it.
    await clock.advance(3_700)
    expect(new Set(await herd(visitor, `${origin}/call`, 50))).toEqual(new Set([200]))
    expect([as.calls.token, tokensShown(harness, callers)]).toEqual([3, 1])
    await expectVaultIsLive()
  })

  it('case 59: a hundred expiries, one token request each', async () => {
    const harness = await startSignedIn({
      server: { policy: { rotate: true, reuseKillsFamily: true } },
      routes: callingRoute(call),
    })
    const { as, clock, visitor, origin, expectVaultIsLive } = harness
    const grant = as.liveFor('user-ada')?.grantId ?? ''
    for (let round = 1; round <= 100; round += 1) {
      await clock.advance(3_700)
      expect(new Set(await herd(visitor, `${origin}/call`, 5))).toEqual(new Set([200]))
    }
    expect(as.refreshCallsByGeneration(grant)).toEqual([...Array.from({ length: 100 }, () => 1), 0])
    await expectVaultIsLive()
  })
})

/** Where the leading request is when its caller leaves. */
const points: Readonly<Record<string, (servers: HarnessServers, store: GatedStore) => Gate>> = {
  'before the lease is taken': (_, store) => store.stop('leases.take'),
  'before the token request is sent': (_, store) => store.stop('leases.writeAttempt'),
  'before the token request is processed': ({ as }) => gateOf(as.faults.hold('token', { calls: 1 })),
  'after the token was rotated': ({ as }) => gateOf(as.faults.hold('token', { at: 'afterCommit', calls: 1 })),
  'before the answer is saved': (_, store) => store.stop('grants.commit'),
  'after the answer was saved': (_, store) => store.stop('leases.release'),
}

function gateOf(hold: Hold): Gate {
  return { arrived: hold.arrived, open: () => hold.release() }
}

/** How a caller leaves. */
type Leaving = 'its browser disconnects' | 'its signal is aborted' | 'its handler throws'

const leavings: readonly Leaving[] = [
  'its browser disconnects',
  'its signal is aborted',
  'its handler throws',
]

/** A route whose one caller can be made to leave. */
class LeaderRoute {
  readonly signal: AbortController = new AbortController()
  #throwInHandler = (): void => {}

  mount(app: Express, call: Call, { rs }: HarnessServers): void {
    app.get('/leader', async (req, res) => {
      res.once('close', () => this.signal.abort(new Error('left')))
      const thrown = new Promise<never>((_, reject) => {
        this.#throwInHandler = () => reject(new Error('thrown by the handler'))
      })
      const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
      const { signal } = this.signal
      const { status } = await Promise.race([call(oauth, `${rs.origin}/leader`, { signal }), thrown])
      res.status(status).end()
    })
  }

  /** Sends the leading request; returns what makes its caller leave. */
  start(origin: string, visitor: UserAgent): (leaving: Leaving) => Promise<void> {
    const cookie = visitor.cookies.header(new URL(origin), { method: 'GET', sameSite: true }) ?? ''
    const request = get(`${origin}/leader`, { headers: { cookie }, agent: false })
    const over = new Promise<void>((resolve) => {
      request.once('error', () => resolve())
      request.once('response', (response) => response.resume().once('close', resolve))
    })
    return async (leaving) => {
      if (leaving === 'its browser disconnects') request.destroy()
      if (leaving === 'its signal is aborted') this.signal.abort(new Error('aborted'))
      if (leaving === 'its handler throws') this.#throwInHandler()
      await over
    }
  }
}

describe.each(Object.entries(points))('a leading request that leaves %s', (_point, stopAt) => {
  const variants = leavings.flatMap((leaving) =>
    bothWays.map(([name, call]) => [leaving, name, call] as const),
  )

  it.each(variants)(
    'case 62: because %s (%s): the refresh is finished and saved',
    async (leaving, _name, call) => {
      const servers = await startServers({ server: { policy: { rotate: true, reuseKillsFamily: true } } })
      const { as, rs, clock } = servers
      const gated = new GatedStore(clock)
      const leader = new LeaderRoute()
      const { visitor, origin, expectVaultIsLive } = await startSignedIn({
        servers,
        options: { store: gated.store },
        routes: (app) => leader.mount(app, call, servers),
      })
      await clock.advance(3_700)
      const gate = stopAt(servers, gated)
      const leave = leader.start(origin, visitor)
      await gate.arrived
      const follower = visitor.get(`${origin}/me`)
      await leave(leaving)
      if (leaving !== 'its handler throws') await expect.poll(() => leader.signal.signal.aborted).toBe(true)
      gate.open()
      expect((await follower).status).toBe(200)
      expect([as.calls.token, as.liveFor('user-ada')?.generation]).toEqual([2, 1])
      if (leaving !== 'its handler throws') {
        expect(rs.requests.filter(({ path }) => path === '/leader')).toEqual([])
      }
      await expectVaultIsLive()
      await clock.advance(3_700)
      expect((await visitor.get(`${origin}/me`)).status).toBe(200)
      expect([as.calls.token, as.liveFor('user-ada')?.generation]).toEqual([3, 2])
      await expectVaultIsLive()
    },
  )

  it('case 62: with nobody waiting any more it is finished and saved all the same', async () => {
    const servers = await startServers({ server: { policy: { rotate: true, reuseKillsFamily: true } } })
    const { as, clock } = servers
    const gated = new GatedStore(clock)
    const leader = new LeaderRoute()
    const { visitor, origin, expectVaultIsLive } = await startSignedIn({
      servers,
      options: { store: gated.store },
      routes: (app) => leader.mount(app, fetchCall, servers),
    })
    await clock.advance(3_700)
    const gate = stopAt(servers, gated)
    const leave = leader.start(origin, visitor)
    await gate.arrived
    await leave('its browser disconnects')
    gate.open()
    await expect.poll(() => as.liveFor('user-ada')?.generation).toBe(1)
    await expectVaultIsLive()
    expect(as.calls.token).toBe(2)
  })
})

describe('a grant that the authorization server ended', () => {
  it('case 68: costs 1 token request under 500 requests, and none until the next login', async () => {
    const harness = await startSignedIn()
    const { as, rs, clock, visitor, origin } = harness
    const ended: unknown[] = []
    harness.auth.events.on('account_ended', (event) => ended.push(event))
    as.killRefreshToken('user-ada')
    await clock.advance(3_700)
    const statuses = await herd(visitor, `${origin}/me`, callers)
    console.log(`case 68: ${callers} requests of a dead grant: ${as.calls.token - 1} token request`)
    // One is led to the authorization server, the others are shown the button: never in a loop.
    expect(statuses.filter((status) => status === 303)).toHaveLength(1)
    expect(statuses.filter((status) => status === 401)).toHaveLength(callers - 1)
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 0])
    expect(ended).toEqual([{ provider: 'example', accountId: 'user-ada', reason: 'invalid_grant' }])
    expect(events(harness, 'account.ended')).toHaveLength(1)

    await clock.advance(24 * 3_600)
    expect((await herd(visitor, `${origin}/me`, 20)).toSorted()).toEqual([303, ...Array(19).fill(401)])
    expect(as.calls.token).toBe(2)
    // Ending a grant is not ending the session.
    const who = await visitor.get(`${origin}/whoami`)
    expect(JSON.parse(who.text)).toEqual({ isAuthenticated: true, user: 'user-ada' })
    const script = await visitor.get(`${origin}/me`, {
      headers: { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    })
    expect([script.status, JSON.parse(script.text)]).toMatchObject([401, { reason: 'grant_ended' }])

    // Within the minute it is the button that leads there.
    const button = await visitor.get(`${origin}/me`)
    const consent = await visitor.submit(button, { button: 'Continue to example' })
    expect((await visitor.submit(consent, { button: 'Ada' })).status).toBe(200)
    expect([as.calls.token, rs.calls.resource]).toEqual([3, 1])
  })

  it('case 68: the user is led through the login and back to the same address', async () => {
    const { as, clock, visitor, origin } = await startSignedIn()
    as.revokeGrant(as.liveFor('user-ada')?.grantId ?? '')
    await clock.advance(3_700)
    const page = await visitor.signIn(`${origin}/me?tab=2`, { as: 'Ada' })
    expect([page.status, page.url]).toEqual([200, `${origin}/me?tab=2`])
  })
})

const clientFaults: Readonly<Record<string, (as: HarnessServers['as']) => () => void>> = {
  'a changed client secret': (as) => {
    as.setClientSecret('example-client', 'another-client-secret')
    return () => as.setClientSecret('example-client', 'example-client-secret')
  },
  unauthorized_client: (as) => {
    as.faults.always('token', { status: 400, body: { error: 'unauthorized_client' } })
    return () => as.faults.clear('token')
  },
  'a bare 401': (as) => {
    as.faults.always('token', { status: 401, body: '' })
    return () => as.faults.clear('token')
  },
}

describe.each(Object.entries(clientFaults))('%s at the authorization server', (_name, breakClient) => {
  it('case 68: loses nobody anything, and everybody recovers without a login', async () => {
    const harness = await startSignedIn({ server: { policy: { rotate: true, reuseKillsFamily: true } } })
    const { as, rs, clock, origin, signedIn } = harness
    const browsers = [harness.visitor]
    for (const name of ['Grace', 'Linus', 'Ada', 'Grace', 'Linus', 'Ada']) browsers.push(await signedIn(name))
    await clock.advance(3_700)
    const repair = breakClient(as)
    const before = as.calls.token
    for (const browser of browsers) expect((await browser.get(`${origin}/me`)).status).toBe(500)
    // The circuit of this client is open: one asked, nobody else did.
    expect([as.calls.token - before, rs.calls.resource]).toEqual([1, 0])
    for (const error of harness.errors) expect(error).toMatchObject({ code: 'as_misconfigured', status: 500 })
    expect(events(harness, 'refresh.failed').map(({ level }) => level)).toEqual(['error'])
    expect(events(harness, 'account.ended')).toEqual([])

    await clock.advance(11)
    expect((await browsers[1]?.get(`${origin}/me`))?.status).toBe(500)
    expect(as.calls.token - before).toBe(2)
    repair()
    await clock.advance(11)
    const authorizations = as.calls.authorize
    for (const browser of browsers) expect((await browser.get(`${origin}/me`)).status).toBe(200)
    expect([as.calls.token - before, as.calls.authorize]).toEqual([2 + browsers.length, authorizations])
  })

  it('case 68: whoever has a valid token does not notice', async () => {
    const { as, clock, visitor, origin } = await startSignedIn()
    await clock.advance(3_600 - 11 - 30)
    const repair = breakClient(as)
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await visitor.get(`${origin}/me`)).status).toBe(200)
      await clock.advance(0.1) // a refresh ahead begins after its call
    }
    await expect.poll(() => as.calls.token).toBe(2)
    repair()
  })
})

describe('the refresh token of an answer', () => {
  it.each<[string, FieldsPatch]>([
    ['left out', { refresh_token: undefined }],
    ['empty', { refresh_token: '' }],
    ['null', { refresh_token: null }],
    ['repeated', (answer) => answer],
  ])('case 82: %s: the old one is kept', async (name, fields) => {
    const { as, clock, visitor, origin, expectVaultIsLive } = await startSignedIn({
      server: { policy: { rotate: false, repeatRefreshToken: name === 'repeated' } },
    })
    as.faults.always('token', { fields })
    for (let turn = 1; turn <= 3; turn += 1) {
      await clock.advance(3_700)
      expect((await visitor.get(`${origin}/me`)).status).toBe(200)
      await expectVaultIsLive()
    }
    expect(as.refreshCallsByGeneration(as.liveFor('user-ada')?.grantId ?? '')).toEqual([3])
  })

  it('case 82: a new one replaces the old, which is never sent again', async () => {
    const { as, clock, visitor, origin } = await startSignedIn({
      server: { policy: { rotate: true, spendOnRotate: false } },
    })
    for (let turn = 1; turn <= 5; turn += 1) {
      await clock.advance(3_700)
      expect((await visitor.get(`${origin}/me`)).status).toBe(200)
    }
    const grant = as.liveFor('user-ada')?.grantId ?? ''
    expect(as.refreshCallsByGeneration(grant)).toEqual([1, 1, 1, 1, 1, 0])
  })

  it.each([
    ['wrong type beside it', { token_type: 'mac' }],
    ['access token of spaces beside it', { access_token: 'a b' }],
    ['access token missing beside it', { access_token: undefined }],
    ['error beside it', { error: 'invalid_grant' }],
  ])('case 82: a new one is saved in an answer with the %s', async (_name, fields) => {
    const { as, oauth, rs, clock, expectVaultIsLive } = await startSignedIn({
      server: { policy: { rotate: true, reuseKillsFamily: true } },
    })
    await clock.advance(3_700)
    as.faults.next('token', 1, { fields })
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
    expect(as.calls.token).toBe(2)
    await clock.advance(11)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
    expect(as.liveFor('user-ada')?.generation).toBe(2)
  })

  it.each([
    ['narrower', { scope: 'read' }, ['read']],
    ['left out', { scope: undefined }, ['read', 'write']],
    ['empty', { scope: '' }, ['read', 'write']],
    ['a list', { scope: ['read', 'more'] }, ['read', 'more']],
    ['apart by commas', { scope: 'read,more' }, ['read', 'more']],
  ])('case 82: a scope that is %s', async (_name, fields, granted) => {
    const { as, oauth, clock } = await startSignedIn({ provider: { scope: ['read', 'write'] } })
    await clock.advance(3_700)
    as.faults.next('token', 1, { fields })
    expect((await oauth.accessToken()).scope).toEqual(granted)
    expect((await oauth.accounts[0]?.status())?.scope).toEqual(granted)
  })
})

describe('the ID token of a refresh', () => {
  const refreshedAs = (make: (build: IdTokenBuilder) => string) => (build: IdTokenBuilder) =>
    build.grantType === 'refresh_token' ? make(build) : build.sign()

  it.each<[string, (build: IdTokenBuilder) => string]>([
    ['subject', (build) => build.sign({ claims: { sub: 'user-grace' } })],
    ['issuer', (build) => build.sign({ claims: { iss: 'https://issuer.example' } })],
  ])('case 82: another %s ends the grant, and its tokens are never used', async (_name, make) => {
    const harness = await startSignedIn({ openid: true })
    const { as, oauth, rs, clock } = harness
    as.policy.idToken = refreshedAs(make)
    await clock.advance(3_700)
    const grantEnded = { code: 'login_required', reason: 'grant_ended' }
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject(grantEnded)
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject(grantEnded)
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 0])
    expect(events(harness, 'account.ended').map(({ fields }) => fields.reason)).toEqual(['identity_changed'])
  })

  it.each<[string, (build: IdTokenBuilder) => string]>([
    ['another nonce', (build) => build.sign({ claims: { nonce: 'other' } })],
    ['another audience', (build) => build.sign({ claims: { aud: 'other-client' } })],
    ['another at_hash', (build) => build.sign({ claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } })],
    ['a past end', (build) => build.sign({ claims: { exp: Number(build.claims.iat) - 100 } })],
    ['a broken signature', (build) => build.brokenSignature()],
    ['no signature', (build) => build.unsecured()],
    ['a signature under the client secret', (build) => build.hs256('client-secret')],
    ['a signature under the public key', (build) => build.hs256('public-key')],
  ])('case 82: %s spoils the answer, not the grant', async (_name, make) => {
    const harness = await startSignedIn({ openid: true, server: { policy: { reuseKillsFamily: true } } })
    const { as, oauth, rs, clock, expectVaultIsLive } = harness
    as.policy.idToken = refreshedAs(make)
    await clock.advance(3_700)
    expect(await failure(oauth.fetch(rs.origin))).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
    expect([as.calls.token, rs.calls.resource]).toEqual([2, 0])
    expect(events(harness, 'refresh.id_token_refused')).toHaveLength(1)
    as.policy.idToken = undefined
    await clock.advance(11)
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
  })

  it('case 82: none at all is fine', async () => {
    const { as, oauth, rs, clock, expectVaultIsLive } = await startSignedIn({ openid: true })
    as.policy.idTokenOnRefresh = false
    for (let turn = 1; turn <= 3; turn += 1) {
      await clock.advance(3_700)
      expect((await oauth.fetch(rs.origin)).status).toBe(200)
      await expectVaultIsLive()
    }
  })
})
