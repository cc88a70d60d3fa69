import { describe, expect, it } from 'vitest'
import { type Answer, rejection, type SentRequest } from './fake-server.fixture.ts'
import { clientFixture } from './protocol-client.fixture.ts'
import { oauthProvider, tokenSet } from './provider.fixture.ts'
import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'

const endpoint = 'POST https://as.example/revoke'

async function revoke(
  answer: Answer | ((request: SentRequest) => Answer),
  overrides: Partial<Provider> = {},
  tokens: TokenSet = tokenSet(),
): Promise<{ done: boolean; sent: (string | null)[]; server: ReturnType<typeof clientFixture>['server'] }> {
  const { client, server } = clientFixture(
    oauthProvider({ revocationEndpoint: 'https://as.example/revoke', ...overrides }),
  )
  server.on(endpoint, answer)
  const done = await client.revoke(tokens, { deadlineMs: 2_000 })
  const sent = server.to(endpoint).map(({ body }) => new URLSearchParams(body).get('token'))
  return { done, sent, server }
}

describe('ProtocolClient.revoke', () => {
  it('case 43: revokes the refresh token, authenticated, with nothing in the URL', async () => {
    const { done, server } = await revoke({ status: 200 })
    expect(done).toBe(true)
    const [sent] = server.requests
    expect(sent?.url).toBe('https://as.example/revoke')
    expect(sent?.headers.authorization).toMatch(/^Basic /)
    expect(sent?.body).toBe('token=refresh-token-1&token_type_hint=refresh_token')
  })

  it('revokes the access token where there is no other', async () => {
    const { refreshToken, ...tokens } = tokenSet()
    expect((await revoke({ status: 200 }, {}, tokens)).sent).toEqual(['access-token-1'])
  })

  it('revokes both where the server ends single tokens only', async () => {
    const { sent } = await revoke({ status: 200 }, { revocation: 'token' })
    expect(sent.toSorted()).toEqual(['access-token-1', 'refresh-token-1'])
  })

  it('case 43: has nothing to do without an endpoint', async () => {
    const { client, server } = clientFixture(oauthProvider())
    expect(await client.revoke(tokenSet(), { deadlineMs: 2_000 })).toBe(true)
    expect(server.requests).toHaveLength(0)
  })

  it('case 43: tries the access token when the server cannot revoke refresh tokens', async () => {
    const { done, sent } = await revoke(({ body }) =>
      body.includes('refresh') ? { status: 400, body: { error: 'unsupported_token_type' } } : { status: 200 },
    )
    expect(done).toBe(true)
    expect(sent).toEqual(['refresh-token-1', 'access-token-1'])
  })

  it('case 43: ends when the server can revoke neither', async () => {
    const { done, sent } = await revoke({ status: 400, body: { error: 'unsupported_token_type' } })
    expect(done).toBe(true)
    expect(sent).toHaveLength(2)
  })

  it.each([
    ['200', { status: 200 }, true],
    ['204', { status: 204 }, true],
    ['200 with HTML', { body: '<html>' }, true],
    ['400 invalid_token', { status: 400, body: { error: 'invalid_token' } }, true],
    ['401 invalid_client', { status: 401, body: { error: 'invalid_client' } }, true],
    ['404', { status: 404 }, true],
    ['503 with Retry-After', { status: 503, headers: { 'retry-after': '5' } }, false],
    ['500', { status: 500 }, false],
    ['429', { status: 429 }, false],
    ['307', { status: 307, headers: { location: 'https://evil.example' } }, false],
    ['a refused connection', 'refused', false],
    ['a cut connection', 'cut', false],
    ['a huge answer', { body: 'x'.repeat(300_000) }, false],
  ] as const)('case 43: after %s nothing is left to do: %s', async (_name, answer, done) => {
    expect((await revoke(answer)).done).toBe(done)
  })

  it('case 43: takes a token that is already dead for revoked, and logs nothing', async () => {
    const { done, server } = await revoke({ status: 400, body: { error: 'invalid_token' } })
    expect(done).toBe(true)
    expect(server.logged).toEqual([])
  })

  it('case 43: logs a refusal without the token', async () => {
    const { server } = await revoke({ status: 403, body: { error: 'refresh-token-1' } })
    expect(server.logged).toEqual([expect.objectContaining({ event: 'revocation.refused', status: 403 })])
    expect(JSON.stringify(server.logged)).not.toContain('token-1')
  })

  it('case 43: waits no longer than it was told', async () => {
    const { client, server } = clientFixture(
      oauthProvider({ revocationEndpoint: 'https://as.example/revoke' }),
    )
    server.on(endpoint, 'silent')
    const done = client.revoke(tokenSet(), { deadlineMs: 2_000 })
    await new Promise(setImmediate)
    server.clock.advance(2)
    expect(await done).toBe(false)
  })
})

