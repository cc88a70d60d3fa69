import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { DeviceAuthorization, DeviceAuthorizationRequest } from '../oauth-client.ts'
import { type Answer, type FakeServer, rejection } from '../protocol/fake-server.fixture.ts'
import { idToken, openidKey, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import { discoveryDocument, oauthProvider, openidProvider } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'
import { formOf, standalone } from './oauth-client.fixture.ts'

const deviceAuthorizationEndpoint = 'https://as.example/device_authorization'
const endpoint = `POST ${deviceAuthorizationEndpoint}`
const codes = {
  device_code: 'device-code-SECRET',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://as.example/device',
  expires_in: 900,
  interval: 5,
}
const pending: Answer = { status: 400, body: { error: 'authorization_pending' } }
const tokens: Answer = { body: { access_token: 'at1', refresh_token: 'rt1', expires_in: 3600 } }

/** A sign-in on a device whose polls are answered in turn; the last answer holds on. */
interface Started {
  readonly device: DeviceAuthorization
  readonly server: FakeServer
  /** Seconds from the start at which each poll was sent. */
  readonly polledAt: number[]
  /** The most polls that were under way at once. */
  readonly together: () => number
  /** Lets so many seconds pass, one by one. */
  readonly pass: (seconds: number) => Promise<void>
}

async function start(
  answers: readonly Answer[],
  given: {
    readonly codes?: object
    readonly provider?: Provider
    readonly request?: DeviceAuthorizationRequest
  } = {},
): Promise<Started> {
  const provider = given.provider ?? oauthProvider({ deviceAuthorizationEndpoint })
  const { client, server } = standalone(provider)
  const polledAt: number[] = []
  const startedAt = server.clock.seconds
  let underWay = 0
  let most = 0
  server.on(endpoint, { body: { ...codes, ...given.codes } }).on(tokenEndpoint, async () => {
    polledAt.push(server.clock.seconds - startedAt)
    underWay += 1
    most = Math.max(most, underWay)
    await turn()
    underWay -= 1
    return answers[polledAt.length - 1] ?? answers.at(-1) ?? pending
  })
  const device = await client.deviceAuthorization(given.request)
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      server.clock.advance(1)
      await turn()
      await turn()
    }
  }
  return { device, server, polledAt, together: () => most, pass }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('OAuthClient.deviceAuthorization', () => {
  it('returns what is shown, and keeps the device code to itself', async () => {
    const complete = 'https://as.example/device?user_code=WDJB-MJHT'
    const { device, server } = await start([], {
      codes: { verification_uri_complete: complete, interval: 7 },
    })
    expect(JSON.parse(JSON.stringify(device))).toEqual({
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://as.example/device',
      verificationUriComplete: complete,
      expiresAt: server.clock.now() + 900,
      intervalSeconds: 7,
    })
    const printed = inspect(device, { depth: 9, showHidden: true, getters: true }) + JSON.stringify(device)
    expect(printed).not.toContain('SECRET')
  })

  it('asks for the scope of the preset, for another, or for none, and sends the rest', async () => {
    const asked = async (request?: DeviceAuthorizationRequest): Promise<unknown> =>
      formOf((await start([], request ? { request } : {})).server.to(endpoint)[0])
    expect(await asked()).toEqual({ client_id: 'client-1', scope: 'read' })
    expect(await asked({ scope: [] })).toEqual({ client_id: 'client-1' })
    const params = { connection: 'staff' }
    expect(await asked({ scope: ['a', 'b'], audience: 'https://api', params })).toEqual({
      client_id: 'client-1',
      scope: 'a b',
      audience: 'https://api',
      connection: 'staff',
    })
  })

  it("asks for the provider's audience, as in a browser, unless another is named", async () => {
    const params = { audience: 'https://api', prompt: 'login' }
    const provider = oauthProvider({ deviceAuthorizationEndpoint, params })
    for (const audience of [undefined, 'https://other']) {
      const { server } = await start([], { provider, request: { audience } })
      expect(formOf(server.to(endpoint)[0])).toEqual({
        client_id: 'client-1',
        scope: 'read',
        audience: audience ?? 'https://api',
      })
    }
  })

  it('stops waiting for the codes when it is told to', async () => {
    const { client, server } = standalone(oauthProvider({ deviceAuthorizationEndpoint }))
    server.on(endpoint, 'silent')
    const stop = new AbortController()
    const failure = rejection(client.deviceAuthorization({ signal: stop.signal }))
    await turn()
    stop.abort(new Error('enough'))
    expect(await failure).toEqual(new Error('enough'))
    await rejection(client.deviceAuthorization({ signal: AbortSignal.abort() }))
    expect(server.to(endpoint)).toHaveLength(1)
  })

  it('finds the endpoint by discovery, and says when there is none', async () => {
    const { client, server } = standalone(openidProvider())
    expect(await rejection(client.deviceAuthorization())).toMatchObject({ code: 'not_supported' })
    const discovered = standalone(openidProvider())
    discovered.server
      .on('GET https://as.example/.well-known/openid-configuration', {
        body: { ...discoveryDocument, device_authorization_endpoint: deviceAuthorizationEndpoint },
      })
      .on(endpoint, { body: codes })
    expect((await discovered.client.deviceAuthorization()).userCode).toBe('WDJB-MJHT')
    expect(server.to(endpoint)).toEqual([])
  })
})

