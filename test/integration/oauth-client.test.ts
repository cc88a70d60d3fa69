import { webcrypto } from 'node:crypto'
import { exbo, OAuthClient, oauth2, oidc, spotify, type TokenResponse } from '@latchkey/core'
import { OAuthClient as ofExpress } from '@latchkey/express'
import {
  type AuthorizationServer,
  type ClientAuthMethod,
  startExbo,
  startSpotify,
  TestClock,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  callbackOf,
  redirectUri,
  standalone,
  startServer,
  type WatchedClock,
} from './standalone-client.fixture.ts'

/** What the server would accept now. */
function accepted(as: AuthorizationServer, { tokens }: TokenResponse): boolean {
  return as.introspect(tokens.accessToken) !== undefined
}

describe('OAuthClient', () => {
  it('is the same from every package', () => {
    expect(ofExpress).toBe(OAuthClient)
  })
})

describe('OAuthClient at an OpenID provider', () => {
  async function start(): Promise<Awaited<ReturnType<typeof startServer>> & ReturnType<typeof standalone>> {
    const server = await startServer({ oidc: true, policy: { pkce: 'required' } })
    const provider = oidc({ id: 'corp', issuer: server.as.issuer, ...server.credentials })
    return { ...server, ...standalone(provider, server.as, { clock: server.clock }) }
  }

  it('signs in, tells who it is, refreshes, and revokes', async () => {
    const { client, as, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    const signedIn = await client.exchangeCode(await callbackOf(pending), pending)
    expect(signedIn.claims).toMatchObject({ iss: as.issuer, sub: 'user-ada', nonce: pending.nonce })
    expect(signedIn.tokens.scope).toEqual(['openid', 'profile', 'email'])
    expect(await client.userinfo(signedIn.tokens)).toMatchObject({
      provider: 'corp',
      id: 'user-ada',
      name: 'Ada',
      email: 'ada@example.com',
      emailVerified: true,
      raw: { sub: 'user-ada', iss: as.issuer },
    })
    const kept = JSON.parse(JSON.stringify(signedIn.tokens))
    const refreshed = await client.refresh(kept)
    expect(refreshed.tokens.refreshToken).not.toBe(kept.refreshToken)
    expect(refreshed.tokens.identity).toEqual(kept.identity)
    expect(accepted(as, refreshed)).toBe(true)
    expect((await client.userinfo(refreshed.tokens)).id).toBe('user-ada')
    await client.revoke(refreshed.tokens)
    expect(accepted(as, refreshed)).toBe(false)
    expect(await watch.failure(client.userinfo(refreshed.tokens))).toMatchObject({
      code: 'login_required',
      asStatus: 401,
    })
    expect(await watch.failure(client.refresh(refreshed.tokens))).toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
      asStatus: 400,
      oauth: { error: 'invalid_grant' },
    })
    expect(as.calls.discovery).toBe(1)
  })

  it('case 1: spends no code on a callback that answers another request', async () => {
    const { client, as, watch } = await start()
    const [mine, theirs] = [
      await client.authorizationUrl({ redirectUri }),
      await client.authorizationUrl({ redirectUri }),
    ]
    const callback = await callbackOf(theirs, 'Grace')
    expect(await watch.failure(client.exchangeCode(callback, mine))).toMatchObject({
      code: 'state_mismatch',
    })
    expect(as.calls.token).toBe(0)
    const stolen = { ...mine, state: theirs.state }
    expect(await watch.failure(client.exchangeCode(callback, stolen))).toMatchObject({
      code: 'invalid_callback',
      reason: 'code_refused',
    })
  })

  it('case 7: spends no code when another server says that it answers (RFC 9207)', async () => {
    const { client, as, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    for (const responseIss of ['none', ['https://evil.example']] as const) {
      as.policy.responseIss = responseIss
      const callback = await callbackOf(pending)
      expect(await watch.failure(client.exchangeCode(callback, pending))).toMatchObject({ reason: 'iss' })
    }
    expect(as.calls.token).toBe(0)
  })

  it('says that the user said no', async () => {
    const { client, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    const callback = await callbackOf(pending, 'Cancel')
    expect(await watch.failure(client.exchangeCode(callback, pending))).toMatchObject({
      code: 'access_denied',
      oauth: { error: 'access_denied' },
    })
  })

  it('case 9: believes no ID token that this server did not sign', async () => {
    const { client, as, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    as.policy.idToken = (build) => build.brokenSignature()
    const callback = await callbackOf(pending)
    expect(await watch.failure(client.exchangeCode(callback, pending))).toMatchObject({
      code: 'invalid_callback',
      reason: 'id_token_signature',
    })
  })
})

describe('OAuthClient at a plain OAuth 2 server', () => {
  async function start(
    preset: Partial<Parameters<typeof oauth2>[0]> = {},
    options: Parameters<typeof startServer>[0] = {},
  ): Promise<Awaited<ReturnType<typeof startServer>> & ReturnType<typeof standalone>> {
    const server = await startServer(options)
    const { endpoints, credentials, as, clock } = server
    const provider = oauth2({
      id: 'forum',
      ...endpoints,
      ...credentials,
      resourceOrigins: [],
      scope: ['posts'],
      ...preset,
    })
    return { ...server, ...standalone(provider, as, { clock }) }
  }

  it('signs in with a pasted code, tied to it by PKCE', async () => {
    const { client, watch } = await start({}, { policy: { pkce: 'required' } })
    const pending = await client.authorizationUrl({ redirectUri })
    const code = new URL(await callbackOf(pending)).searchParams.get('code') ?? ''
    const other = await client.authorizationUrl({ redirectUri })
    const { tokens } = await client.exchangePastedCode(code, pending)
    expect(await client.userinfo(tokens.accessToken)).toMatchObject({ id: 'user-ada' })
    const again = new URL(await callbackOf(pending)).searchParams.get('code') ?? ''
    expect(await watch.failure(client.exchangePastedCode(again, other))).toMatchObject({
      code: 'invalid_callback',
      asStatus: 400,
    })
  })

  it('refreshes once for 50 callers, so that rotation with reuse detection ends nothing', async () => {
    const { client, as } = await start({}, { policy: { reuseKillsFamily: true } })
    const pending = await client.authorizationUrl({ redirectUri })
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.refresh(tokens)))
    expect(new Set(answers.map((answer) => answer.tokens.accessToken)).size).toBe(1)
    expect(as.liveFor('user-ada')).toMatchObject({ generation: 1, familyRevoked: false })
  })

  it('tells a server in trouble from a network in trouble, and loses nothing', async () => {
    const { client, as, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    as.faults.next('token', 1, { status: 503, headers: { 'retry-after': '7' } })
    expect(await watch.failure(client.refresh(tokens))).toMatchObject({
      code: 'as_unavailable',
      asStatus: 503,
      retryAfterSeconds: 7,
    })
    as.faults.next('token', 1, { dropBeforeCommit: true })
    const cut = await watch.failure(client.refresh(tokens))
    expect(cut).toMatchObject({ code: 'as_unavailable', reason: 'network' })
    expect(cut).not.toHaveProperty('asStatus')
    as.faults.next('token', 1, { fields: { access_token: undefined } })
    expect(await watch.failure(client.refresh(tokens))).toMatchObject({ reason: 'garbage', asStatus: 200 })
    expect((await client.refresh(tokens)).tokens.refreshToken).toBe(as.liveFor('user-ada')?.refreshToken)
  })

  it('takes an error for an error at any status', async () => {
    const { client, as, watch } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    for (const status of [200, 400, 403, 429, 500]) {
      as.faults.next('token', 1, { status, body: { error: 'invalid_grant', error_description: 'Gone.' } })
      expect(await watch.failure(client.refresh(tokens))).toMatchObject({
        code: 'login_required',
        asStatus: status,
        oauth: { error: 'invalid_grant', description: 'Gone.' },
      })
    }
  })

  it('asks for less scope at a refresh', async () => {
    const { client } = await start({ scope: ['posts', 'mail'] })
    const pending = await client.authorizationUrl({ redirectUri })
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    expect((await client.refresh(tokens, { scope: ['posts'] })).tokens.scope).toEqual(['posts'])
  })

  it('revokes one token alone, and is content with one that nobody knows', async () => {
    const { client, as } = await start()
    const pending = await client.authorizationUrl({ redirectUri })
    const signedIn = await client.exchangeCode(await callbackOf(pending), pending)
    await client.revoke(signedIn.tokens, { tokenTypeHint: 'access_token' })
    expect(accepted(as, signedIn)).toBe(false)
    expect(as.liveFor('user-ada')?.refreshToken).toBe(signedIn.tokens.refreshToken)
    await client.revoke('nobody-knows-this-token', { tokenTypeHint: 'refresh_token' })
    expect(as.calls.revoke).toBe(2)
  })

  it('gets tokens of its own', async () => {
    const { client, as } = await start()
    const answer = await client.clientCredentials({ scope: ['reports'] })
    expect(answer.tokens.scope).toEqual(['reports'])
    expect(answer.tokens.refreshToken).toBe(undefined)
    expect(as.introspect(answer.tokens.accessToken)?.userId).toBe(undefined)
    expect(accepted(as, answer)).toBe(true)
  })

  it.each<ClientAuthMethod>([
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'none',
  ])('proves itself by %s, and by another method where tokens are revoked', async (method) => {
    const { publicKey, privateKey } = await webcrypto.subtle.generateKey(
      { name: 'ECDSA', namedCurve: 'P-256' },
      true,
      ['sign', 'verify'],
    )
    const jwk = { ...(await webcrypto.subtle.exportKey('jwk', publicKey)), kid: 'k1', alg: 'ES256' }
    const registered = {
      clientId: 'app',
      clientSecret: 'secret-of-app-at-least-32-bytes-long',
      redirectUris: [redirectUri],
      authMethods: [method],
      ...(method === 'private_key_jwt' ? { jwks: { keys: [jwk] } } : {}),
    }
    const clientAuth =
      method === 'private_key_jwt' ? { method, privateKey, keyId: 'k1' } : ({ method } as const)
    const { client, as, watch } = await start({ clientAuth }, { clients: [registered] })
    const pending = await client.authorizationUrl({ redirectUri })
    const signedIn = await client.exchangeCode(await callbackOf(pending), pending)
    expect(accepted(as, signedIn)).toBe(true)
    await client.revoke(signedIn.tokens)
    expect(accepted(as, signedIn)).toBe(false)
    const revocationClientAuth = { method: method === 'none' ? 'client_secret_post' : 'none' } as const
    const other = standalone(
      oauth2({
        id: 'forum',
        authorizationEndpoint: as.endpoints.authorization,
        tokenEndpoint: as.endpoints.token,
        revocationEndpoint: as.endpoints.revocation,
        resourceOrigins: [],
        clientId: 'app',
        clientSecret: registered.clientSecret,
        clientAuth,
        revocationClientAuth,
      }),
      as,
    )
    expect(await watch.failure(other.client.revoke('some-token'))).toMatchObject({
      code: 'as_misconfigured',
      oauth: { error: 'invalid_client' },
    })
  })
})

describe('OAuthClient at Spotify', () => {
  it('signs in without scope, keeps the refresh token that is not repeated, and lives six months', async () => {
    const clock = new TestClock()
    const server = await startSpotify({ clock })
    onTestFinished(() => server.close())
    const { client, watch } = standalone(spotify(server.presetOverrides), server, { clock })
    const pending = await client.authorizationUrl({ redirectUri: 'http://127.0.0.1:4321/callback' })
    expect(new URL(pending.url).searchParams.has('scope')).toBe(false)
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    const profile = await client.userinfo(tokens)
    expect(profile.id).toBe(profile.raw.account_id)
    expect(profile).toMatchObject({ provider: 'spotify', name: 'Ada' })
    expect(client.isExpired(tokens)).toBe(false)
    await clock.advance(3_580)
    expect(client.isExpired(tokens)).toBe(true)
    const refreshed = (await client.refresh(tokens)).tokens
    expect(refreshed.refreshToken).toBe(tokens.refreshToken)
    expect(refreshed.refreshTokenExpiresAt).toBe(tokens.refreshTokenExpiresAt)
    const app = await client.clientCredentials()
    expect(app.tokens).not.toHaveProperty('refreshToken')
    expect(await watch.failure(client.revoke(tokens))).toMatchObject({ code: 'not_supported' })
    expect(await watch.failure(client.deviceAuthorization())).toMatchObject({ code: 'not_supported' })
    await clock.advance(200 * 24 * 3_600)
    expect(await watch.failure(client.refresh(refreshed))).toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it('rotates for a client without a secret', async () => {
    const server = await startSpotify()
    onTestFinished(() => server.close())
    const { clientSecret, ...overrides } = server.presetOverrides
    const { client, watch } = standalone(spotify({ ...overrides, clientAuth: { method: 'none' } }), server)
    const pending = await client.authorizationUrl({ redirectUri: 'http://[::1]:4321/callback' })
    const { tokens } = await client.exchangeCode(await callbackOf(pending), pending)
    const refreshed = (await client.refresh(tokens)).tokens
    expect(refreshed.refreshToken).not.toBe(tokens.refreshToken)
    expect(await watch.failure(client.refresh(tokens))).toMatchObject({ reason: 'grant_ended' })
  })
})

describe('OAuthClient at EXBO', () => {
  async function start(
    options: Parameters<typeof startExbo>[0] = {},
  ): Promise<ReturnType<typeof standalone> & { readonly server: Awaited<ReturnType<typeof startExbo>> }> {
    const server = await startExbo({ redirectUris: [redirectUri, `${redirectUri}/other`], ...options })
    onTestFinished(() => server.close())
    return { server, ...standalone(exbo(server.presetOverrides), server) }
  }

  it('sends an empty scope and no PKCE, and exchanges with the redirect URI that it began with', async () => {
    const { client, server } = await start({ switches: { expiresIn: 'string' } })
    const pending = await client.authorizationUrl({ redirectUri: `${redirectUri}/other` })
    const query = new URL(pending.url).searchParams
    expect([query.get('scope'), query.has('code_challenge')]).toEqual(['', false])
    const { tokens, raw } = await client.exchangeCode(await callbackOf(pending), pending)
    expect(raw.expires_in).toBe('31536000')
    expect((tokens.expiresAt ?? 0) - tokens.receivedAt).toBeCloseTo(31_536_000, -1)
    expect(await client.userinfo(tokens)).toMatchObject({
      provider: 'exbo',
      id: '1001',
      ids: { login: 'ada' },
      raw: { distributor: 'EXBO', distributor_id: null },
    })
    const refreshed = await client.refresh(tokens)
    expect(accepted(server.as, refreshed)).toBe(true)
    expect(refreshed.tokens.refreshToken).not.toBe(tokens.refreshToken)
  })

  it('gets tokens of its own, each of which ends the one before', async () => {
    const { client, server } = await start()
    const first = await client.clientCredentials()
    const second = await client.clientCredentials()
    expect([accepted(server.as, first), accepted(server.as, second)]).toEqual([false, true])
  })

  it.each(['rfc', 'hint'] as const)('reads errors with a body of the kind %s', async (errorBody) => {
    const { client, watch } = await start({ switches: { errorBody } })
    const pending = await client.authorizationUrl({ redirectUri })
    const callback = await callbackOf(pending)
    await client.exchangeCode(callback, pending)
    expect(await watch.failure(client.exchangeCode(callback, pending))).toMatchObject({
      code: 'invalid_callback',
      asStatus: 400,
      oauth: { error: 'invalid_grant' },
    })
  })
})

describe('OAuthClient on a device (RFC 8628)', () => {
  async function start(
    options: Parameters<typeof startServer>[0] = {},
  ): Promise<Awaited<ReturnType<typeof startServer>> & ReturnType<typeof standalone>> {
    const server = await startServer({ oidc: true, ...options })
    const provider = oidc({ id: 'corp', issuer: server.as.issuer, ...server.credentials })
    // No request may wait as long as a pause does, so that the two can be told apart.
    return { ...server, ...standalone(provider, server.as, { clock: server.clock, timeoutMs: 9_000 }) }
  }

  /** Waits until the client waits for its next poll in so many seconds, and lets them pass. */
  async function nextPoll(as: AuthorizationServer, clock: WatchedClock, seconds: number): Promise<void> {
    const { token } = as.calls
    await expect.poll(() => clock.lastDelayMs).toBe(seconds * 1000)
    await clock.advance(seconds)
    await expect.poll(() => as.calls.token).toBe(token + 1)
  }
  const auth0 = { authorization_pending: 403, slow_down: 429, access_denied: 403, expired_token: 403 }

  it.each([
    ['as the RFC says', {}],
    ['as Auth0 does', { deviceErrorStatuses: auth0, deviceExpiredOnce: true }],
  ])('waits until the user agreed, at a server that answers %s', async (_name, policy) => {
    const { client, as, clock } = await start({ policy })
    const device = await client.deviceAuthorization({ scope: ['openid'] })
    expect(device.verificationUriComplete).toBe(`${device.verificationUri}?user_code=${device.userCode}`)
    const answer = device.tokens()
    await nextPoll(as, clock, 5)
    await nextPoll(as, clock, 5)
    as.approveDevice(device.userCode, 'user-grace')
    await nextPoll(as, clock, 5)
    const { tokens, claims } = await answer
    expect(claims).toMatchObject({ sub: 'user-grace' })
    expect(await client.userinfo(tokens)).toMatchObject({ id: 'user-grace' })
    expect((await client.refresh(tokens)).tokens.identity).toEqual(tokens.identity)
  })

  it('slows down with the server, which is never asked too early again', async () => {
    const { client, as, clock } = await start()
    const device = await client.deviceAuthorization()
    as.faults.next('token', 1, { status: 429, body: { error: 'slow_down' } })
    const answer = device.tokens()
    await nextPoll(as, clock, 5)
    await nextPoll(as, clock, 10)
    as.approveDevice(device.userCode, 'user-ada')
    await nextPoll(as, clock, 10)
    expect((await answer).tokens.scope).toEqual(['openid', 'profile', 'email'])
  })

  it.each([
    ['says no', 'access_denied', 'access_denied'],
    ['does nothing', 'login_required', 'expired_token'],
  ])('tells when the user %s', async (deed, code, reason) => {
    const { client, as, clock, watch } = await start({ policy: { deviceErrorStatuses: auth0 } })
    const device = await client.deviceAuthorization()
    const failure = watch.failure(device.tokens())
    await nextPoll(as, clock, 5)
    if (deed === 'says no') as.denyDevice(device.userCode)
    await expect.poll(() => clock.lastDelayMs).toBe(5_000)
    await clock.advance(deed === 'says no' ? 5 : 900)
    expect(await failure).toMatchObject({ code, reason })
    watch.seen.push(device)
  })

  it('rides out a server that is gone for a while', async () => {
    const { client, as, clock } = await start()
    const device = await client.deviceAuthorization()
    as.faults.next('token', 2, { dropBeforeCommit: true })
    const answer = device.tokens()
    await nextPoll(as, clock, 5)
    as.approveDevice(device.userCode, 'user-ada')
    await nextPoll(as, clock, 10)
    await nextPoll(as, clock, 20)
    expect((await answer).tokens.refreshToken).toBe(as.liveFor('user-ada')?.refreshToken)
  })
})
