import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { OAuthClient, type OAuthClientOptions } from '../oauth-client.ts'
import { type Answer, rejection } from '../protocol/fake-server.fixture.ts'
import { idToken, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import { oauthProvider, openidProvider, tokenSet } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'
import { oauth2, spotify } from '../providers/index.ts'
import { formOf, standalone } from './oauth-client.fixture.ts'

describe('OAuthClient.refresh', () => {
  it('keeps the old refresh token when no new one comes, and takes the new one when it does', async () => {
    const { client, server } = standalone(oauthProvider(), {
      body: { access_token: 'at2', expires_in: '60' },
    })
    const { tokens, raw } = await client.refresh({ refreshToken: 'refresh-token-1' })
    expect(tokens).toMatchObject({
      accessToken: 'at2',
      refreshToken: 'refresh-token-1',
      expiresAt: server.clock.now() + 60,
    })
    expect(raw).toEqual({ access_token: 'at2', expires_in: '60' })
    server.on(tokenEndpoint, { body: { access_token: 'at3', refresh_token: 'refresh-token-2' } })
    expect((await client.refresh(tokens)).tokens.refreshToken).toBe('refresh-token-2')
    expect(server.requests.map(formOf)).toEqual([
      { grant_type: 'refresh_token', refresh_token: 'refresh-token-1' },
      { grant_type: 'refresh_token', refresh_token: 'refresh-token-1' },
    ])
  })

  it('asks for less scope, and sends further parameters', async () => {
    const { client, server } = standalone(oauthProvider(), { body: { access_token: 'at2' } })
    const params = { resource: 'https://api.example' }
    const { tokens } = await client.refresh(tokenSet({ scope: ['a', 'b'] }), { scope: ['a'], params })
    expect(tokens.scope).toEqual(['a'])
    expect(formOf(server.requests[0])).toMatchObject({ scope: 'a', resource: 'https://api.example' })
    expect(await rejection(client.refresh(tokenSet(), { params: { refresh_token: 'evil' } }))).toMatchObject({
      code: 'invalid_options',
    })
  })

  it('sends one request for 50 callers at once', async () => {
    let spent = 0
    const { client, server } = standalone(oauthProvider(), () => {
      spent += 1
      return { body: { access_token: `at-${spent}`, refresh_token: `rt-${spent}` } }
    })
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.refresh(tokenSet())))
    expect(new Set(answers.map(({ tokens }) => tokens.refreshToken))).toEqual(new Set(['rt-1']))
    expect(server.requests).toHaveLength(1)
    await client.refresh(tokenSet({ refreshToken: 'rt-1' }))
    expect(server.requests).toHaveLength(2)
  })

  it('shares a failure too, and asks again next time', async () => {
    const { client, server } = standalone(oauthProvider(), { status: 503 })
    const failures = await Promise.all([1, 2, 3].map(() => rejection(client.refresh(tokenSet()))))
    for (const failure of failures) expect(failure).toMatchObject({ code: 'as_unavailable', asStatus: 503 })
    expect(server.requests).toHaveLength(1)
    await rejection(client.refresh(tokenSet()))
    expect(server.requests).toHaveLength(2)
  })

  it('never has a refresh token in two requests, whatever else the calls want', async () => {
    let spent = 0
    const { client, server } = standalone(oauthProvider(), () => {
      spent += 1
      return { body: { access_token: `at-${spent}`, refresh_token: `rt-${spent}` } }
    })
    const [all, less] = await Promise.all([
      client.refresh(tokenSet()),
      client.refresh(tokenSet(), { scope: ['a'] }),
    ])
    expect(all.tokens.refreshToken).toBe('rt-1')
    expect(less.tokens).toMatchObject({ refreshToken: 'rt-2', scope: ['a'] })
    expect(server.requests.map((request) => formOf(request).refresh_token)).toEqual([
      'refresh-token-1',
      'rt-1',
    ])
  })

  it('does not share between different refresh tokens', async () => {
    const { client, server } = standalone(oauthProvider(), { body: { access_token: 'at' } })
    await Promise.all(['rt-a', 'rt-b'].map((refreshToken) => client.refresh({ refreshToken })))
    expect(server.requests.map((request) => formOf(request).refresh_token).sort()).toEqual(['rt-a', 'rt-b'])
  })

  it('does not lose the refresh token of an answer that is otherwise no good', async () => {
    const { client, server } = standalone(oauthProvider(), { body: { refresh_token: 'rt-saved' } })
    const failure = await rejection(client.refresh(tokenSet()))
    expect(failure).toMatchObject({ code: 'as_unavailable', reason: 'garbage' })
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('rt-saved')
    server.on(tokenEndpoint, { body: { refresh_token: 'rt-saved-too' } })
    await rejection(client.refresh(tokenSet()))
    server.on(tokenEndpoint, { body: { access_token: 'at2' } })
    expect((await client.refresh(tokenSet())).tokens.refreshToken).toBe('rt-saved-too')
    expect(server.requests.map((request) => formOf(request).refresh_token)).toEqual([
      'refresh-token-1',
      'rt-saved',
      'rt-saved-too',
    ])
  })

  it.each<[Answer, string, string, number | undefined]>([
    [{ status: 400, body: { error: 'invalid_grant' } }, 'login_required', 'grant_ended', 400],
    [{ status: 403, body: { error: 'invalid_grant' } }, 'login_required', 'grant_ended', 403],
    [{ status: 200, body: { error: 'invalid_grant' } }, 'login_required', 'grant_ended', 200],
    [{ status: 400, body: { error: 'invalid_request' } }, 'login_required', 'refused', 400],
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 'client_fault', 401],
    [{ status: 429, headers: { 'retry-after': '9' } }, 'as_unavailable', 'rate_limited', 429],
    [{ status: 500 }, 'as_unavailable', 'server_error', 500],
    [{ body: '<html>' }, 'as_unavailable', 'garbage', 200],
    [{ status: 302, headers: { location: 'https://evil.example' } }, 'as_unavailable', 'garbage', 302],
    ['refused', 'as_unavailable', 'network', undefined],
    ['cut', 'as_unavailable', 'network', undefined],
  ])('case 78: never tries again: %j is %s (%s)', async (answer, code, reason, asStatus) => {
    const { client, server } = standalone(oauthProvider(), answer)
    const error = await rejection(client.refresh(tokenSet()))
    expect(error).toMatchObject({ code, reason })
    expect(LatchkeyError.is(error) && error.asStatus).toBe(asStatus)
    expect(server.requests).toHaveLength(1)
  })

  it('hands on how long the server wants to be left alone', async () => {
    const { client } = standalone(oauthProvider(), { status: 429, headers: { 'retry-after': '9' } })
    expect(await rejection(client.refresh(tokenSet()))).toMatchObject({ retryAfterSeconds: 9 })
  })

  it('case 82: ends when the new ID token is about somebody else', async () => {
    const body = { access_token: 'at2', id_token: idToken({ sub: 'user-2', nonce: undefined }) }
    const { client } = standalone(openidProvider(), { body })
    const identity = { issuer: 'https://as.example', subject: 'user-1' }
    expect(await rejection(client.refresh(tokenSet({ identity })))).toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it.each([{}, { refreshToken: '' }, { refreshToken: null }, { accessToken: 'at' }])(
    'sends nothing for %j, which has no refresh token',
    async (tokens) => {
      const { client, server } = standalone()
      const known = tokens as { refreshToken: string } // databases give null
      expect(await rejection(client.refresh(known))).toMatchObject({
        code: 'login_required',
        reason: 'no_refresh_token',
      })
      expect(server.requests).toEqual([])
    },
  )

  it('says what is wrong with the configuration when nothing could be sent', async () => {
    const clientSecret = (): string => {
      throw new Error('no key')
    }
    const provider = oauthProvider({ clientAuth: { method: 'client_secret_post', clientSecret } })
    const { client } = standalone(provider)
    expect(await rejection(client.refresh(tokenSet()))).toMatchObject({
      code: 'as_misconfigured',
      message: expect.stringContaining('clientAuth.clientSecret'),
    })
  })

  it("does not let a new refresh token outlive the preset's lifetime", async () => {
    const body = { access_token: 'at2', refresh_token: 'rt-2', refresh_token_expires_in: 900_000_000 }
    const provider = oauthProvider({ refreshTokenLifetime: { months: 6 } })
    const { client, server } = standalone(provider, { body })
    const refreshTokenExpiresAt = server.clock.now() + 5
    const { tokens } = await client.refresh(tokenSet({ refreshTokenExpiresAt }))
    expect(tokens).toMatchObject({ refreshToken: 'rt-2', refreshTokenExpiresAt })
  })
})

