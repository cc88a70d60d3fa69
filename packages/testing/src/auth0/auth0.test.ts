import { createHash } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { DEVICE_GRANT } from '../authorization-server/metadata.ts'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import { type Auth0, type Auth0Options, type BitfountOptions, startAuth0, startBitfount } from './auth0.ts'

type Tenant = Auth0<string | undefined>

const audience = 'https://api.example.com/'
const hub = 'https://hub.bitfount.com/api'
const allScopes = 'openid profile email offline_access'
const verifier = 'v'.repeat(43)
const challenge = createHash('sha256').update(verifier).digest('base64url')

const clock = new TestClock({ frozen: true })
const running: Tenant[] = []
afterEach(() => Promise.all(running.splice(0).map((one) => one.close())))

function kept<One extends Tenant>(tenant: One): One {
  running.push(tenant)
  return tenant
}

const auth0 = async (options: Auth0Options = {}): Promise<Auth0> =>
  kept(await startAuth0({ clock, ...options }))

const bitfount = async (options: BitfountOptions = {}): Promise<Auth0<undefined>> =>
  kept(await startBitfount({ clock, ...options }))

interface Answer {
  readonly status: number
  readonly body: Record<string, string>
}

async function post(tenant: Tenant, url: string, form: Record<string, string>): Promise<Answer> {
  const { clientId, clientSecret } = tenant
  const client = {
    client_id: clientId,
    ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
  }
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ ...client, ...form }) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, string>) }
}

const token = (tenant: Tenant, form: Record<string, string>): Promise<Answer> =>
  post(tenant, tenant.as.endpoints.token, form)

const refresh = (tenant: Tenant, refreshToken: string | undefined): Promise<Answer> =>
  token(tenant, { grant_type: 'refresh_token', refresh_token: refreshToken ?? '' })

/** The tokens of a browser sign-in with PKCE. */
async function signedIn(tenant: Tenant, params: Record<string, string> = {}): Promise<Answer['body']> {
  const name = tenant.clientSecret === undefined ? 'bitfount' : 'auth0'
  const redirect_uri = `http://127.0.0.1:3000/callback/${name}`
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: tenant.clientId, redirect_uri, state: 's-1', nonce: 'n-1' },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', scope: allScopes, ...params },
  })
  const browser = new UserAgent()
  const page = await browser.get(`${tenant.as.endpoints.authorization}?${query}`)
  const { location } = await browser.submit(page, { button: 'Ada', redirect: 'manual' })
  const code = new URL(location ?? '').searchParams.get('code') ?? ''
  const grant = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier }
  return (await token(tenant, grant)).body
}

/** The claims of a JWT that the tenant signed. */
async function verified({ as }: Tenant, jwt: string | undefined): Promise<JWTPayload> {
  const keys = (await (await fetch(as.endpoints.jwks)).json()) as JSONWebKeySet
  const options = { issuer: as.issuer, currentDate: new Date(clock.now() * 1000), algorithms: ['RS256'] }
  return (await jwtVerify(jwt ?? '', createLocalJWKSet(keys), options)).payload
}

const statusAt = async (url: string, accessToken: string | undefined): Promise<number> =>
  (await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })).status

