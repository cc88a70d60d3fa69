import { createHash } from 'node:crypto'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from './server.ts'

const REDIRECT = 'http://127.0.0.1:9/callback'
const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

let servers: AuthorizationServer[] = []

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  servers = []
})

interface TokenAnswer {
  readonly status: number
  readonly body: Record<string, string>
}

class Fixture {
  readonly as: AuthorizationServer
  readonly clock: TestClock
  readonly agent: UserAgent = new UserAgent()

  constructor(as: AuthorizationServer, clock: TestClock) {
    this.as = as
    this.clock = clock
  }

  authorizeUrl(params: Record<string, string | undefined> = {}): string {
    const url = new URL(this.as.endpoints.authorization)
    const all = { response_type: 'code', client_id: 'app', redirect_uri: REDIRECT, state: 's-1', ...params }
    for (const [name, value] of Object.entries(all))
      if (value !== undefined) url.searchParams.set(name, value)
    return url.href
  }

  /** The authorization response of a user who agrees. */
  async response(params: Record<string, string | undefined> = {}, user = 'Ada'): Promise<URLSearchParams> {
    const page = await this.agent.get(this.authorizeUrl(params))
    const answer = await this.agent.submit(page, { button: user, redirect: 'manual' })
    expect(answer.status).toBe(303)
    return new URL(answer.location ?? '').searchParams
  }

  async code(params: Record<string, string | undefined> = {}, user = 'Ada'): Promise<string> {
    return (await this.response(params, user)).get('code') ?? ''
  }

  async token(form: Record<string, string>, headers: Record<string, string> = {}): Promise<TokenAnswer> {
    const credentials = 'authorization' in headers ? {} : { client_id: 'app', client_secret: 'app-secret-1' }
    const response = await fetch(this.as.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({ ...credentials, ...form }),
      headers,
    })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  exchange(code: string, extra: Record<string, string> = {}): Promise<TokenAnswer> {
    return this.token({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, ...extra })
  }

  refresh(token: string | undefined): Promise<TokenAnswer> {
    return this.token({ grant_type: 'refresh_token', refresh_token: token ?? '' })
  }

  async signedIn(params: Record<string, string | undefined> = {}): Promise<Record<string, string>> {
    return (await this.exchange(await this.code(params))).body
  }

  async userinfo(accessToken: string | undefined): Promise<Response> {
    return fetch(this.as.endpoints.userinfo, { headers: { authorization: `Bearer ${accessToken}` } })
  }
}

async function fixture(options: Partial<AuthorizationServerOptions> = {}): Promise<Fixture> {
  const clock = new TestClock({ frozen: true })
  const clients = [{ clientId: 'app', clientSecret: 'app-secret-1', redirectUris: [REDIRECT] }]
  const as = await startAuthorizationServer({ clients, clock, ...options })
  servers.push(as)
  return new Fixture(as, clock)
}

