import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Answer, rejection } from './fake-server.fixture.ts'
import { ecKey } from './id-token.fixture.ts'
import { clientFixture, idToken, tokenEndpoint } from './protocol-client.fixture.ts'
import { oauthProvider, openidProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer } from './token.ts'

const deviceAuthorizationEndpoint = 'https://as.example/device_authorization'
const endpoint = `POST ${deviceAuthorizationEndpoint}`
const good = {
  device_code: 'device-code-SECRET',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://as.example/device',
  verification_uri_complete: 'https://as.example/device?user_code=WDJB-MJHT',
  expires_in: 1800,
  interval: 7,
}

function deviceFixture(answer: Answer, overrides: Partial<Provider> = {}): ReturnType<typeof clientFixture> {
  const fixture = clientFixture(oauthProvider({ deviceAuthorizationEndpoint, ...overrides }))
  fixture.server.on(endpoint, answer)
  return fixture
}

const codes = (answer: Answer): Promise<unknown> => deviceFixture(answer).client.device.codes({ scope: [] })

describe('DeviceClient.codes', () => {
  it('sends one authenticated POST and returns the codes (RFC 8628 §3.1, §3.2)', async () => {
    const { client, server } = deviceFixture({ body: good })
    const params = { client_id: 'evil', scope: 'evil', connection: 'staff' }
    expect(await client.device.codes({ scope: ['a', 'b'], audience: 'https://api', params })).toEqual({
      kind: 'device_codes',
      deviceCode: 'device-code-SECRET',
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://as.example/device',
      verificationUriComplete: 'https://as.example/device?user_code=WDJB-MJHT',
      expiresInSeconds: 1800,
      intervalSeconds: 7,
    })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]?.headers.authorization).toMatch(/^Basic /)
    expect(Object.fromEntries(new URLSearchParams(server.requests[0]?.body))).toEqual({
      client_id: 'client-1',
      scope: 'a b',
      audience: 'https://api',
      connection: 'staff',
    })
  })

  it('needs an endpoint', async () => {
    const { client } = clientFixture(oauthProvider())
    expect(await rejection(client.device.codes({ scope: [] }))).toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('deviceAuthorizationEndpoint'),
    })
  })

  it.each([
    [undefined, 5],
    [null, 5],
    ['never', 5],
    [0, 1],
    [-5, 1],
    [0.5, 1],
    ['9', 9],
    [60, 60],
    [1e9, 60],
    [Number.MAX_VALUE, 60],
  ])('case 95: takes interval %j for %i seconds', async (interval, intervalSeconds) => {
    expect(await codes({ body: { ...good, interval } })).toMatchObject({ intervalSeconds })
  })

  it.each([
    [undefined, 600],
    ['soon', 600],
    [0, 1],
    [-1, 1],
    ['900', 900],
    [1e12, 3600],
  ])('case 95: takes expires_in %j for %i seconds', async (expires_in, expiresInSeconds) => {
    expect(await codes({ body: { ...good, expires_in } })).toMatchObject({ expiresInSeconds })
  })

  it.each([
    'http://as.example/device',
    'javascript:alert(1)',
    'https://user:password@as.example/',
    'file:///etc/passwd',
    '/device',
    '',
    undefined,
    7,
  ])('case 95: sends nobody to %j', async (verification_uri) => {
    expect(await rejection(codes({ body: { ...good, verification_uri } }))).toMatchObject({
      code: 'as_misconfigured',
      reason: 'verification_uri',
    })
  })

  it('case 95: takes http on a loopback literal, and verification_url for verification_uri', async () => {
    const { verification_uri, ...rest } = good
    const body = { ...rest, verification_url: 'http://127.0.0.1:4000/device' }
    expect(await codes({ body })).toMatchObject({ verificationUri: 'http://127.0.0.1:4000/device' })
  })

  it.each(['http://as.example/device?user_code=X', 'javascript:alert(1)', 7, ''])(
    'case 95: leaves out the complete URI %j',
    async (verification_uri_complete) => {
      const answer = await codes({ body: { ...good, verification_uri_complete } })
      expect(answer).toMatchObject({ userCode: 'WDJB-MJHT' })
      expect(answer).not.toHaveProperty('verificationUriComplete')
    },
  )

  it.each([
    ['\u001b[31mWDJB\u001b[0m-MJHT', 'WDJB-MJHT'],
    ['\u001b]8;;https://evil.example\u0007WDJB-MJHT\u001b]8;;\u0007', 'WDJB-MJHT'],
    ['WDJB\r\n-MJHT\u0000\u0007', 'WDJB-MJHT'],
    ['\u202eTHJM-BJDW\u200b\ufeff', 'THJM-BJDW'],
    ['\u009b31mWDJB-MJHT', 'WDJB-MJHT'],
    [`${'A'.repeat(5000)}`, 'A'.repeat(64)],
  ])('case 95: shows the user code %j as %j', async (user_code, userCode) => {
    expect(await codes({ body: { ...good, user_code } })).toMatchObject({ userCode })
  })

  it('case 95: shows a page without what would drive a terminal, its host as ASCII', async () => {
    const verification_uri = 'https://as.ex\u0430mple/de\u001b[2Jvice\n'
    expect(await codes({ body: { ...good, verification_uri } })).toMatchObject({
      verificationUri: 'https://as.xn--exmple-4nf/device',
    })
  })

  it.each([
    ['no device code', { body: { ...good, device_code: undefined } }],
    ['a device code that no request can carry', { body: { ...good, device_code: 'a\nb' } }],
    ['no user code', { body: { ...good, user_code: '\u001b[0m' } }],
    ['HTML', { body: '<html>' }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example' } }],
    ['tokens', { body: { access_token: 'a' } }],
    ['a bare 404', { status: 404 }],
  ] as const)('takes %s for an answer that is worth nothing', async (_name, answer) => {
    expect(await rejection(codes(answer))).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
  })

  it.each([
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 401],
    [{ status: 403, body: { error: 'unauthorized_client' } }, 'as_misconfigured', 403],
    [{ status: 200, body: { error: 'device_flow_disabled' } }, 'as_misconfigured', 200],
    [{ status: 400, body: { error: 'invalid_scope' } }, 'as_misconfigured', 400],
    [{ status: 400, body: { error: 'invalid_request' } }, 'as_misconfigured', 400],
    [{ status: 429, headers: { 'retry-after': '30' } }, 'as_unavailable', 429],
    [{ status: 503 }, 'as_unavailable', 503],
  ] as const)('answers %j with %s', async (answer, code, asStatus) => {
    expect(await rejection(codes(answer))).toMatchObject({ code, asStatus })
  })

  it.each(['refused', 'cut'] as const)('says that the network failed: %s', async (answer) => {
    expect(await rejection(codes(answer))).toMatchObject({ code: 'as_unavailable', reason: 'network' })
  })
})