describe('the emulated Auth0', () => {
  it('is found by discovery, its issuer ending with a slash', async () => {
    const { as } = await auth0()
    expect(as.issuer).toBe(`${as.origin}/`)
    const document = await (await fetch(`${as.issuer}.well-known/openid-configuration`)).json()
    expect(document).toMatchObject({
      issuer: as.issuer,
      authorization_endpoint: `${as.origin}/authorize`,
      token_endpoint: `${as.origin}/oauth/token`,
      revocation_endpoint: `${as.origin}/oauth/revoke`,
      userinfo_endpoint: `${as.origin}/userinfo`,
      device_authorization_endpoint: `${as.origin}/oauth/device/code`,
      jwks_uri: `${as.origin}/.well-known/jwks.json`,
      code_challenge_methods_supported: ['S256'],
    })
  })

  it('is the real issuer for whoever asks the real host', async () => {
    const tenant = await auth0({ domain: 'people.example.com' })
    const browser = new UserAgent({ clock, origins: tenant.origins })
    const page = await browser.get('https://people.example.com/.well-known/openid-configuration')
    expect(JSON.parse(page.text)).toMatchObject({
      issuer: 'https://people.example.com/',
      token_endpoint: 'https://people.example.com/oauth/token',
    })
  })

  it('signs in with PKCE: a day, an ID token with the nonce, an access token for API and userinfo', async () => {
    const tenant = await auth0({ customClaims: ({ id }) => ({ 'https://example.com/seat': id }) })
    const tokens = await signedIn(tenant, { audience })
    expect(tokens).toMatchObject({ expires_in: 86_400, token_type: 'Bearer', scope: allScopes })
    expect(await verified(tenant, tokens.id_token)).toMatchObject({
      sub: 'auth0|user-ada',
      aud: tenant.clientId,
      nonce: 'n-1',
      name: 'Ada',
      email: 'ada@example.com',
      'https://example.com/seat': 'user-ada',
    })
    const { exp, iat, ...claims } = await verified(tenant, tokens.access_token)
    expect(claims).toMatchObject({
      sub: 'auth0|user-ada',
      aud: [audience, `${tenant.as.issuer}userinfo`],
      azp: tenant.clientId,
      scope: allScopes,
    })
    expect((exp ?? 0) - (iat ?? 0)).toBe(86_400)
    expect(tenant.marks.findIn(tokens.access_token).map(({ kind }) => kind)).toEqual(['access_token'])
  })

  it('refuses a wrong verifier', async () => {
    const tenant = await auth0()
    const tokens = await signedIn(tenant, { code_challenge: 'x'.repeat(43) })
    expect(tokens).toMatchObject({ error: 'invalid_grant' })
  })

  it('tells what the scope asked for, and gives a refresh token with offline_access alone', async () => {
    const tenant = await auth0()
    const tokens = await signedIn(tenant, { audience, scope: 'openid email' })
    expect(tokens).not.toHaveProperty('refresh_token')
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    const userinfo = await (await fetch(tenant.as.endpoints.userinfo, { headers })).json()
    expect(userinfo).toEqual({ sub: 'auth0|user-ada', email: 'ada@example.com', email_verified: true })
  })

  it('gives an opaque access token where no API is named, which no API takes', async () => {
    const tenant = await auth0()
    const { access_token } = await signedIn(tenant)
    expect(() => decodeJwt(access_token ?? '')).toThrow()
    expect(await statusAt(tenant.as.endpoints.userinfo, access_token)).toBe(200)
    expect(await statusAt(tenant.apiOrigin, access_token)).toBe(401)
  })

  it('gives an application its own token for an API', async () => {
    const tenant = await auth0()
    const { body } = await token(tenant, { grant_type: 'client_credentials', audience })
    expect(body).not.toHaveProperty('refresh_token')
    expect(await verified(tenant, body.access_token)).toMatchObject({ aud: audience })
    expect(await statusAt(tenant.apiOrigin, body.access_token)).toBe(200)
    expect(await statusAt(tenant.as.endpoints.userinfo, body.access_token)).toBe(401)
  })

  it.each([
    [false, undefined],
    [true, 'user-ada'],
  ])('tells custom claims in userinfo: %s', async (customClaimsInUserinfo, seat) => {
    const customClaims = ({ id }: { readonly id: string }) => ({ 'https://example.com/seat': id })
    const tenant = await auth0({ customClaims, switches: { customClaimsInUserinfo } })
    const headers = { authorization: `Bearer ${tenant.tokens('ada').accessToken}` }
    const userinfo = await (await fetch(tenant.as.endpoints.userinfo, { headers })).json()
    expect(userinfo).toEqual({
      sub: 'auth0|user-ada',
      ...(seat === undefined ? {} : { 'https://example.com/seat': seat }),
    })
  })

  it.each([401, 403] as const)('refuses an unknown client with %d', async (invalidClientStatus) => {
    const tenant = await auth0({ policy: { invalidClientStatus } })
    const form = { client_id: 'unknown', client_secret: 'x', grant_type: 'client_credentials' }
    expect(await token(tenant, form)).toMatchObject({
      status: invalidClientStatus,
      body: { error: 'invalid_client' },
    })
  })

  it.each([
    [true, 200, undefined],
    [false, 400, 'invalid_request'],
  ])('reads a JSON body: %s', async (jsonBodies, status, error) => {
    const tenant = await auth0({ policy: { jsonBodies } })
    const { clientId: client_id, clientSecret: client_secret } = tenant
    const { refreshToken: refresh_token } = tenant.tokens('ada')
    const grantId = tenant.as.liveFor('user-ada')?.grantId ?? ''
    const body = JSON.stringify({ grant_type: 'refresh_token', refresh_token, client_id, client_secret })
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(tenant.as.endpoints.token, { method: 'POST', headers, body })
    expect([reply.status, ((await reply.json()) as Answer['body']).error]).toEqual([status, error])
    expect(tenant.as.refreshCalls(grantId)).toBe(jsonBodies ? 1 : 0)
    const garbage = await fetch(tenant.as.endpoints.token, { method: 'POST', headers, body: '{' })
    expect(garbage.status).toBe(400)
  })

  it.each([400, 403] as const)('refuses a wrong code with %d', async (invalidGrantStatus) => {
    const tenant = await auth0({ switches: { invalidGrantStatus } })
    const form = { grant_type: 'authorization_code', code: 'x', redirect_uri: 'x', code_verifier: verifier }
    expect(await token(tenant, form)).toMatchObject({
      status: invalidGrantStatus,
      body: { error: 'invalid_grant' },
    })
  })
})