describe('authorize', () => {
  it('shows a page with a button per user and redirects back with code and state', async () => {
    const f = await fixture()
    const page = await f.agent.get(f.authorizeUrl())
    for (const name of ['Ada', 'Grace', 'Linus', 'Cancel']) expect(page.text).toContain(`>${name}</button>`)
    const params = await f.response()
    expect(params.get('state')).toBe('s-1')
    expect(params.get('code')).toMatch(/^code_LKM/)
    expect(params.has('iss')).toBe(false)
  })

  it('answers access_denied with the state when the user cancels', async () => {
    const f = await fixture()
    const page = await f.agent.get(f.authorizeUrl())
    const answer = await f.agent.submit(page, { button: 'Cancel', redirect: 'manual' })
    const params = new URL(answer.location ?? '').searchParams
    expect([params.get('error'), params.get('state'), params.get('code')]).toEqual([
      'access_denied',
      's-1',
      null,
    ])
  })

  it('never redirects to an unregistered redirect URI or for an unknown client', async () => {
    const f = await fixture()
    for (const params of [
      { redirect_uri: `${REDIRECT}/x` },
      { client_id: 'other' },
      { redirect_uri: undefined },
    ]) {
      const answer = await f.agent.get(f.authorizeUrl(params), { redirect: 'manual' })
      expect([answer.status, answer.location]).toEqual([400, undefined])
    }
  })

  it('redirects at once with autoApprove and refuses prompt=none without it', async () => {
    const f = await fixture({ autoApprove: 'user-grace' })
    const answer = await f.agent.get(f.authorizeUrl(), { redirect: 'manual' })
    const code = new URL(answer.location ?? '').searchParams.get('code') ?? ''
    await f.exchange(code)
    expect(f.as.liveFor('user-grace')?.refreshToken).toBeDefined()
    f.as.policy.autoApprove = undefined
    const silent = await f.agent.get(f.authorizeUrl({ prompt: 'none' }), { redirect: 'manual' })
    expect(silent.location).toContain('error=login_required')
  })

  it('sends iss right, wrong, twice or not at all, as the policy says (RFC 9207)', async () => {
    const f = await fixture({ oidc: true, issuerPath: '/tenant' })
    expect((await f.response()).getAll('iss')).toEqual([f.as.issuer])
    f.as.policy.responseIss = ['https://evil.example']
    expect((await f.response()).getAll('iss')).toEqual(['https://evil.example'])
    f.as.policy.responseIss = [f.as.issuer, f.as.issuer]
    expect((await f.response()).getAll('iss')).toHaveLength(2)
    f.as.policy.responseIss = 'none'
    expect((await f.response()).getAll('iss')).toEqual([])
    f.as.policy.callbackParams = (params) => params.append('code', 'second')
    expect((await f.response()).getAll('code')).toHaveLength(2)
  })

  it('posts the response when form_post is asked', async () => {
    const f = await fixture({ autoApprove: 'user-ada' })
    const page = await f.agent.get(f.authorizeUrl({ response_mode: 'form_post' }))
    expect(page.status).toBe(200)
    expect(page.text).toContain(`action="${REDIRECT}"`)
    expect(page.text).toMatch(/name="code" value="code_LKM/)
  })
})

describe('token with a code', () => {
  it('answers with tokens once; a second use ends the grant', async () => {
    const f = await fixture()
    const code = await f.code({ scope: 'a b' })
    const first = await f.exchange(code)
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'a b' })
    expect((await f.userinfo(first.body.access_token)).status).toBe(200)
    expect((await f.exchange(code)).body.error).toBe('invalid_grant')
    expect((await f.userinfo(first.body.access_token)).status).toBe(401)
    expect(f.as.grants()[0]).toMatchObject({ familyRevoked: true, revoked: true })
  })

  it('checks the S256 challenge and spends the code on a wrong verifier', async () => {
    const f = await fixture()
    const challenge = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }
    expect((await f.exchange(await f.code(challenge), { code_verifier: VERIFIER })).status).toBe(200)
    const code = await f.code(challenge)
    expect((await f.exchange(code, { code_verifier: `${VERIFIER}x` })).body.error).toBe('invalid_grant')
    expect((await f.exchange(code, { code_verifier: VERIFIER })).body.error).toBe('invalid_grant')
    expect((await f.exchange(await f.code(challenge))).body.error).toBe('invalid_grant')
    expect((await f.exchange(await f.code(), { code_verifier: VERIFIER })).body.error).toBe('invalid_grant')
  })

  it('binds the code to redirect URI and lifetime', async () => {
    const f = await fixture()
    expect((await f.exchange(await f.code(), { redirect_uri: `${REDIRECT}2` })).body.error).toBe(
      'invalid_grant',
    )
    const code = await f.code()
    await f.clock.advance(61)
    expect((await f.exchange(code)).body.error).toBe('invalid_grant')
  })

  it('ends the earlier tokens of the user when the policy is exclusive', async () => {
    const f = await fixture({ exclusive: true })
    const first = await f.signedIn()
    const grace = (await f.exchange(await f.code({}, 'Grace'))).body
    const second = await f.signedIn()
    const statuses = [first, grace, second].map(async (set) => (await f.userinfo(set.access_token)).status)
    expect(await Promise.all(statuses)).toEqual([401, 200, 200])
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
  })
})