describe('DeviceAuthorization.tokens', () => {
  it('case 95: waits the interval before each poll, the first one too', async () => {
    const { device, polledAt, pass, server } = await start([pending, pending, tokens])
    const answer = device.tokens()
    await pass(20)
    expect(await answer).toEqual({
      tokens: {
        accessToken: 'at1',
        tokenType: 'Bearer',
        refreshToken: 'rt1',
        receivedAt: server.clock.now() - 5,
        expiresAt: server.clock.now() - 5 + 3600,
        scope: ['read'],
      },
      raw: { access_token: 'at1', refresh_token: 'rt1', expires_in: 3600 },
    })
    expect(polledAt).toEqual([5, 10, 15])
  })

  it.each([
    [undefined, [5, 10, 15]],
    [0, [1, 2, 3]],
    [-7, [1, 2, 3]],
    [1e9, [60, 120, 180]],
  ])('case 95: takes the interval %j for what it can be', async (interval, expected) => {
    const { device, polledAt, pass } = await start([pending, pending, tokens], { codes: { interval } })
    const answer = device.tokens()
    await pass(181)
    await answer
    expect(polledAt).toEqual(expected)
  })

  it.each([400, 403, 429, 200])(
    'case 95: adds 5 seconds for each slow_down, for good, at status %i',
    async (status) => {
      const slow: Answer = { status, body: { error: 'slow_down' } }
      const wait: Answer = { status, body: { error: 'authorization_pending' } }
      const { device, polledAt, pass } = await start([slow, wait, slow, slow, wait, slow, slow, tokens])
      const answer = device.tokens()
      await pass(160)
      await answer
      const gaps = polledAt.map((at, index) => at - (polledAt[index - 1] ?? 0))
      expect(gaps).toEqual([5, 10, 10, 15, 20, 20, 25, 30])
    },
  )

  it.each<[string, Answer]>([
    ['429 slow_down', { status: 429, headers: { 'retry-after': '40' }, body: { error: 'slow_down' } }],
    ['429 without a body', { status: 429, headers: { 'retry-after': '40' } }],
    ['503', { status: 503, headers: { 'retry-after': '40' } }],
  ])('case 95: waits as long as a %s wants', async (_name, answer) => {
    const { device, polledAt, pass } = await start([answer, tokens])
    const received = device.tokens()
    await pass(60)
    await received
    expect(polledAt).toEqual([5, 45])
  })

  it.each<[string, Answer]>([
    ['cut connections', 'cut'],
    ['refused connections', 'refused'],
    ['a server in trouble', { status: 500 }],
    ['HTML', { body: '<html>' }],
  ])(
    'case 95: asks less and less often while there are %s, until the server speaks',
    async (_name, fault) => {
      const answers = [fault, fault, fault, fault, fault, pending, tokens]
      const { device, polledAt, pass } = await start(answers)
      const answer = device.tokens()
      await pass(300)
      await answer
      const gaps = polledAt.map((at, index) => at - (polledAt[index - 1] ?? 0))
      expect(gaps).toEqual([5, 10, 20, 40, 60, 60, 5])
    },
  )

  it('case 95: has one poll under way at a time, though answers do not come', async () => {
    const { device, polledAt, pass } = await start(['silent', 'silent', tokens])
    const answer = device.tokens()
    await pass(100)
    await answer
    // Each poll is given 10 seconds, and the waiting begins after them.
    expect(polledAt).toEqual([5, 25, 55])
  })

  it('case 95: serves all who wait by the same polls', async () => {
    const { device, polledAt, pass, together } = await start([pending, tokens])
    const answers = Promise.all([device.tokens(), device.tokens(), device.tokens()])
    await pass(3)
    const late = device.tokens()
    await pass(20)
    const all = [...(await answers), await late]
    expect(new Set(all.map((answer) => answer.tokens.accessToken))).toEqual(new Set(['at1']))
    expect(polledAt).toEqual([5, 10])
    expect(together()).toBe(1)
    expect((await device.tokens()).tokens.accessToken).toBe('at1')
    expect(polledAt).toHaveLength(2)
  })

  it('case 95: stops when the codes expire, without asking again', async () => {
    const { device, polledAt, pass, server } = await start([pending], { codes: { expires_in: 12 } })
    const failure = rejection(device.tokens())
    await pass(12)
    const error = await failure
    expect(error).toMatchObject({ code: 'login_required', reason: 'expired_token' })
    // The server did not say so.
    expect(error).not.toHaveProperty('oauth')
    await pass(30)
    expect(polledAt).toEqual([5, 10])
    expect(await rejection(device.tokens())).toMatchObject({ reason: 'expired_token' })
    expect(polledAt).toEqual([5, 10])
    expect(server.clock.pending).toBe(0)
  })

  it.each([3_600, -3_600])(
    'case 95: stops by the time that passed, when the wall clock is set by %i seconds',
    async (seconds) => {
      const { device, polledAt, pass, server } = await start([pending], { codes: { expires_in: 22 } })
      const failure = rejection(device.tokens())
      await pass(6)
      server.clock.step(seconds)
      await pass(15)
      expect(polledAt).toEqual([5, 10, 15, 20])
      await pass(1)
      expect(await failure).toMatchObject({ reason: 'expired_token' })
    },
  )

  it.each<[Answer, string, string, number]>([
    [{ status: 400, body: { error: 'access_denied' } }, 'access_denied', 'access_denied', 400],
    [{ status: 403, body: { error: 'access_denied' } }, 'access_denied', 'access_denied', 403],
    [{ status: 400, body: { error: 'expired_token' } }, 'login_required', 'expired_token', 400],
    [{ status: 403, body: { error: 'expired_token' } }, 'login_required', 'expired_token', 403],
    [{ status: 403, body: { error: 'invalid_grant' } }, 'login_required', 'refused', 403],
    [{ status: 400, body: { error: 'unauthorized_client' } }, 'as_misconfigured', 'client_fault', 400],
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 'client_fault', 401],
    [{ status: 400, body: { error: 'unsupported_grant_type' } }, 'as_misconfigured', 'client_fault', 400],
  ])('case 95: ends at %j with %s (%s)', async (answer, code, reason, asStatus) => {
    const { device, polledAt, pass, server } = await start([pending, answer])
    const failure = rejection(device.tokens())
    await pass(30)
    const error = await failure
    expect(error).toMatchObject({ code, reason, asStatus })
    const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)
    expect(printed).not.toContain('device-code-SECRET')
    expect(await rejection(device.tokens())).toBe(error)
    expect(polledAt).toEqual([5, 10])
    expect(server.clock.pending).toBe(0)
  })

  it('case 95: lets go at once when it is told to while it waits, and goes on when asked again', async () => {
    const { device, polledAt, pass, server } = await start([pending, tokens])
    const stop = new AbortController()
    const failure = rejection(device.tokens({ signal: stop.signal }))
    await pass(7)
    stop.abort(new Error('enough'))
    expect(await failure).toEqual(new Error('enough'))
    await turn()
    expect(server.clock.pending).toBe(0)
    await pass(20)
    expect(polledAt).toEqual([5])
    const answer = device.tokens()
    await pass(6)
    expect((await answer).tokens.accessToken).toBe('at1')
    expect(polledAt).toEqual([5, 32])
  })

  it('case 95: does not lose tokens that come after the last one who waited is gone', async () => {
    const { device, server, pass } = await start([])
    let answer = (_given: Answer): void => {}
    const answered = new Promise<Answer>((resolve) => {
      answer = resolve
    })
    server.on(tokenEndpoint, () => answered)
    const stop = new AbortController()
    const failure = rejection(device.tokens({ signal: stop.signal }))
    await pass(5)
    stop.abort()
    expect(await failure).toMatchObject({ name: 'AbortError' })
    const again = device.tokens()
    await pass(7)
    answer(tokens)
    expect((await again).tokens.accessToken).toBe('at1')
    expect(server.to(tokenEndpoint)).toHaveLength(1)
  })

  it('case 95: takes an answer once, though the one who waited for it was followed by another', async () => {
    const { device, server, pass } = await start([])
    const sentAt: number[] = []
    let answer = (_given: Answer): void => {}
    server.on(tokenEndpoint, () => {
      sentAt.push(server.clock.seconds)
      return new Promise<Answer>((resolve) => {
        answer = resolve
      })
    })
    const stop = new AbortController()
    const stopped = rejection(device.tokens({ signal: stop.signal }))
    await pass(5)
    stop.abort()
    await stopped
    const again = device.tokens()
    answer({ status: 400, body: { error: 'slow_down' } })
    await turn()
    await pass(10)
    answer(tokens)
    await again
    expect(sentAt.map((at) => at - (sentAt[0] ?? 0))).toEqual([0, 10])
  })

  it('goes on for the others when one is told to stop', async () => {
    const { device, pass } = await start([pending, tokens])
    const stop = new AbortController()
    const stopped = rejection(device.tokens({ signal: stop.signal }))
    const other = device.tokens()
    await pass(7)
    stop.abort()
    expect(await stopped).toMatchObject({ name: 'AbortError' })
    await pass(7)
    expect((await other).tokens.accessToken).toBe('at1')
  })

  it('does not even start for a signal that is aborted already', async () => {
    const { device, server } = await start([tokens])
    expect(await rejection(device.tokens({ signal: AbortSignal.abort() }))).toMatchObject({
      name: 'AbortError',
    })
    expect(server.clock.pending).toBe(0)
  })

  it('holds no timer while nobody waits, so that programs can end', async () => {
    const { server } = await start([pending])
    expect(server.clock.pending).toBe(0)
  })

  it('verifies an ID token, and tries again with the same tokens when no keys could be had', async () => {
    const provider = openidProvider({ deviceAuthorizationEndpoint })
    const body = { access_token: 'at1', id_token: idToken({ nonce: undefined }) }
    const { device, polledAt, pass, server } = await start([{ body }], { provider })
    const keys = 'GET https://as.example/jwks'
    server.on(keys, { status: 503 })
    const failure = rejection(device.tokens())
    await pass(6)
    expect(await failure).toMatchObject({ code: 'as_unavailable' })
    await pass(60)
    server.on(keys, { body: { keys: [openidKey.jwk] } })
    expect((await device.tokens()).claims).toMatchObject({ sub: 'user-1' })
    expect(polledAt).toEqual([5])
  })
})
