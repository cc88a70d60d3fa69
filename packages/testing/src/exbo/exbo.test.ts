import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import { type Exbo, type ExboOptions, startExbo } from './exbo.ts'

const CALLBACK = 'http://127.0.0.1:3000/callback/exbo'

class Fixture {
  readonly exbo: Exbo
  readonly clock: TestClock

  constructor(exbo: Exbo, clock: TestClock) {
    this.exbo = exbo
    this.clock = clock
  }

  async token(form: Record<string, string>, headers: Record<string, string> = {}) {
    const { tokenEndpoint, clientId, clientSecret } = this.exbo.presetOverrides
    const credentials = 'authorization' in headers ? {} : { client_id: clientId, client_secret: clientSecret }
    const body = new URLSearchParams({ ...credentials, ...form })
    const response = await fetch(tokenEndpoint, { method: 'POST', body, headers })
    // The fields that the tests read are strings.
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  async signedIn(user = 'Ada') {
    const { authorizationEndpoint, clientId } = this.exbo.presetOverrides
    const params = {
      client_id: clientId,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: '',
      state: 's',
    }
    const agent = new UserAgent()
    const page = await agent.get(`${authorizationEndpoint}?${new URLSearchParams(params)}`)
    const answer = await agent.submit(page, { button: user, redirect: 'manual' })
    const code = new URL(answer.location ?? '').searchParams.get('code') ?? ''
    return (await this.token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK })).body
  }

  async application() {
    return (await this.token({ grant_type: 'client_credentials' })).body
  }

  refresh(token: string | undefined) {
    return this.token({ grant_type: 'refresh_token', refresh_token: token ?? '' })
  }

  async user(token: string | undefined): Promise<Response> {
    return fetch(this.exbo.presetOverrides.userinfo, {
      headers: { authorization: `Bearer ${token}` },
    })
  }

  api(path: string, headers: Record<string, string>): Promise<Response> {
    return fetch(this.exbo.apiOrigin + path, { headers })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.exbo.close()
  }
}

async function fixture(options: ExboOptions = {}): Promise<Fixture> {
  const clock = new TestClock({ frozen: true, startAt: 1_800_000_000 })
  return new Fixture(await startExbo({ clock, ...options }), clock)
}