describe('token with a refresh token', () => {
  it('rotates: the old one is refused, the live one is the newest', async () => {
    const f = await fixture()
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 1, refreshToken: second.refresh_token })
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect((await f.refresh(second.refresh_token)).status).toBe(200)
    const grantId = f.as.liveFor('user-ada')?.grantId ?? ''
    expect(f.as.refreshCalls(grantId)).toBe(3)
    expect(f.as.refreshCallsByGeneration(grantId)).toEqual([2, 1, 0])
  })

  it('ends the family on reuse when the policy says so', async () => {
    const f = await fixture({ policy: { reuseKillsFamily: true } })
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    await f.refresh(first.refresh_token)
    expect((await f.refresh(second.refresh_token)).body.error).toBe('invalid_grant')
    expect((await f.userinfo(second.access_token)).status).toBe(401)
    expect(f.as.liveFor('user-ada')).toMatchObject({ familyRevoked: true, refreshToken: undefined })
  })

  it('answers the previous one with the live set inside the grace time only', async () => {
    const f = await fixture({ policy: { graceSeconds: 10, reuseKillsFamily: true } })
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    await f.clock.advance(9)
    const again = (await f.refresh(first.refresh_token)).body
    expect(again.refresh_token).toBe(second.refresh_token)
    await f.clock.advance(2)
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect(f.as.liveFor('user-ada')?.familyRevoked).toBe(true)
  })

  it('rotates again inside the grace time with graceRotates', async () => {
    const f = await fixture({ policy: { graceSeconds: 10, graceRotates: true } })
    const first = await f.signedIn()
    await f.refresh(first.refresh_token)
    const again = (await f.refresh(first.refresh_token)).body
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 2, refreshToken: again.refresh_token })
  })

  it('keeps the refresh token without rotation, and repeats it only when told', async () => {
    const f = await fixture({ policy: { rotate: false } })
    const first = await f.signedIn()
    expect((await f.refresh(first.refresh_token)).body).not.toHaveProperty('refresh_token')
    f.as.policy.repeatRefreshToken = true
    expect((await f.refresh(first.refresh_token)).body.refresh_token).toBe(first.refresh_token)
  })

  it('expires from the authorization on, however often it was rotated', async () => {
    const f = await fixture({ policy: { refreshTokenLifetimeSeconds: 1000 } })
    const first = await f.signedIn()
    await f.clock.advance(999)
    const second = (await f.refresh(first.refresh_token)).body
    expect(second.refresh_token).toBeDefined()
    await f.clock.advance(2)
    expect((await f.refresh(second.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('commits a rotation even when the answer is cut, and holds between commit and answer', async () => {
    const f = await fixture()
    const first = await f.signedIn()
    f.as.faults.next('token', 1, { dropAfterCommit: true })
    await expect(f.refresh(first.refresh_token)).rejects.toThrow()
    expect(f.as.liveFor('user-ada')?.generation).toBe(1)
    const hold = f.as.faults.hold('token', { at: 'afterCommit', calls: 1 })
    const held = f.refresh(f.as.liveFor('user-ada')?.refreshToken)
    await hold.arrived
    expect(f.as.liveFor('user-ada')?.generation).toBe(2)
    expect(hold.waiting).toBe(1)
    hold.release()
    expect((await held).status).toBe(200)
  })

  it('processes nothing when the connection is cut before the commit or the status is replaced', async () => {
    const f = await fixture()
    const first = await f.signedIn()
    f.as.faults.next('token', 1, { dropBeforeCommit: true })
    f.as.faults.next('token', 1, { status: 503, body: { error: 'temporarily_unavailable' } })
    await expect(f.refresh(first.refresh_token)).rejects.toThrow()
    expect((await f.refresh(first.refresh_token)).status).toBe(503)
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 0, refreshToken: first.refresh_token })
    expect((await f.refresh(first.refresh_token)).status).toBe(200)
  })
})

describe('client authentication', () => {
  const basic = (pair: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  })
  const odd = { clientId: 'odd', clientSecret: 'a+b %25:c', redirectUris: [] }
  const grant = { grant_type: 'client_credentials' }

  it('reads Basic credentials form-decoded or raw, as the policy says (RFC 6749 §2.3.1)', async () => {
    const f = await fixture({ clients: [odd] })
    const encoded = basic('odd:a%2Bb+%2525%3Ac')
    const raw = basic('odd:a+b %25:c')
    const statuses = async (): Promise<number[]> => [
      (await f.token(grant, encoded)).status,
      (await f.token(grant, raw)).status,
    ]
    expect(await statuses()).toEqual([200, 200])
    f.as.policy.basicDecoding = 'form'
    expect(await statuses()).toEqual([200, 401])
    f.as.policy.basicDecoding = 'raw'
    expect(await statuses()).toEqual([401, 200])
  })

  it('refuses a wrong secret, two methods at once, a missing secret and another content type', async () => {
    const f = await fixture()
    expect((await f.token({ ...grant, client_secret: 'wrong' })).body.error).toBe('invalid_client')
    const both = await f.token({ ...grant, client_secret: 'app-secret-1' }, basic('app:app-secret-1'))
    expect(both.body.error).toBe('invalid_request')
    const none = await fetch(f.as.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({ ...grant, client_id: 'app' }),
    })
    expect(none.status).toBe(401)
    const jsonBody = await fetch(f.as.endpoints.token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(jsonBody.status).toBe(400)
  })

  it('takes a changed secret at once and back', async () => {
    const f = await fixture()
    f.as.setClientSecret('app', 'another-secret')
    expect((await f.token(grant)).body.error).toBe('invalid_client')
    f.as.setClientSecret('app', 'app-secret-1')
    expect((await f.token(grant)).status).toBe(200)
  })

  it('verifies private_key_jwt once per jti (RFC 7523)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }
    const f = await fixture({ clients: [{ clientId: 'keyed', jwks, redirectUris: [] }] })
    const assertion = (audience: string): Promise<string> =>
      new SignJWT({ jti: 'one' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer('keyed')
        .setSubject('keyed')
        .setAudience(audience)
        .setExpirationTime('1m')
        .sign(privateKey)
    const post = async (jwt: string): Promise<number> => {
      const body = new URLSearchParams({
        ...grant,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      })
      return (await fetch(f.as.endpoints.token, { method: 'POST', body })).status
    }
    expect(await post(await assertion('https://other.example'))).toBe(401)
    const jwt = await assertion(f.as.endpoints.token)
    expect([await post(jwt), await post(jwt)]).toEqual([200, 401])
  })
})

describe('OpenID Connect', () => {
  it('issues an ID token that discovery and keys verify, with nonce and at_hash', async () => {
    const f = await fixture({ oidc: true })
    const meta = (await (await fetch(f.as.endpoints.discovery)).json()) as Record<string, string>
    expect(meta.issuer).toBe(f.as.issuer)
    const set = await f.signedIn({ scope: 'openid email', nonce: 'n-1' })
    const keys = createLocalJWKSet(await (await fetch(meta.jwks_uri ?? '')).json())
    const { payload } = await jwtVerify(set.id_token ?? '', keys, { issuer: f.as.issuer, audience: 'app' })
    expect(payload).toMatchObject({ sub: 'user-ada', nonce: 'n-1', email: 'ada@example.com' })
    const renewed = (await f.refresh(set.refresh_token)).body
    expect((await jwtVerify(renewed.id_token ?? '', keys)).payload.nonce).toBeUndefined()
  })

  it('issues wrong ID tokens on demand', async () => {
    const f = await fixture({ oidc: true })
    const keys = createLocalJWKSet(await (await fetch(f.as.endpoints.jwks)).json())
    const verified = async (): Promise<boolean> => {
      const { id_token } = await f.signedIn({ scope: 'openid' })
      return jwtVerify(id_token ?? '', keys, { issuer: f.as.issuer }).then(
        () => true,
        () => false,
      )
    }
    expect(await verified()).toBe(true)
    f.as.faults.next('token', 1, { idToken: (build) => build.brokenSignature() })
    f.as.faults.next('token', 1, { idToken: (build) => build.unsecured() })
    f.as.faults.next('token', 1, { idToken: (build) => build.hs256('public-key') })
    f.as.faults.next('token', 1, { idToken: (build) => build.sign({ header: { kid: 'other' } }) })
    f.as.faults.next('token', 1, {
      idToken: (build) => build.sign({ claims: { iss: 'https://evil.example' } }),
    })
    for (let variant = 0; variant < 5; variant++) expect(await verified()).toBe(false)
    f.as.rotateKeys({ keepOld: false })
    expect(await verified()).toBe(false)
  })

  it('patches fields of the answer, userinfo and discovery', async () => {
    const f = await fixture({ oidc: true })
    f.as.faults.next('token', 1, {
      fields: { expires_in: '3600', refresh_token: undefined, access_token: 'a\r\nb' },
    })
    const set = await f.signedIn()
    expect(set).toMatchObject({ expires_in: '3600', access_token: 'a\r\nb' })
    expect(set).not.toHaveProperty('refresh_token')
    f.as.faults.always('discovery', { fields: (meta) => ({ ...meta, issuer: 'https://evil.example' }) })
    expect(await (await fetch(f.as.endpoints.discovery)).json()).toMatchObject({
      issuer: 'https://evil.example',
    })
  })
})

describe('revocation and the state of grants', () => {
  it('ends the grant of a refresh token and is content with an unknown one (RFC 7009 §2.2)', async () => {
    const f = await fixture()
    const set = await f.signedIn()
    const revoke = async (token: string): Promise<number> => {
      const body = new URLSearchParams({ client_id: 'app', client_secret: 'app-secret-1', token })
      return (await fetch(f.as.endpoints.revocation, { method: 'POST', body })).status
    }
    expect(await revoke('nobody')).toBe(200)
    expect(await revoke(set.refresh_token ?? '')).toBe(200)
    expect((await f.userinfo(set.access_token)).status).toBe(401)
    expect(f.as.calls.revoke).toBe(2)
  })

  it('kills refresh tokens and access tokens apart', async () => {
    const f = await fixture()
    const set = await f.signedIn()
    f.as.killRefreshToken('user-ada')
    expect((await f.userinfo(set.access_token)).status).toBe(200)
    expect((await f.refresh(set.refresh_token)).body.error).toBe('invalid_grant')
    const second = await f.signedIn()
    f.as.expireAccessTokens('user-ada')
    expect((await f.userinfo(second.access_token)).status).toBe(401)
    expect((await f.refresh(second.refresh_token)).status).toBe(200)
  })

  it('finds its secrets wherever they went', async () => {
    const f = await fixture({ oidc: true })
    const set = await f.signedIn({ scope: 'openid' })
    const kinds = (text: unknown): string[] => f.as.marks.findIn(text).map((found) => found.kind)
    expect(kinds(`x ${set.access_token}`)).toEqual(['access_token'])
    expect(kinds(new Error('a', { cause: { deep: [set.refresh_token] } }))).toEqual(['refresh_token'])
    expect(kinds({ id: set.id_token })).toEqual(['id_token'])
    expect(kinds('secret=app-secret-1')).toEqual(['client_secret'])
    expect(kinds('nothing')).toEqual([])
  })
})
