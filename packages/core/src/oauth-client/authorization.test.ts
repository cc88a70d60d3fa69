import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { AuthorizationUrlRequest, PendingAuthorization } from '../oauth-client.ts'
import { rejection } from '../protocol/fake-server.fixture.ts'
import { idToken, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import { discoveryDocument, oauthProvider, openidProvider } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'
import { callbackOf, formOf, redirectUri, standalone } from './oauth-client.fixture.ts'

const tokens = { access_token: 'at1', refresh_token: 'rt1', token_type: 'Bearer', expires_in: 3600 }

async function queryOf(
  request: Partial<AuthorizationUrlRequest> = {},
  overrides: Partial<Provider> = {},
): Promise<Record<string, string>> {
  const { client } = standalone(oauthProvider(overrides))
  const { url } = await client.authorizationUrl({ redirectUri, ...request })
  return Object.fromEntries(new URL(url).searchParams)
}

describe('OAuthClient.authorizationUrl', () => {
  it('draws state, nonce and verifier anew, 256 bits each, and sends state and challenge (RFC 7636 §4)', async () => {
    const { client, server } = standalone()
    const one = await client.authorizationUrl({ redirectUri })
    const two = await client.authorizationUrl({ redirectUri })
    const drawn = [one, two].flatMap(({ state, nonce, codeVerifier }) => [state, nonce, codeVerifier])
    expect(new Set(drawn).size).toBe(6)
    for (const value of drawn) expect(value).toMatch(/^[\w-]{43}$/)
    expect(Object.fromEntries(new URL(one.url).searchParams)).toEqual({
      response_type: 'code',
      client_id: 'client-1',
      redirect_uri: redirectUri,
      scope: 'read',
      state: one.state,
      code_challenge: createHash('sha256').update(one.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
    expect(one.url).not.toContain(one.codeVerifier)
    expect(server.requests).toEqual([])
  })

  it('returns what the callback needs, as plain data', async () => {
    const { client } = standalone()
    const pending = await client.authorizationUrl({ redirectUri })
    expect(Object.keys(pending).sort()).toEqual([
      'codeVerifier',
      'nonce',
      'redirectUri',
      'scope',
      'state',
      'url',
    ])
    expect(JSON.parse(JSON.stringify(pending))).toEqual(pending)
    expect(pending).toMatchObject({ redirectUri, scope: ['read'] })
  })

  it('asks for the scope of the preset, for another, or for none', async () => {
    expect(await queryOf()).toHaveProperty('scope', 'read')
    expect(await queryOf({ scope: ['write', 'admin'] })).toHaveProperty('scope', 'write admin')
    expect(await queryOf({ scope: [] })).not.toHaveProperty('scope')
    expect(await queryOf({ scope: [] }, { sendEmptyScope: true })).toHaveProperty('scope', '')
  })

  it('keeps the query of the endpoint', async () => {
    const authorizationEndpoint = 'https://as.example/authorize?tenant=a%26b'
    expect(await queryOf({}, { authorizationEndpoint })).toMatchObject({
      tenant: 'a&b',
      client_id: 'client-1',
    })
  })

  it('sends prompt and further parameters', async () => {
    const params = { show_dialog: 'true' }
    expect(await queryOf({ prompt: 'login', params })).toMatchObject({ prompt: 'login', ...params })
  })

  it.each([
    'state',
    'redirect_uri',
    'code_challenge',
    'code_challenge_method',
    'scope',
    'nonce',
    'client_id',
  ])('lets no further parameter set %s', async (name) => {
    expect(await rejection(queryOf({ params: { [name]: 'evil' } }))).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(name),
    })
  })

  it('takes a state of the app that is long enough', async () => {
    expect(await queryOf({ state: 'app-state-0123456789' })).toHaveProperty('state', 'app-state-0123456789')
  })

  it.each(['', 'short', 'x'.repeat(15), 'with a line\nbreak in it', 7])(
    'refuses the state %j',
    async (state) => {
      const request = { state } as { state: string } // programs in JavaScript pass anything
      expect(await rejection(queryOf(request))).toMatchObject({ code: 'invalid_options' })
    },
  )

  it.each(['a b', 'a"b', '', 7])('refuses the scope [%j]', async (name) => {
    const request = { scope: [name] } as { scope: string[] } // programs in JavaScript pass anything
    expect(await rejection(queryOf(request))).toMatchObject({ code: 'invalid_options' })
  })

  it.each([
    'http://app.example/callback',
    'http://10.0.0.1/callback',
    'https://app.example/callback#part',
    '/callback',
    '',
    undefined,
  ])('refuses the redirect URI %j', async (uri) => {
    const request = { redirectUri: uri } as { redirectUri: string } // programs in JavaScript pass anything
    expect(await rejection(queryOf(request))).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('redirectUri'),
    })
  })

  it.each([
    'http://127.0.0.1:8080/callback',
    'http://[::1]:8080/',
    'http://localhost:8080/callback',
    'com.example.app:/callback',
    'urn:ietf:wg:oauth:2.0:oob',
  ])('takes the redirect URI %s as it is', async (uri) => {
    expect(await queryOf({ redirectUri: uri })).toHaveProperty('redirect_uri', uri)
  })

  it('refuses localhost where the server is known to', async () => {
    const rule = { redirectUriRule: 'loopback_literal' } as const
    for (const uri of ['http://localhost:80/callback', 'https://localhost/callback']) {
      expect(await rejection(queryOf({ redirectUri: uri }, rule))).toMatchObject({ code: 'invalid_options' })
    }
    expect(await queryOf({ redirectUri: 'http://127.0.0.1/' }, rule)).toHaveProperty('redirect_uri')
  })

  it('wants an object', async () => {
    const { client } = standalone()
    const missing = undefined as unknown as AuthorizationUrlRequest // programs in JavaScript pass anything
    expect(await rejection(client.authorizationUrl(missing))).toMatchObject({ code: 'invalid_options' })
  })
})