describe('OAuthClient.revoke', () => {
  const revocationEndpoint = 'https://as.example/revoke'
  const endpoint = `POST ${revocationEndpoint}`

  function revoking(
    answer: Answer,
    overrides: Partial<Provider> = {},
  ): ReturnType<typeof standalone> & { readonly sent: () => unknown[] } {
    const fixture = standalone(oauthProvider({ revocationEndpoint, ...overrides }))
    fixture.server.on(endpoint, answer)
    return { ...fixture, sent: () => fixture.server.to(endpoint).map(formOf) }
  }

  it.each<[string, Parameters<OAuthClient['revoke']>, Partial<Provider>, unknown[]]>([
    [
      'the refresh token of a set',
      [tokenSet()],
      {},
      [{ token: 'refresh-token-1', token_type_hint: 'refresh_token' }],
    ],
    [
      'both, where single tokens end',
      [tokenSet()],
      { revocation: 'token' },
      [
        { token: 'refresh-token-1', token_type_hint: 'refresh_token' },
        { token: 'access-token-1', token_type_hint: 'access_token' },
      ],
    ],
    [
      'one of a set, when told which',
      [tokenSet(), { tokenTypeHint: 'access_token' }],
      {},
      [{ token: 'access-token-1', token_type_hint: 'access_token' }],
    ],
    [
      'a refresh token without the rest',
      [{ refreshToken: 'rt' }],
      {},
      [{ token: 'rt', token_type_hint: 'refresh_token' }],
    ],
    ['a text', ['some-token'], {}, [{ token: 'some-token' }]],
    [
      'a text with a hint',
      ['some-token', { tokenTypeHint: 'refresh_token' }],
      {},
      [{ token: 'some-token', token_type_hint: 'refresh_token' }],
    ],
  ])('revokes %s (RFC 7009 §2.1)', async (_name, call, overrides, expected) => {
    const { client, sent } = revoking({}, overrides)
    expect(await client.revoke(...call)).toBe(undefined)
    expect(sent()).toEqual(expected)
  })

  it('proves the client by the method of the revocation endpoint', async () => {
    const { client, server } = revoking({}, { revocationClientAuth: { method: 'client_secret_post' } })
    await client.revoke('some-token')
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization')
    expect(formOf(server.requests[0])).toMatchObject({ client_secret: 'client-secret-1' })
  })

  it('takes a token that is unknown there for revoked', async () => {
    const { client } = revoking({ status: 400, body: { error: 'invalid_token' } })
    expect(await client.revoke(tokenSet())).toBe(undefined)
  })

  it.each<[Answer, string, string]>([
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 'revocation_refused'],
    [{ status: 200, body: { error: 'no' } }, 'as_misconfigured', 'revocation_refused'],
    [{ status: 400, body: { error: 'unsupported_token_type' } }, 'not_supported', 'unsupported_token_type'],
    [{ status: 503 }, 'as_unavailable', 'server_error'],
    [{ status: 429, headers: { 'retry-after': '9' } }, 'as_unavailable', 'rate_limited'],
    ['cut', 'as_unavailable', 'network'],
  ])('says of %j: %s (%s)', async (answer, code, reason) => {
    const { client } = revoking(answer)
    const error = await rejection(client.revoke(tokenSet()))
    expect(error).toMatchObject({ code, reason })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/token-1/)
  })

  it('is content when one kind cannot be revoked and the other was', async () => {
    const { client, server } = revoking({}, { revocation: 'token' })
    server.on(endpoint, ({ body }) =>
      body.includes('access') ? { status: 400, body: { error: 'unsupported_token_type' } } : {},
    )
    expect(await client.revoke(tokenSet())).toBe(undefined)
  })

  it('needs an endpoint', async () => {
    const { client } = standalone()
    expect(await rejection(client.revoke(tokenSet()))).toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('revocationEndpoint'),
    })
  })

  it.each(['', {}, { refreshToken: 'rt' }])('sends nothing for %j with the wrong hint', async (what) => {
    const { client, sent } = revoking({})
    const call = client.revoke(what, { tokenTypeHint: 'access_token' })
    expect(await rejection(call)).toMatchObject({ code: 'invalid_options' })
    expect(sent()).toEqual([])
  })
})