describe('ProtocolClient.sendRevocations', () => {
  const revocationEndpoint = 'https://as.example/revoke'

  async function outcomes(
    answer: Answer,
    what: Parameters<ReturnType<typeof clientFixture>['client']['sendRevocations']>[0] = tokenSet(),
    overrides: Partial<Provider> = {},
  ): Promise<{ outcomes: unknown; sent: readonly SentRequest[] }> {
    const { client, server } = clientFixture(oauthProvider({ revocationEndpoint, ...overrides }))
    server.on(endpoint, answer)
    return { outcomes: await client.sendRevocations(what), sent: server.to(endpoint) }
  }

  it('says that there is no endpoint', async () => {
    const { client } = clientFixture(oauthProvider())
    expect(await client.sendRevocations(tokenSet())).toBe(undefined)
  })

  it('proves the client by the method of the revocation endpoint, where it has its own', async () => {
    const { sent } = await outcomes({}, { token: 'one-token' }, { revocationClientAuth: { method: 'none' } })
    expect(sent[0]?.headers).not.toHaveProperty('authorization')
    expect(sent[0]?.body).toBe('token=one-token&client_id=client-1')
  })

  it('sends a hint only when it has one', async () => {
    const { sent } = await outcomes({}, { token: 'one-token', hint: 'access_token' })
    expect(sent.map(({ body }) => body)).toEqual(['token=one-token&token_type_hint=access_token'])
  })

  it.each<[string, Answer, unknown]>([
    ['200', {}, { kind: 'done' }],
    ['200 with an error', { body: { error: 'token_not_yours' } }, { kind: 'refused', status: 200 }],
    ['a token that is dead already', { status: 400, body: { error: 'invalid_token' } }, { kind: 'done' }],
    [
      'a kind of token that it cannot revoke',
      { status: 400, body: { error: 'unsupported_token_type' } },
      { kind: 'unsupported', status: 400, oauth: { error: 'unsupported_token_type' } },
    ],
    [
      'a refusal',
      { status: 403, body: { error: 'odd', error_description: 'one-token' } },
      { kind: 'refused', status: 403, oauth: { error: 'odd', description: '***' } },
    ],
    [
      '429',
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'try_again', reason: 'rate_limited', status: 429, retryAfterSeconds: 7 },
    ],
    ['503', { status: 503 }, { kind: 'try_again', reason: 'server_error', status: 503 }],
    ['307', { status: 307 }, { kind: 'try_again', reason: 'garbage', status: 307 }],
    ['a cut connection', 'cut', { kind: 'try_again', reason: 'network' }],
  ])('tells what became of it: %s', async (_name, answer, expected) => {
    expect((await outcomes(answer, { token: 'one-token' })).outcomes).toEqual([
      expect.objectContaining(expected),
    ])
  })

  it('throws when the client cannot prove itself', async () => {
    const { clientSecret, ...secretless } = oauthProvider({ revocationEndpoint })
    const { client } = clientFixture(secretless)
    expect(await rejection(client.sendRevocations(tokenSet()))).toMatchObject({ code: 'invalid_options' })
  })
})