describe('OAuthClient.exchangeCode', () => {
  const started = async (
    fixture: ReturnType<typeof standalone>,
    request: Partial<AuthorizationUrlRequest> = {},
  ): Promise<PendingAuthorization> => fixture.client.authorizationUrl({ redirectUri, ...request })

  it.each<[string, (url: string) => string | URL | URLSearchParams]>([
    ['a URL as text', (url) => url],
    ['a URL', (url) => new URL(url)],
    ['a URL with a fragment, as Facebook sends', (url) => `${url}#_=_`],
    ['req.url', (url) => new URL(url).pathname + new URL(url).search],
    ['parameters', (url) => new URL(url).searchParams],
    ['the body of a form', (url) => new URL(url).search.slice(1)],
  ])('exchanges the code of %s once, with what was kept', async (_name, shaped) => {
    const fixture = standalone(oauthProvider(), { body: tokens })
    const pending = await started(fixture)
    const kept = JSON.parse(JSON.stringify(pending))
    const answer = await fixture.client.exchangeCode(shaped(callbackOf(pending)), kept)
    expect(answer).toEqual({
      tokens: {
        accessToken: 'at1',
        tokenType: 'Bearer',
        refreshToken: 'rt1',
        expiresAt: fixture.server.clock.now() + 3600,
        receivedAt: fixture.server.clock.now(),
        scope: ['read'],
      },
      raw: tokens,
    })
    expect(fixture.server.requests.map(formOf)).toEqual([
      {
        grant_type: 'authorization_code',
        code: 'code-SECRET',
        redirect_uri: redirectUri,
        code_verifier: pending.codeVerifier,
      },
    ])
  })

  it('sends further parameters, which replace none of its own', async () => {
    const fixture = standalone(oauthProvider(), { body: tokens })
    const pending = await started(fixture)
    await fixture.client.exchangeCode(callbackOf(pending), pending, { params: { audience: 'https://api' } })
    expect(formOf(fixture.server.requests[0])).toMatchObject({ audience: 'https://api', code: 'code-SECRET' })
    for (const name of ['code', 'code_verifier', 'redirect_uri', 'grant_type', 'client_id', 'scope']) {
      const params = { [name]: 'evil' }
      expect(
        await rejection(fixture.client.exchangeCode(callbackOf(pending), pending, { params })),
      ).toMatchObject({ code: 'invalid_options' })
    }
    expect(fixture.server.requests).toHaveLength(1)
  })

  it.each<[string, Record<string, string | undefined>]>([
    ['another', { state: 'another-state-0123456789' }],
    ['no', { state: undefined }],
    ['an empty', { state: '' }],
    ['another, beside an error', { state: 'x', code: undefined, error: 'access_denied' }],
  ])('case 1: sends nothing when the callback has %s state', async (_name, changes) => {
    const fixture = standalone()
    const pending = await started(fixture)
    const error = await rejection(fixture.client.exchangeCode(callbackOf(pending, changes), pending))
    expect(error).toMatchObject({ code: 'state_mismatch', status: 400 })
    expect(fixture.server.requests).toEqual([])
  })

  it('case 1: sends nothing when state is a part of the right one, or stands twice', async () => {
    const fixture = standalone()
    const pending = await started(fixture)
    const part = callbackOf(pending, { state: pending.state.slice(0, -1) })
    expect(await rejection(fixture.client.exchangeCode(part, pending))).toMatchObject({
      code: 'state_mismatch',
    })
    for (const twice of [`&state=${pending.state}`, '&state[]=a', '&code=b', '&iss=a&iss=a']) {
      const error = await rejection(fixture.client.exchangeCode(callbackOf(pending) + twice, pending))
      expect(error).toMatchObject({ code: 'invalid_callback', reason: 'duplicate' })
    }
    expect(fixture.server.requests).toEqual([])
  })

  it.each<[string, string | undefined]>([
    ['another', 'https://evil.example'],
    ['no', undefined],
    ['an empty', ''],
  ])('case 7: sends nothing when the callback has %s iss (RFC 9207 §2.4)', async (_name, iss) => {
    const fixture = standalone(openidProvider({ authorizationResponseIss: true }))
    const pending = await started(fixture)
    const error = await rejection(fixture.client.exchangeCode(callbackOf(pending, { iss }), pending))
    expect(error).toMatchObject({ code: 'invalid_callback', reason: 'iss' })
    expect(fixture.server.to(tokenEndpoint)).toEqual([])
  })

  it.each([
    ['access_denied', 'access_denied'],
    ['invalid_scope', 'as_misconfigured'],
    ['temporarily_unavailable', 'as_unavailable'],
    ['odd', 'invalid_callback'],
  ])('takes the error %s of the callback for %s', async (name, code) => {
    const fixture = standalone()
    const pending = await started(fixture)
    const callback = callbackOf(pending, { code: undefined, error: name, error_description: 'No.' })
    expect(await rejection(fixture.client.exchangeCode(callback, pending))).toMatchObject({
      code,
      oauth: { error: name, description: 'No.' },
    })
    expect(fixture.server.requests).toEqual([])
  })

  it('takes no parsed query: whoever sends it chooses what is in it', async () => {
    const fixture = standalone()
    const pending = await started(fixture)
    const query = { code: 'code', state: pending.state } as unknown as URLSearchParams // as `req.query` is
    expect(await rejection(fixture.client.exchangeCode(query, pending))).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('URLSearchParams'),
    })
  })

  it.each(['state', 'nonce', 'codeVerifier', 'redirectUri'] as const)(
    'case 1: exchanges nothing without the %s that was kept',
    async (name) => {
      const fixture = standalone()
      const pending = await started(fixture)
      for (const kept of [
        { ...pending, [name]: '' },
        { ...pending, [name]: undefined },
      ]) {
        const callback = callbackOf({ state: '' }, { state: kept.state })
        const error = await rejection(fixture.client.exchangeCode(callback, kept as typeof pending))
        expect(error).toMatchObject({ code: 'invalid_options', message: expect.stringContaining(name) })
      }
      expect(fixture.server.requests).toEqual([])
    },
  )

  it('verifies the ID token against what was kept, and returns its claims', async () => {
    const provider = openidProvider()
    const fixture = standalone(provider)
    const pending = await started(fixture)
    fixture.server.on(tokenEndpoint, { body: { ...tokens, id_token: idToken({ nonce: pending.nonce }) } })
    const answer = await fixture.client.exchangeCode(callbackOf(pending), pending)
    expect(answer.claims).toMatchObject({ sub: 'user-1', nonce: pending.nonce })
    expect(answer.tokens.identity).toEqual({ issuer: 'https://as.example', subject: 'user-1' })
    fixture.server.on(tokenEndpoint, { body: { ...tokens, id_token: idToken({ nonce: 'of-another' }) } })
    expect(await rejection(fixture.client.exchangeCode(callbackOf(pending), pending))).toMatchObject({
      code: 'invalid_callback',
      reason: 'id_token_nonce',
    })
  })

  it.each([
    [{ status: 400, body: { error: 'invalid_grant' } }, 'invalid_callback', 400],
    [{ status: 200, body: { error: 'bad_verification_code' } }, 'invalid_callback', 200],
    [{ status: 403, body: { error: 'invalid_grant' } }, 'invalid_callback', 403],
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 401],
    [{ status: 429, body: { error: 'too_many' } }, 'as_unavailable', 429],
    [{ status: 500, body: { error: 'server_error' } }, 'as_unavailable', 500],
  ] as const)('says of %j: %s, with error and status of the server', async (answer, code, asStatus) => {
    const fixture = standalone(oauthProvider(), answer)
    const pending = await started(fixture)
    const error = await rejection(fixture.client.exchangeCode(callbackOf(pending), pending))
    expect(error).toMatchObject({ code, asStatus, oauth: { error: answer.body.error } })
    expect(fixture.server.requests).toHaveLength(1)
  })

  it('tells a network that fails from a server that refuses', async () => {
    const fixture = standalone(oauthProvider(), 'cut')
    const pending = await started(fixture)
    const error = await rejection(fixture.client.exchangeCode(callbackOf(pending), pending))
    expect(error).toMatchObject({ code: 'as_unavailable', reason: 'network' })
    expect(error).not.toHaveProperty('asStatus')
    expect(error).not.toHaveProperty('oauth')
  })

  it('gives up after the time that it was given', async () => {
    const fixture = standalone(oauthProvider(), 'silent', { timeoutMs: 3_000 })
    const pending = await started(fixture)
    const failure = rejection(fixture.client.exchangeCode(callbackOf(pending), pending))
    await new Promise(setImmediate)
    fixture.server.clock.advance(3)
    expect(await failure).toMatchObject({ code: 'as_unavailable', reason: 'timeout' })
  })

  it("counts the preset's lifetime of refresh tokens from now", async () => {
    const fixture = standalone(oauthProvider({ refreshTokenLifetime: { months: 6 } }), { body: tokens })
    const pending = await started(fixture)
    const answer = await fixture.client.exchangeCode(callbackOf(pending), pending)
    // Half a year after 15 January 2027, 08:00 UTC, the fixture's clock.
    expect(answer.tokens.refreshTokenExpiresAt).toBe(Date.parse('2027-07-15T08:00:00Z') / 1000)
  })

  it('discovers once for both steps', async () => {
    const fixture = standalone(openidProvider({ scope: [] }))
    const pending = await started(fixture)
    expect(pending.url).toContain(`${discoveryDocument.authorization_endpoint}?`)
    await rejection(fixture.client.exchangeCode(callbackOf(pending), pending))
    expect(fixture.server.requests.map(({ method }) => method)).toEqual(['GET', 'POST'])
  })
})

describe('OAuthClient.exchangePastedCode', () => {
  it('exchanges a code that somebody pasted, tied to the sign-in by PKCE', async () => {
    const { client, server } = standalone(oauthProvider(), { body: tokens })
    const pending = await client.authorizationUrl({ redirectUri })
    const answer = await client.exchangePastedCode('  pasted-code\n', pending)
    expect(answer.tokens.accessToken).toBe('at1')
    expect(server.requests.map(formOf)).toEqual([
      expect.objectContaining({ code: 'pasted-code', code_verifier: pending.codeVerifier }),
    ])
  })

  it.each(['', 'https://app.example/callback?code=a', '/callback?code=a&state=b', undefined])(
    'takes no %j for a code',
    async (code) => {
      const { client, server } = standalone()
      const pending = await client.authorizationUrl({ redirectUri })
      const pasted = code as string // programs in JavaScript pass anything
      expect(await rejection(client.exchangePastedCode(pasted, pending))).toMatchObject({
        code: 'invalid_options',
      })
      expect(server.requests).toEqual([])
    },
  )
})