describe('OAuthClient.userinfo', () => {
  const endpoint = 'GET https://api.example/me'
  const fields = { id: 'id', name: 'login', email: 'email', emailVerified: 'verified', ids: { uuid: 'uuid' } }
  const userinfo = { endpoint: 'https://api.example/me', fields }

  it('returns the user in one shape, and all that the server said', async () => {
    const { client, server } = standalone(oauthProvider({ userinfo }))
    const body = { id: 7, login: 'ada', email: 'a@example.com', verified: 'true', uuid: 'u-7', odd: [1] }
    server.on(endpoint, { body })
    for (const tokens of [tokenSet(), 'access-token-1', { accessToken: 'access-token-1' }]) {
      expect(await client.userinfo(tokens)).toEqual({
        provider: 'example',
        id: '7',
        name: 'ada',
        email: 'a@example.com',
        emailVerified: true,
        ids: { uuid: 'u-7' },
        raw: body,
      })
    }
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(3).fill('Bearer access-token-1'),
    )
  })

  it('refuses userinfo about somebody else than the ID token (OpenID Connect Core 1.0 §5.3.4)', async () => {
    const { client, server } = standalone(openidProvider())
    server.on('GET https://as.example/userinfo', { body: { sub: 'user-2' } })
    const identity = { issuer: 'https://as.example', subject: 'user-1' }
    for (const tokens of [tokenSet({ identity }), tokenSet({ idToken: idToken() })]) {
      expect(await rejection(client.userinfo(tokens))).toMatchObject({ reason: 'userinfo_subject' })
    }
  })

  it('reads the ID token where there is no userinfo endpoint', async () => {
    const endpoints = { authorizationEndpoint: 'https://as.example/a', tokenEndpoint: 'https://as.example/t' }
    const provider = openidProvider({ ...endpoints, jwksUri: 'https://as.example/jwks' })
    const { client, server } = standalone(provider)
    const profile = await client.userinfo(tokenSet({ idToken: idToken({ email: 'a@example.com' }) }))
    expect(profile).toMatchObject({ id: 'user-1', email: 'a@example.com', raw: { sub: 'user-1' } })
    expect(server.requests).toEqual([])
  })

  it.each<[Answer, string, string, number | undefined]>([
    [{ status: 401 }, 'login_required', 'refused', 401],
    [{ status: 403 }, 'as_misconfigured', 'userinfo_forbidden', 403],
    [{ status: 429 }, 'as_unavailable', 'userinfo_status', 429],
    ['cut', 'as_unavailable', 'userinfo_cut', undefined],
  ])('says of %j: %s (%s)', async (answer, code, reason, asStatus) => {
    const { client, server } = standalone(oauthProvider({ userinfo }))
    server.on(endpoint, answer)
    const error = await rejection(client.userinfo(tokenSet()))
    expect(error).toMatchObject({ code, reason })
    expect(LatchkeyError.is(error) && error.asStatus).toBe(asStatus)
  })

  it.each(['', {}, { refreshToken: 'rt' }, null])('sends nothing for %j', async (tokens) => {
    const { client, server } = standalone(oauthProvider({ userinfo }))
    expect(await rejection(client.userinfo(tokens as string))).toMatchObject({ code: 'invalid_options' })
    expect(server.requests).toEqual([])
  })
})

