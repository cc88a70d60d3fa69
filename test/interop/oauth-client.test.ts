import { generateKeyPairSync } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { LatchkeyError, OAuthClient, type OAuthClientOptions, oidc } from '@latchkey/core'
import { TestClock, UserAgent } from '@latchkey/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { certifiedServer, closed, consent, listen, originOf } from './certified-server.fixture.ts'

const clientSecret = 'a secret+with%special:characters&of=every/kind~!*()'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const silent: NonNullable<OAuthClientOptions['logger']> = { debug() {}, info() {}, warn() {}, error() {} }

/** A client on its own at a certified server, and its issuer. */
async function start(
  method: 'client_secret_basic' | 'client_secret_post' | 'client_secret_jwt',
  clock?: TestClock,
): Promise<{ readonly client: OAuthClient; readonly redirectUri: string }> {
  // The server warns of its pages and keys for development.
  for (const said of ['info', 'warn'] as const) vi.spyOn(console, said).mockImplementation(() => {})
  let handler: RequestListener = () => {}
  const server = await listen((request, response) => handler(request, response))
  const issuer = originOf(server)
  const app = await listen((_request, response) => void response.end('back'))
  const redirectUri = `${originOf(app)}/callback`
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const metadata = {
    client_id: 'interop client',
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', deviceGrant],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256',
    token_endpoint_auth_method: method,
  }
  const on = { enabled: true } as const
  const certified = await certifiedServer(
    issuer,
    [{ ...key, alg: 'ES256', use: 'sig', kid: 'k1' }],
    metadata,
    { deviceFlow: on, clientCredentials: on },
  )
  handler = certified.callback()
  const client = new OAuthClient(
    oidc({
      id: 'certified',
      issuer,
      clientId: 'interop client',
      clientSecret,
      clientAuth: { method },
      scope: ['openid', 'email', 'offline_access'],
      // This server issues refresh tokens only after a consent.
      params: { prompt: 'consent' },
    }),
    { logger: silent, clock },
  )
  onTestFinished(async () => {
    await Promise.all([closed(server), closed(app)])
    await client.close()
    vi.restoreAllMocks()
  })
  return { client, redirectUri }
}

/** Says yes on the pages of the server that the user of a device sees. */
async function approve(browser: UserAgent, verificationUri: string, userCode: string): Promise<string> {
  const input = await browser.get(verificationUri)
  const confirm = await browser.submit(input, { fields: { user_code: userCode } })
  const login = await browser.submit(confirm)
  return (await consent(browser, login)).text
}

describe('OAuthClient at a certified OpenID provider', () => {
  it.each(['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const)(
    'signs in, refreshes, revokes and gets tokens of its own with %s',
    async (method) => {
      const { client, redirectUri } = await start(method)
      const pending = await client.authorizationUrl({ redirectUri })
      const browser = new UserAgent()
      const page = await consent(browser, await browser.get(pending.url))
      const { tokens, claims } = await client.exchangeCode(page.url, pending)
      expect(claims).toMatchObject({ sub: 'ada', nonce: pending.nonce })
      expect(await client.userinfo(tokens)).toMatchObject({ id: 'ada', email: 'ada@example.com' })
      const refreshed = (await client.refresh(tokens)).tokens
      expect(refreshed.refreshToken).not.toBe(tokens.refreshToken)
      await client.revoke(refreshed)
      expect(await failure(client.refresh(refreshed))).toMatchObject({
        code: 'login_required',
        reason: 'grant_ended',
        asStatus: 400,
      })
      const own = await client.clientCredentials()
      expect(own.tokens.accessToken).not.toBe('')
      expect(own.tokens).not.toHaveProperty('refreshToken')
    },
  )

  it('signs in on a device (RFC 8628)', async () => {
    const clock = new TestClock()
    const { client } = await start('client_secret_basic', clock)
    const device = await client.deviceAuthorization()
    const answer = device.tokens()
    await clock.advance(device.intervalSeconds)
    const done = await approve(new UserAgent(), device.verificationUri, device.userCode)
    expect(done).toContain('Sign-in Success')
    await clock.advance(device.intervalSeconds)
    const { tokens, claims } = await answer
    expect(claims).toMatchObject({ sub: 'ada' })
    expect(await client.userinfo(tokens)).toMatchObject({ id: 'ada', email: 'ada@example.com' })
  })

  it('says on a device that the user said no', async () => {
    const clock = new TestClock()
    const { client } = await start('client_secret_post', clock)
    const device = await client.deviceAuthorization()
    const answer = failure(device.tokens())
    const browser = new UserAgent()
    const input = await browser.get(device.verificationUriComplete ?? '')
    await browser.submit(await browser.submit(input), { fields: { abort: 'yes' } })
    await clock.advance(device.intervalSeconds)
    expect(await answer).toMatchObject({ code: 'access_denied', oauth: { error: 'access_denied' } })
  })
})

async function failure(call: Promise<unknown>): Promise<LatchkeyError> {
  const error = await call.then(
    () => new Error('The call was expected to fail.'),
    (thrown: unknown) => thrown,
  )
  if (LatchkeyError.is(error)) return error
  throw error
}