describe('a refresh token of the emulated Auth0', () => {
  const dead = {
    status: 403,
    body: { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' },
  }

  it('rotates, and a spent token ends its whole family, the newest too', async () => {
    const tenant = await auth0()
    const first = (await signedIn(tenant, { audience })).refresh_token
    const second = await refresh(tenant, first)
    expect(second.status).toBe(200)
    expect(second.body.refresh_token).not.toBe(first)
    expect(await statusAt(tenant.apiOrigin, second.body.access_token)).toBe(200)
    expect(await refresh(tenant, first)).toEqual(dead)
    expect(await refresh(tenant, second.body.refresh_token)).toEqual(dead)
    expect(await statusAt(tenant.apiOrigin, second.body.access_token)).toBe(401)
    expect(tenant.as.liveFor('user-ada')).toMatchObject({ familyRevoked: true, refreshToken: undefined })
  })

  it('ends no other family', async () => {
    const tenant = await auth0()
    const [mine, other] = [await signedIn(tenant), await signedIn(tenant)]
    await refresh(tenant, mine.refresh_token)
    expect(await refresh(tenant, mine.refresh_token)).toEqual(dead)
    expect((await refresh(tenant, other.refresh_token)).status).toBe(200)
  })

  it.each([
    ['a new token', true],
    ['the live token', false],
  ])('answers the predecessor within the leeway with %s', async (_what, graceRotates) => {
    const tenant = await auth0({ policy: { graceSeconds: 30, graceRotates } })
    const first = (await signedIn(tenant)).refresh_token
    const second = (await refresh(tenant, first)).body.refresh_token
    await clock.advance(29)
    const again = await refresh(tenant, first)
    expect(again.status).toBe(200)
    expect(again.body.refresh_token === second).toBe(!graceRotates)
    expect(tenant.as.liveFor('user-ada')?.revoked).toBe(false)
  })

  it('answers nothing but the immediate predecessor within the leeway', async () => {
    const tenant = await auth0({ policy: { graceSeconds: 30 } })
    const first = (await signedIn(tenant)).refresh_token
    const second = (await refresh(tenant, first)).body.refresh_token
    const third = (await refresh(tenant, second)).body.refresh_token
    expect(await refresh(tenant, first)).toEqual(dead)
    expect(await refresh(tenant, third)).toEqual(dead)
  })

  it('ends the family for its predecessor when the leeway is over', async () => {
    const tenant = await auth0({ policy: { graceSeconds: 30 } })
    const first = (await signedIn(tenant)).refresh_token
    const second = (await refresh(tenant, first)).body.refresh_token
    await clock.advance(30)
    expect(await refresh(tenant, first)).toEqual(dead)
    expect(await refresh(tenant, second)).toEqual(dead)
  })

  it('stays as it is without rotation', async () => {
    const tenant = await auth0({ policy: { rotate: false } })
    const first = (await signedIn(tenant)).refresh_token
    expect((await refresh(tenant, first)).body).not.toHaveProperty('refresh_token')
    expect((await refresh(tenant, first)).status).toBe(200)
  })

  it('is dead once it is revoked', async () => {
    const tenant = await auth0()
    const { refresh_token = '' } = await signedIn(tenant)
    expect((await post(tenant, tenant.as.endpoints.revocation, { token: refresh_token })).status).toBe(200)
    expect(await refresh(tenant, refresh_token)).toEqual(dead)
  })

  it.each([500, 503])('lives on after a %d and after a cut connection', async (status) => {
    const tenant = await auth0()
    const { refresh_token } = await signedIn(tenant)
    tenant.as.faults.next('token', 1, { status, body: '' })
    expect((await refresh(tenant, refresh_token)).status).toBe(status)
    tenant.as.faults.next('token', 1, { dropBeforeCommit: true })
    await expect(refresh(tenant, refresh_token)).rejects.toThrow()
    expect((await refresh(tenant, refresh_token)).status).toBe(200)
  })
})

describe('the API of the emulated Auth0', () => {
  it('answers with what it was sent, and records the credentials', async () => {
    const tenant = await auth0()
    const { accessToken } = tenant.tokens('ada', { scope: ['read:seats'] })
    const authorization = `Bearer ${accessToken}`
    const reply = await fetch(`${tenant.apiOrigin}/seats?row=2`, {
      headers: { authorization, 'x-seat': '1' },
    })
    const text = await reply.text()
    expect(JSON.parse(text)).toMatchObject({
      ...{ method: 'GET', target: '/seats?row=2', sub: 'auth0|user-ada', scope: 'read:seats' },
      headers: { 'x-seat': '1' },
    })
    expect(tenant.marks.findIn(text)).toEqual([])
    expect(tenant.api.requests.at(-1)?.headers).toMatchObject({ authorization })
    expect(tenant.api.calls.echo).toBe(1)
  })

  it('refuses a token for another API, of another tenant, and one that has expired', async () => {
    const [tenant, other] = [await auth0(), await auth0()]
    const tokens = [
      tenant.tokens('ada', { audience: 'https://other.example.com/' }).accessToken,
      other.tokens('ada').accessToken,
      tenant.tokens('ada', { expired: true }).accessToken,
    ]
    expect(await Promise.all(tokens.map((one) => statusAt(tenant.apiOrigin, one)))).toEqual([401, 401, 401])
  })

  it.each([
    ['live', 401],
    ['signed', 200],
  ] as const)('accepts what is %s: an ended grant is %d', async (apiAccepts, status) => {
    const tenant = await auth0({ switches: { apiAccepts } })
    const { accessToken } = tenant.tokens('ada')
    tenant.as.expireAccessTokens()
    expect(await statusAt(tenant.apiOrigin, accessToken)).toBe(status)
  })

  it('stands beside a foreign server that records every byte', async () => {
    const tenant = await auth0()
    const browser = new UserAgent({ clock, origins: tenant.origins })
    tenant.api.faults.next('echo', 1, { redirect: { code: 302, url: `${tenant.foreignOrigin}/x` } })
    await browser.get('https://api.example.com/')
    expect(Buffer.from(tenant.foreign.received).toString()).toMatch(/^GET \/x HTTP/)
  })
})

describe('devices at the emulated Bitfount', () => {
  const codes = async (tenant: Tenant): Promise<Answer['body']> => {
    const { status, body } = await post(tenant, tenant.as.endpoints.deviceAuthorization, {
      scope: 'profile openid offline_access',
      audience: hub,
    })
    expect(status).toBe(200)
    return body
  }
  const poll = (tenant: Tenant, { device_code = '' }: Answer['body']): Promise<Answer> =>
    token(tenant, { grant_type: DEVICE_GRANT, device_code })

  it('gives a public client tokens for the Hub, after the person agreed on the page', async () => {
    const tenant = await bitfount()
    const device = await codes(tenant)
    expect(device).toMatchObject({
      ...{ verification_uri: `${tenant.as.origin}/device`, expires_in: 900, interval: 5 },
      verification_uri_complete: `${tenant.as.origin}/device?user_code=${device.user_code}`,
    })
    const browser = new UserAgent({ clock })
    await browser.submit(await browser.get(device.verification_uri_complete ?? ''), { button: 'Ada' })
    const { body } = await poll(tenant, device)
    expect(body).toMatchObject({ expires_in: 86_400, refresh_token: expect.any(String) })
    const idToken = await verified(tenant, body.id_token)
    expect(idToken).toMatchObject({ 'https://www.bitfount.com/username': 'ada', aud: tenant.clientId })
    expect(idToken).not.toHaveProperty('nonce')
    expect((await verified(tenant, body.access_token)).aud).toEqual([hub, `${tenant.as.issuer}userinfo`])
    expect(await statusAt(tenant.apiOrigin, body.access_token)).toBe(200)
    expect((await refresh(tenant, body.refresh_token)).status).toBe(200)
  })

  it('answers 403 while it waits, 429 to whom is too fast, and 403 when the person says no', async () => {
    const tenant = await bitfount()
    const device = await codes(tenant)
    expect(await poll(tenant, device)).toEqual({
      status: 403,
      body: {
        error: 'authorization_pending',
        error_description: 'User has yet to authorize device code.',
      },
    })
    expect(await poll(tenant, device)).toEqual({
      status: 429,
      body: {
        error: 'slow_down',
        error_description: 'You are polling faster than the specified interval of 5 seconds.',
      },
    })
    tenant.as.denyDevice(device.user_code ?? '')
    await clock.advance(10)
    expect(await poll(tenant, device)).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  })

  it.each([
    [0, 403],
    [5, 429],
  ])('wants %d seconds more after it said slow_down', async (deviceSlowDownSeconds, status) => {
    const tenant = await bitfount({ policy: { deviceSlowDownSeconds } })
    const device = await codes(tenant)
    await poll(tenant, device)
    await poll(tenant, device)
    await clock.advance(5)
    expect((await poll(tenant, device)).status).toBe(status)
  })

  it.each([400, 403] as const)(
    'says expired_token once, and then invalid_grant with %d',
    async (invalidGrantStatus) => {
      const tenant = await bitfount({ switches: { invalidGrantStatus } })
      const device = await codes(tenant)
      await clock.advance(900)
      expect(await poll(tenant, device)).toMatchObject({ status: 403, body: { error: 'expired_token' } })
      for (const _ of [1, 2])
        expect(await poll(tenant, device)).toMatchObject({
          status: invalidGrantStatus,
          body: { error: 'invalid_grant' },
        })
    },
  )

  it.each([401, 403] as const)('refuses an unknown client with %d', async (invalidClientStatus) => {
    const tenant = await bitfount({ policy: { invalidClientStatus } })
    const { deviceAuthorization } = tenant.as.endpoints
    expect(await post(tenant, deviceAuthorization, { client_id: 'unknown' })).toMatchObject({
      status: invalidClientStatus,
      body: { error: 'invalid_client' },
    })
  })

  it('leaves the complete address out where it is told to', async () => {
    const tenant = await bitfount({ policy: { verificationUriComplete: false } })
    expect(await codes(tenant)).not.toHaveProperty('verification_uri_complete')
  })
})

describe('the emulated Bitfount', () => {
  it('signs a public client in, PKCE its only proof', async () => {
    const tenant = await bitfount()
    const tokens = await signedIn(tenant, { audience: hub })
    expect(await verified(tenant, tokens.id_token)).toMatchObject({
      'https://www.bitfount.com/username': 'ada',
    })
    expect(tenant.environment).toEqual({ BITFOUNT_CLIENT_ID: tenant.clientId })
    expect(tenant.presetOverrides.clientSecret).toBeUndefined()
  })
})
