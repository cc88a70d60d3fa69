import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { rejection } from './fake-server.fixture.ts'
import { ecKey } from './id-token.fixture.ts'
import { clientFixture, idToken, tokenEndpoint } from './protocol-client.fixture.ts'
import { oauthProvider, openidProvider, tokenSet } from './provider.fixture.ts'

const exchange = {
  code: 'code-SECRET',
  redirectUri: 'https://app.example/callback',
  codeVerifier: 'verifier-SECRET',
  nonce: 'nonce-1',
  scope: ['read'],
}
const tokens = { access_token: 'at1', refresh_token: 'rt1', token_type: 'Bearer', expires_in: 3600 }

describe('ProtocolClient.exchangeCode', () => {
  it('sends the code once, form-encoded, with nothing in the URL', async () => {
    const { client, server } = clientFixture(oauthProvider(), { body: tokens })
    const answer = await client.exchangeCode(exchange)
    expect(answer.tokens).toMatchObject({ accessToken: 'at1', refreshToken: 'rt1', scope: ['read'] })
    expect(answer.raw).toEqual(tokens)
    expect(server.requests).toHaveLength(1)
    const [sent] = server.requests
    expect(sent?.url).toBe('https://as.example/token')
    expect(sent?.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({
      grant_type: 'authorization_code',
      code: 'code-SECRET',
      redirect_uri: 'https://app.example/callback',
      code_verifier: 'verifier-SECRET',
    })
  })

  it('sends JSON, extra parameters and extra headers where the preset says so', async () => {
    const provider = oauthProvider({
      tokenBodyFormat: 'json',
      tokenParams: { owner: 'user', grant_type: 'evil' },
      tokenHeaders: { 'Notion-Version': '2022-06-28', Authorization: 'evil' },
      pkce: 'never',
    })
    const { client, server } = clientFixture(provider, { body: tokens })
    await client.exchangeCode(exchange)
    const [sent] = server.requests
    expect(sent?.headers).toMatchObject({
      'content-type': 'application/json',
      'notion-version': '2022-06-28',
      authorization: expect.stringMatching(/^Basic /),
    })
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      owner: 'user',
      grant_type: 'authorization_code',
      code: 'code-SECRET',
      redirect_uri: 'https://app.example/callback',
    })
  })

  it.each([
    [{ status: 400, body: { error: 'invalid_grant' } }, 'invalid_callback', 'code_refused'],
    [{ status: 200, body: { error: 'bad_verification_code' } }, 'invalid_callback', 'code_refused'],
    [{ status: 401, body: { error: 'invalid_client' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 400, body: { error: 'invalid_scope' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 400, body: { error: 'redirect_uri_mismatch' } }, 'as_misconfigured', 'client_fault'],
    [{ status: 500 }, 'as_unavailable', 'server_error'],
    [{ status: 429 }, 'as_unavailable', 'rate_limited'],
    [{ status: 307, headers: { location: 'https://evil.example' } }, 'as_unavailable', 'garbage'],
    [{ body: '<html>' }, 'as_unavailable', 'garbage'],
    [{ body: 'x'.repeat(300_000) }, 'as_unavailable', 'garbage'],
    ['refused', 'as_unavailable', 'network'],
    ['cut', 'as_unavailable', 'network'],
  ] as const)('case 78: never tries again: %j is %s', async (answer, code, reason) => {
    const { client, server } = clientFixture(oauthProvider(), answer)
    expect(await rejection(client.exchangeCode(exchange))).toMatchObject({ code, reason })
    expect(server.requests).toHaveLength(1)
  })

  it.each([
    [{ status: 400, body: { error: 'invalid_grant' } }, 400],
    [{ status: 401, body: { error: 'invalid_client' } }, 401],
    [{ status: 503 }, 503],
    [{ body: '<html>' }, 200],
    ['cut', undefined],
  ] as const)('says of %j that the server answered %s', async (answer, asStatus) => {
    const { client } = clientFixture(oauthProvider(), answer)
    const error = await rejection(client.exchangeCode(exchange))
    expect(LatchkeyError.is(error) && error.asStatus).toBe(asStatus)
  })

  it('case 79: gives up after 10 seconds', async () => {
    const { client, server } = clientFixture(oauthProvider(), 'silent')
    const failure = rejection(client.exchangeCode(exchange))
    await new Promise(setImmediate)
    server.clock.advance(10)
    expect(await failure).toMatchObject({ code: 'as_unavailable', reason: 'timeout' })
  })

  it('case 97: no error repeats code, verifier or secret, even when the server does', async () => {
    const description = 'code-SECRET verifier-SECRET client-secret-1'
    const { client } = clientFixture(oauthProvider(), {
      status: 400,
      body: { error: 'invalid_grant', error_description: description },
    })
    const error = await rejection(client.exchangeCode(exchange))
    const printed =
      inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(error)
    expect(printed).not.toMatch(/SECRET|client-secret-1/)
  })

  it('case 99: printing a client shows no secret', () => {
    const { client } = clientFixture(oauthProvider())
    expect(inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client)).not.toContain(
      'client-secret-1',
    )
  })

  it('verifies the ID token and remembers whose it is', async () => {
    const jwt = idToken()
    const { client } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    const answer = await client.exchangeCode(exchange)
    expect(answer.claims).toMatchObject({ iss: 'https://as.example', sub: 'user-1' })
    expect(answer.tokens).toMatchObject({
      idToken: jwt,
      identity: { issuer: 'https://as.example', subject: 'user-1' },
    })
  })

  it.each([
    ['missing', undefined, 'id_token_missing'],
    ['of another login', idToken({ nonce: 'nonce-2' }), 'id_token_nonce'],
    ['of another client', idToken({ aud: 'client-2' }), 'id_token_aud'],
    ['signed by nobody', idToken({}, ecKey('ec-1')), 'id_token_signature'],
  ])('case 9: refuses an ID token that is %s', async (_name, jwt, reason) => {
    const { client } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    expect(await rejection(client.exchangeCode(exchange))).toMatchObject({ code: 'invalid_callback', reason })
  })
})

