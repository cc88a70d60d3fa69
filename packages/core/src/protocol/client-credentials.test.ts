import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { clientFixture, discoveryUrl, idToken, tokenEndpoint } from './protocol-client.fixture.ts'
import { oauthProvider, openidProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

const granted = { access_token: 'app-token-1', token_type: 'Bearer', expires_in: 3600 }
const deadline = { deadlineMs: 10_000 }

async function sentFor(
  request: { scope: readonly string[]; audience?: string },
  overrides: Partial<Provider> = {},
): Promise<Record<string, string>> {
  const { client, server } = clientFixture(oauthProvider(overrides), { body: granted })
  await client.mint(request, deadline)
  expect(server.requests).toHaveLength(1)
  return Object.fromEntries(new URLSearchParams(server.requests[0]?.body))
}

describe('ProtocolClient.mint', () => {
  it('sends one authenticated POST and returns the token set (RFC 6749 §4.4)', async () => {
    const { client, server } = clientFixture(oauthProvider(), { body: granted })
    expect(await client.mint({ scope: [] }, deadline)).toEqual({
      kind: 'token_set',
      tokens: {
        accessToken: 'app-token-1',
        tokenType: 'Bearer',
        receivedAt: server.clock.now(),
        expiresAt: server.clock.now() + 3600,
        scope: [],
      },
      raw: granted,
    })
    expect(server.requests).toEqual([
      expect.objectContaining({
        url: 'https://as.example/token',
        headers: expect.objectContaining({ authorization: expect.stringMatching(/^Basic /) }),
        body: 'grant_type=client_credentials',
      }),
    ])
  })

  it.each([
    ['none', { scope: [] }, {}, {}],
    ['an empty one where the preset wants it', { scope: [] }, { sendEmptyScope: true }, { scope: '' }],
    ['all of it, each once', { scope: ['a', 'b', 'a'] }, {}, { scope: 'a b' }],
    ['with the separator of the preset', { scope: ['a', 'b'] }, { scopeSeparator: ',' }, { scope: 'a,b' }],
    [
      'never openid',
      { scope: ['a'] },
      { issuer: 'https://as.example', jwksUri: 'https://x' },
      { scope: 'a' },
    ],
    ['and the audience', { scope: [], audience: 'https://api' }, {}, { audience: 'https://api' }],
  ] as const)('sends scope: %s', async (_name, request, overrides, expected) => {
    expect(await sentFor(request, overrides)).toEqual({ grant_type: 'client_credentials', ...expected })
  })

  it("lets the preset's parameters replace none of its own", async () => {
    const sent = await sentFor(
      { scope: ['a'], audience: 'b' },
      { tokenParams: { grant_type: 'password', scope: 'all', audience: 'c', resource: 'd' } },
    )
    expect(sent).toEqual({ grant_type: 'client_credentials', scope: 'a', audience: 'b', resource: 'd' })
  })

  it.each([
    [
      { status: 400, body: { error: 'invalid_grant' } },
      { kind: 'refused', oauth: { error: 'invalid_grant' } },
    ],
    [
      { status: 400, body: { error: 'invalid_scope' } },
      { kind: 'refused', oauth: { error: 'invalid_scope' } },
    ],
    [{ status: 401, body: { error: 'invalid_client' } }, { kind: 'client_fault' }],
    [{ status: 200, body: { error: 'incorrect_client_credentials' } }, { kind: 'client_fault' }],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'retry', retryAfterSeconds: 7 },
    ],
    [{ status: 500 }, { kind: 'retry', reason: 'server_error' }],
    [{ body: '<html>' }, { kind: 'retry', reason: 'garbage' }],
    ['refused', { kind: 'retry', reason: 'network', outcome: 'not_processed' }],
    ['cut', { kind: 'retry', reason: 'network', outcome: 'unknown' }],
  ] as const)('says of %j that it is %o, and asks no second time', async (answer, expected) => {
    const { client, server } = clientFixture(oauthProvider(), answer)
    expect(await client.mint({ scope: [] }, deadline)).toMatchObject(expected)
    expect(server.requests).toHaveLength(1)
  })

  it('says timeout when the deadline passes', async () => {
    const { client, server } = clientFixture(oauthProvider(), 'silent')
    const answer = client.mint({ scope: [] }, { deadlineMs: 4_000 })
    await new Promise(setImmediate)
    server.clock.advance(4)
    expect(await answer).toEqual({ kind: 'retry', reason: 'timeout', outcome: 'unknown' })
  })

  it('sends nothing while discovery is down', async () => {
    const { client, server } = clientFixture(openidProvider(), { body: granted })
    server.on(discoveryUrl, { status: 503 })
    expect(await client.mint({ scope: [] }, deadline)).toMatchObject({
      kind: 'retry',
      outcome: 'not_processed',
    })
    expect(server.to(tokenEndpoint)).toHaveLength(0)
  })

  it('says client_fault, without the network, when there is no secret', async () => {
    const { clientSecret, ...secretless } = oauthProvider()
    const { client, server } = clientFixture(secretless)
    expect((await client.mint({ scope: [] }, deadline)).kind).toBe('client_fault')
    expect(server.requests).toHaveLength(0)
  })

  it('drops an ID token: nobody signed in, and nobody verified it', async () => {
    const { client } = clientFixture(openidProvider(), { body: { ...granted, id_token: idToken() } })
    const answer = await client.mint({ scope: [] }, deadline)
    expect(answer.kind === 'token_set' && Object.keys(answer.tokens)).not.toContain('idToken')
  })

  it('case 97: repeats no client secret that an error quotes', async () => {
    const { client } = clientFixture(oauthProvider(), {
      status: 400,
      body: { error: 'invalid_request', error_description: 'you sent client-secret-1' },
    })
    expect(inspect(await client.mint({ scope: [] }, deadline), { depth: 9 })).not.toContain('client-secret-1')
  })
})