describe('OAuthClient.clientCredentials', () => {
  it('returns a token of the client itself (RFC 6749 §4.4)', async () => {
    const body = { access_token: 'app-1', expires_in: 60 }
    const { client, server } = standalone(oauthProvider({ scope: ['for-users'] }), { body })
    const { tokens, raw } = await client.clientCredentials()
    expect(tokens).toMatchObject({ accessToken: 'app-1', scope: [], expiresAt: server.clock.now() + 60 })
    expect(raw).toEqual(body)
    const params = { resource: 'https://api.example' }
    await client.clientCredentials({ scope: ['a', 'b'], audience: 'https://api', params })
    expect(server.requests.map(formOf)).toEqual([
      { grant_type: 'client_credentials' },
      { grant_type: 'client_credentials', scope: 'a b', audience: 'https://api', ...params },
    ])
  })

  it.each<[Answer, string, string]>([
    [{ status: 400, body: { error: 'unauthorized_client' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 400, body: { error: 'invalid_grant' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 400, body: { error: 'invalid_scope' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 503 }, 'as_unavailable', 'server_error'],
  ])('says of %j: %s', async (answer, code, reason) => {
    const { client, server } = standalone(oauthProvider(), answer)
    expect(await rejection(client.clientCredentials())).toMatchObject({ code, reason })
    expect(server.requests).toHaveLength(1)
  })
})

describe('OAuthClient.isExpired', () => {
  it('counts with a leeway of 30 seconds, or another, and takes an unknown end for none', () => {
    const { client, server } = standalone()
    const now = server.clock.now()
    expect(client.isExpired({ expiresAt: now + 31 })).toBe(false)
    expect(client.isExpired({ expiresAt: now + 30 })).toBe(true)
    expect(client.isExpired({ expiresAt: now + 30 }, 0)).toBe(false)
    expect(client.isExpired({ expiresAt: now }, 0)).toBe(true)
    expect(client.isExpired({})).toBe(false)
  })
})

describe('new OAuthClient', () => {
  it.each<[string, unknown, OAuthClientOptions]>([
    ['first argument', undefined, {}],
    ['spotify()', spotify, {}],
    ['first argument', { id: 'x' }, {}],
    ['clientId', spotify(), {}],
    ['SPOTIFY_CLIENT_SECRET', spotify({ clientId: 'a' }), {}],
    ['timeoutMs', oauthProvider(), { timeoutMs: 0 }],
    ['timeoutMs', oauthProvider(), { timeoutMs: Number.NaN }],
    ['timeoutMs', oauthProvider(), { timeoutMs: '5' as unknown as number }],
    ['Did you mean "timeoutMs"', oauthProvider(), { timeout: 1 } as OAuthClientOptions],
    ['dispatcher', oauthProvider(), { dispatcher: {} } as OAuthClientOptions],
    ['object', oauthProvider(), null as unknown as OAuthClientOptions],
  ])('says what is wrong: %s', (words, provider, options) => {
    const make = (): OAuthClient => new OAuthClient(provider as Provider, options)
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_options' }))
    expect(make).toThrow(words)
  })

  it('knows the id of its provider in its type', () => {
    const client = new OAuthClient(spotify({ id: 'music', clientId: 'a', clientSecret: 'b' }))
    const id: 'music' = client.provider.id
    expect(id).toBe('music')
  })

  it('case 99: shows no secret when it is printed', () => {
    const clientSecret = 'the-client-secret-SECRET'
    const client = new OAuthClient(
      oauth2({
        id: 'example',
        authorizationEndpoint: 'https://as.example/a',
        tokenEndpoint: 'https://as.example/t',
        resourceOrigins: [],
        clientId: 'a',
        clientSecret,
      }),
    )
    const printed = inspect(client, { depth: 9, showHidden: true, getters: true }) + JSON.stringify(client)
    expect(client.provider).toMatchObject({ id: 'example', clientId: 'a' })
    expect(printed).not.toContain('SECRET')
  })
})