describe('ProtocolClient.refresh', () => {
  const identity = { issuer: 'https://as.example', subject: 'user-1' }

  it('sends the refresh token once and keeps it when no new one comes', async () => {
    const { client, server } = clientFixture(oauthProvider(), { body: { access_token: 'at2' } })
    const answer = await client.refresh(tokenSet(), { deadlineMs: 10_000 })
    expect(answer).toMatchObject({
      kind: 'token_set',
      tokens: { accessToken: 'at2', refreshToken: 'refresh-token-1' },
    })
    expect(server.requests.map(({ body }) => body)).toEqual([
      'grant_type=refresh_token&refresh_token=refresh-token-1',
    ])
  })

  it('asks for less scope where it is told to, and knows what it got', async () => {
    const { client, server } = clientFixture(oauthProvider(), { body: { access_token: 'at2' } })
    const params = { resource: 'https://api.example', grant_type: 'password', refresh_token: 'evil' }
    const answer = await client.refresh(tokenSet({ scope: ['read', 'write'] }), {
      deadlineMs: 10_000,
      scope: ['read'],
      params,
    })
    expect(answer).toMatchObject({ kind: 'token_set', tokens: { scope: ['read'] } })
    expect(Object.fromEntries(new URLSearchParams(server.requests[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-token-1',
      scope: 'read',
      resource: 'https://api.example',
    })
  })

  it.each([
    ['refused', 'network', 'not_processed'],
    ['cut', 'network', 'unknown'],
    [{ body: 'x'.repeat(300_000) }, 'garbage', 'unknown'],
    [{ headers: { 'content-encoding': 'gzip' }, body: 'x' }, 'garbage', 'unknown'],
  ] as const)('says of %j that it failed by %s, %s', async (given, reason, outcome) => {
    const { client } = clientFixture(oauthProvider(), given)
    expect(await client.refresh(tokenSet(), { deadlineMs: 10_000 })).toEqual({
      kind: 'retry',
      reason,
      outcome,
    })
  })

  it('says timeout, outcome unknown, when the deadline passes', async () => {
    const { client, server } = clientFixture(oauthProvider(), 'silent')
    const answer = client.refresh(tokenSet(), { deadlineMs: 4_000 })
    await new Promise(setImmediate)
    server.clock.advance(4)
    expect(await answer).toEqual({ kind: 'retry', reason: 'timeout', outcome: 'unknown' })
  })

  it('sends nothing while discovery is down', async () => {
    const { client, server } = clientFixture(openidProvider())
    server.on('GET https://as.example/.well-known/openid-configuration', { status: 503 })
    expect(await client.refresh(tokenSet(), { deadlineMs: 10_000 })).toMatchObject({
      kind: 'retry',
      outcome: 'not_processed',
    })
    expect(server.to(tokenEndpoint)).toHaveLength(0)
  })

  it('takes a new ID token of the same user, without nonce', async () => {
    const jwt = idToken({ nonce: undefined })
    const { client } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    const answer = await client.refresh(tokenSet({ identity, idToken: idToken() }), { deadlineMs: 10_000 })
    expect(answer).toMatchObject({ kind: 'token_set', tokens: { idToken: jwt, identity } })
  })

  it.each([
    ['another subject', idToken({ sub: 'user-2', nonce: undefined })],
    ['another issuer', idToken({ iss: 'https://evil.example', nonce: undefined })],
  ])('case 82: an ID token of %s ends the grant', async (_name, jwt) => {
    const { client } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    const answer = await client.refresh(tokenSet({ identity, idToken: idToken() }), { deadlineMs: 10_000 })
    expect(answer).toEqual({ kind: 'identity_changed' })
  })

  it.each([
    ['another nonce', idToken({ nonce: 'nonce-2' })],
    ['another key', idToken({ nonce: undefined }, ecKey('ec-1'))],
    ['nonsense in it', 'x.y.z'],
  ])('case 82: of an answer whose ID token has %s only the refresh token is kept', async (_name, jwt) => {
    const { client } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    const answer = await client.refresh(tokenSet({ identity, idToken: idToken() }), { deadlineMs: 10_000 })
    expect(answer).toEqual({ kind: 'retry', reason: 'garbage', outcome: 'unknown', refreshToken: 'rt1' })
  })

  it('keeps the tokens and the old ID token when no keys can be had', async () => {
    const jwt = idToken({ nonce: undefined })
    const { client, server } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    server.on('GET https://as.example/jwks', 'refused')
    const previous = tokenSet({ identity, idToken: idToken() })
    const answer = await client.refresh(previous, { deadlineMs: 10_000 })
    expect(answer).toMatchObject({
      kind: 'token_set',
      tokens: { accessToken: 'at1', idToken: previous.idToken, identity },
    })
  })

  it('does not take an answer about somebody else on trust when no keys can be had', async () => {
    const jwt = idToken({ sub: 'user-2', nonce: undefined })
    const { client, server } = clientFixture(openidProvider(), { body: { ...tokens, id_token: jwt } })
    server.on('GET https://as.example/jwks', 'refused')
    const answer = await client.refresh(tokenSet({ identity, idToken: idToken() }), { deadlineMs: 10_000 })
    expect(answer).toMatchObject({ kind: 'retry', reason: 'garbage', refreshToken: 'rt1' })
  })

  it('case 68: says client_fault when the secret is wrong', async () => {
    const { client } = clientFixture(oauthProvider(), { status: 401, body: { error: 'invalid_client' } })
    expect((await client.refresh(tokenSet(), { deadlineMs: 10_000 })).kind).toBe('client_fault')
  })
})

describe('ProtocolClient.identity', () => {
  it('case 54: tells issuers, token endpoints and clients apart, and ids of providers not', () => {
    const identityOf = (overrides: object): string =>
      clientFixture(oauthProvider(overrides)).client.identity()
    expect(identityOf({ id: 'other' })).toBe(identityOf({}))
    expect(identityOf({ clientId: 'client-2' })).not.toBe(identityOf({}))
    expect(identityOf({ tokenEndpoint: 'https://evil.example/token' })).not.toBe(identityOf({}))
    expect(clientFixture(openidProvider()).client.identity()).not.toBe(identityOf({}))
  })
})