describe('EXBO OAuth', () => {
  it('signs in with an empty scope and tells all six things about the user', async () => {
    await using f = await fixture()
    const set = await f.signedIn()
    expect(set).toMatchObject({ token_type: 'Bearer', expires_in: 31_536_000 })
    expect(set).not.toHaveProperty('scope')
    expect(await (await f.user(set.access_token)).json()).toEqual({
      id: 1001,
      uuid: '00000000-0000-4000-8000-000000001001',
      login: 'ada',
      display_login: 'Ada',
      distributor: 'EXBO',
      distributor_id: null,
    })
  })

  it('kills the earlier tokens of a user with each sign-in, and nobody else', async () => {
    await using f = await fixture()
    const first = await f.signedIn()
    const grace = await f.signedIn('Grace')
    const application = await f.application()
    const second = await f.signedIn()
    const statuses = [first, second, grace].map(async (set) => (await f.user(set.access_token)).status)
    expect(await Promise.all(statuses)).toEqual([401, 200, 200])
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect((await f.api('/regions', { authorization: `Bearer ${application.access_token}` })).status).toBe(
      200,
    )
  })

  it('lets the earlier refresh tokens of a user live, with the switch', async () => {
    await using f = await fixture({ policy: { exclusiveEndsRefreshTokens: false } })
    const first = await f.signedIn()
    const second = await f.signedIn()
    expect((await f.user(first.access_token)).status).toBe(401)
    const refreshed = (await f.refresh(first.refresh_token)).body
    const statuses = [second, refreshed].map(async (set) => (await f.user(set.access_token)).status)
    expect(await Promise.all(statuses)).toEqual([200, 200])
  })

  it('kills the earlier application token with each new one', async () => {
    await using f = await fixture()
    const first = await f.application()
    const second = await f.application()
    const status = async (token?: string) =>
      (await f.api('/regions', { authorization: `Bearer ${token}` })).status
    expect([await status(first.access_token), await status(second.access_token)]).toEqual([401, 200])
    expect(second).not.toHaveProperty('refresh_token')
    expect(f.exbo.as.mints.client_credentials).toBe(2)
  })

  it('rotates; the old refresh token is refused, or goes on working with the switch', async () => {
    await using f = await fixture()
    const set = await f.signedIn()
    const rotated = (await f.refresh(set.refresh_token)).body
    expect((await f.user(set.access_token)).status).toBe(200)
    expect((await f.refresh(set.refresh_token)).body.error).toBe('invalid_grant')
    f.exbo.as.policy.spendOnRotate = false
    f.exbo.as.policy.refreshEndsAccessToken = true
    expect((await f.refresh(rotated.refresh_token)).status).toBe(200)
    expect((await f.refresh(rotated.refresh_token)).status).toBe(200)
    expect((await f.user(rotated.access_token)).status).toBe(401)
  })

  it('makes tokens that look like its own: RS256, aud a string, 80 digits of jti, sub only for users', async () => {
    await using f = await fixture()
    const keys = createLocalJWKSet(f.exbo.as.keys.jwks() as unknown as JSONWebKeySet)
    const token = (await f.application()).access_token ?? ''
    const { payload } = await jwtVerify(token, keys, { currentDate: new Date(1_800_000_000_000) })
    expect(decodeProtectedHeader(token)).toEqual({ typ: 'JWT', alg: 'RS256' })
    expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'jti', 'nbf'])
    expect([payload.aud, payload.jti?.length]).toEqual(['30', 80])
    const user = (await f.signedIn()).access_token ?? ''
    expect((await jwtVerify(user, keys, { currentDate: new Date(1_800_000_000_000) })).payload.sub).toBe(
      '1001',
    )
    expect(f.exbo.marks.findIn(`token=${user}`).map((found) => found.kind)).toEqual(['access_token'])
  })

  it('writes expires_in, errors and the refused refresh token in both ways', async () => {
    await using f = await fixture({ accessTokenLifetimeSeconds: 30 })
    expect((await f.signedIn()).expires_in).toBe(30)
    expect((await f.refresh('other')).body).toEqual({
      error: 'invalid_grant',
      error_description: 'Invalid refresh token',
    })
    Object.assign(f.exbo.switches, {
      expiresIn: 'string',
      errorBody: 'hint',
      refusedRefreshToken: 'invalid_request',
    })
    expect((await f.signedIn()).expires_in).toBe('30')
    expect(await f.refresh('other')).toEqual({
      status: 401,
      body: {
        error: 'invalid_request',
        error_description: 'The refresh token is invalid.',
        hint: 'Invalid refresh token',
        message: 'The refresh token is invalid.',
      },
    })
  })

  it('makes opaque access tokens and names the life of refresh tokens, with the switches', async () => {
    await using f = await fixture({ switches: { accessToken: 'opaque', refreshExpiresIn: 86_400 } })
    const set = await f.signedIn()
    expect(set).toMatchObject({ access_token: expect.stringMatching(/^LKM\w+$/), refresh_expires_in: 86_400 })
    expect((await f.user(set.access_token)).status).toBe(200)
    expect(await f.application()).not.toHaveProperty('refresh_expires_in')
    f.exbo.switches.refreshExpiresIn = undefined
    expect(await f.signedIn()).not.toHaveProperty('refresh_expires_in')
  })

  it('knows a user by the number, as text, in a token that ends when it says', async () => {
    await using f = await fixture({ accessTokenLifetimeSeconds: 100 })
    const { userId, accessToken, expiresAt } = f.exbo.tokens('ada', { expired: true })
    expect(userId).toBe('1001')
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: '1001',
      aud: '30',
      exp: expiresAt,
      iat: expiresAt - 100,
    })
    expect((await f.user(accessToken)).status).toBe(401)
    expect(await (await f.user(f.exbo.tokens('Ada').accessToken)).json()).toMatchObject({ id: 1001 })
  })

  it('names its client for the environment, and the hosts that it stands for', async () => {
    await using f = await fixture()
    expect(f.exbo.environment).toEqual({ EXBO_CLIENT_ID: '30', EXBO_CLIENT_SECRET: f.exbo.clientSecret })
    expect(f.exbo.origins).toEqual({
      'https://exbo.net': f.exbo.oauthOrigin,
      'https://eapi.stalcraft.net': f.exbo.apiOrigin,
    })
  })

  it('takes the secret in the body, as Basic only with the switch', async () => {
    const basic = { authorization: `Basic ${Buffer.from('30:exbo-emulator-secret').toString('base64')}` }
    await using f = await fixture()
    expect((await f.token({ grant_type: 'client_credentials' }, basic)).status).toBe(401)
    await using lenient = await fixture({ switches: { basicAuth: true } })
    expect((await lenient.token({ grant_type: 'client_credentials' }, basic)).status).toBe(200)
  })

  it('compares redirect URIs exactly, and learns new ones', async () => {
    await using f = await fixture()
    const { authorizationEndpoint, clientId } = f.exbo.presetOverrides
    const status = async (redirect_uri: string) =>
      (
        await fetch(
          `${authorizationEndpoint}?${new URLSearchParams({ client_id: clientId, redirect_uri, response_type: 'code' })}`,
        )
      ).status
    expect(await status('http://127.0.0.1:4000/callback/exbo')).toBe(400)
    f.exbo.as.registerRedirectUri('http://127.0.0.1:4000/callback/exbo')
    expect(await status('http://127.0.0.1:4000/callback/exbo')).toBe(200)
  })
})

describe('EXBO API', () => {
  it('takes user tokens, application tokens or the client header pair', async () => {
    await using f = await fixture()
    const user = { authorization: `Bearer ${(await f.signedIn()).access_token}` }
    const pair = { 'client-id': '30', 'client-secret': 'exbo-emulator-secret' }
    expect(await (await f.api('/EU/characters', user)).json()).toMatchObject([
      { information: { name: 'Ada' } },
      {},
    ])
    expect((await f.api('/eu/auction/y1q9/lots', pair)).status).toBe(200)
    expect((await f.api('/regions', { ...pair, 'client-secret': 'wrong' })).status).toBe(401)
    expect((await f.api('/EU/characters', pair)).status).toBe(403)
    expect((await f.api('/XX/characters', user)).status).toBe(404)
  })

  it('counts calls per minute and says when it starts again, in either unit', async () => {
    await using f = await fixture({ switches: { rateLimit: 2 } })
    const user = { authorization: `Bearer ${(await f.signedIn()).access_token}` }
    const limits = async () => {
      const { status, headers } = await f.api('/regions', user)
      return [
        status,
        headers.get('x-ratelimit-remaining'),
        headers.get('x-ratelimit-reset'),
        headers.get('retry-after'),
      ]
    }
    expect(await limits()).toEqual([200, '1', '1800000060', null])
    expect(await limits()).toEqual([200, '0', '1800000060', null])
    Object.assign(f.exbo.switches, { rateLimitReset: 'milliseconds', retryAfter: true })
    expect(await limits()).toEqual([429, '0', '1800000060000', '60'])
    await f.clock.advance(60)
    expect((await limits())[0]).toBe(200)
  })
})