describe('DeviceClient.poll', () => {
  const poll = (answer: Answer): Promise<TokenAnswer> => {
    const { client } = clientFixture(oauthProvider(), answer)
    return client.device.poll({ deviceCode: 'device-code-SECRET', scope: ['a'] })
  }

  it('sends the device code once (RFC 8628 §3.4)', async () => {
    const { client, server } = clientFixture(oauthProvider(), { body: { access_token: 'at1' } })
    const answer = await client.device.poll({ deviceCode: 'device-code-SECRET', scope: ['a'] })
    expect(answer).toMatchObject({ kind: 'token_set', tokens: { accessToken: 'at1', scope: ['a'] } })
    expect(server.requests.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: 'device-code-SECRET',
      },
    ])
  })

  it.each([400, 401, 403, 404, 429, 200])('knows the errors of a poll at status %i', async (status) => {
    for (const error of ['authorization_pending', 'slow_down', 'access_denied', 'expired_token']) {
      expect(await poll({ status, body: { error } })).toMatchObject({ oauth: { error } })
    }
  })

  it('case 97: repeats no device code that an error quotes', async () => {
    const body = { error: 'odd', error_description: 'device-code-SECRET' }
    expect(inspect(await poll({ status: 400, body }), { depth: 9 })).not.toContain('SECRET')
  })

  it('says that it was not sent while the server cannot be found', async () => {
    expect(await poll('refused')).toEqual({ kind: 'retry', reason: 'network', outcome: 'not_processed' })
  })
})

describe('DeviceClient.signIn', () => {
  async function signIn(id_token: string | undefined): Promise<unknown> {
    const { client, server } = clientFixture(openidProvider(), { body: { access_token: 'at1', id_token } })
    const answer = await client.device.poll({ deviceCode: 'd', scope: ['openid'] })
    expect(server.to(tokenEndpoint)).toHaveLength(1)
    if (answer.kind !== 'token_set') throw new Error(`expected tokens, got ${answer.kind}`)
    return client.device.signIn(answer)
  }

  it('verifies the ID token, which has no nonce', async () => {
    expect(await signIn(idToken({ nonce: undefined }))).toMatchObject({
      claims: { sub: 'user-1' },
      tokens: { identity: { issuer: 'https://as.example', subject: 'user-1' } },
    })
  })

  it('does without an ID token, and then knows no claims', async () => {
    const answer = await signIn(undefined)
    expect(answer).toMatchObject({ tokens: { accessToken: 'at1' } })
    expect(answer).not.toHaveProperty('claims')
  })

  it.each([
    ['of another client', idToken({ aud: 'client-2' }), 'id_token_aud'],
    ['signed by nobody', idToken({}, ecKey('ec-1')), 'id_token_signature'],
  ])('case 9: refuses an ID token that is %s', async (_name, jwt, reason) => {
    expect(await rejection(signIn(jwt))).toMatchObject({ code: 'invalid_callback', reason })
  })
})
