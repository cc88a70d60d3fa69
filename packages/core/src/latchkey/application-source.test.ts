import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { Answer } from '../protocol/fake-server.fixture.ts'
import { clientFixture, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import { oauthProvider, tokenSet } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'
import { ApplicationSource, explained } from './application-source.ts'

const deadline = { deadlineMs: 10_000 }

function fixture(answer: Answer, overrides: Partial<Provider> = {}) {
  const { client, server } = clientFixture(oauthProvider(overrides), answer)
  return { source: new ApplicationSource(client, { scope: ['a'], audience: 'b' }), client, server }
}

describe('ApplicationSource', () => {
  it('mints instead of refreshing, whatever tokens there were (RFC 6749 §4.4.3)', async () => {
    const { source, server } = fixture({ body: { access_token: 'app-1', expires_in: 60 } })
    const old = tokenSet({ refreshToken: 'refresh-token-1' })
    expect(source.canRefresh()).toBe(true)
    expect(await source.refresh(old, deadline)).toEqual(await source.obtain(deadline))
    expect(server.to(tokenEndpoint).map(({ body }) => body)).toEqual([
      'grant_type=client_credentials&scope=a&audience=b',
      'grant_type=client_credentials&scope=a&audience=b',
    ])
  })

  it('keeps no refresh token that comes along', async () => {
    const body = { access_token: 'app-1', refresh_token: 'r-1', refresh_token_expires_in: 60 }
    const answer = await fixture({ body }).source.obtain(deadline)
    expect(answer.kind === 'token_set' && Object.keys(answer.tokens).toSorted()).toEqual([
      'accessToken',
      'receivedAt',
      'scope',
      'tokenType',
    ])
  })

  it('keeps none of an answer that is else unusable', async () => {
    const answer = await fixture({ body: { refresh_token: 'r-1' } }).source.obtain(deadline)
    expect(answer).toEqual({ kind: 'retry', reason: 'garbage', outcome: 'unknown', status: 200 })
  })

  it.each([
    ['unauthorized_client', 'refused'],
    ['unsupported_grant_type', 'refused'],
    ['invalid_scope', 'refused'],
    ['invalid_grant', 'refused'],
    ['invalid_client', 'client_fault'],
  ])('says of %s that it is %s: only the last is about all that this client has', async (error, kind) => {
    const answer = await fixture({ status: 400, body: { error } }).source.obtain(deadline)
    expect(answer).toEqual({ kind, oauth: { error }, status: 400 })
  })

  it.each([
    [{ exclusive: false, refreshEndsAccessToken: false }, false],
    [{ exclusive: false, refreshEndsAccessToken: true }, true],
    [{ exclusive: true, refreshEndsAccessToken: false }, true],
  ])('with %j: a mint ends the token in use: %s; no sign-in elsewhere brings another', (overrides, ends) => {
    const { source, client } = fixture('refused', overrides)
    expect(source.provider).toEqual({ ...client.provider, exclusive: false, refreshEndsAccessToken: ends })
    expect(source.identity()).toBe(client.identity())
  })
})

describe('explained', () => {
  const refused = new LatchkeyError('as_misconfigured', 'refused', {
    reason: 'application_refused',
    accountId: 'client-1',
    oauth: { error: 'invalid_scope' },
  })

  it.each([
    [{ scope: [] }, 'no scope and no audience'],
    [{ scope: ['a', 'b'] }, 'the scope "a b" and no audience'],
    [{ scope: [], audience: 'https://api' }, 'no scope and the audience "https://api"'],
    [{ scope: ['a'], audience: 'b' }, 'the scope "a" and the audience "b"'],
  ])('says of a refusal what was asked for: %j', (mint, text) => {
    const error = explained(refused, oauthProvider(), mint)
    expect(error).toMatchObject({
      code: 'as_misconfigured',
      provider: 'example',
      accountId: 'client-1',
      reason: 'application_refused',
      oauth: { error: 'invalid_scope' },
    })
    expect(String(error)).toContain(`Example refuses this client an application token with ${text}.`)
    expect(String(error)).toContain("auth.application('example', …)")
  })

  it('quotes neither control characters nor without end', () => {
    const message = String(
      explained(refused, oauthProvider(), { scope: [], audience: `a\n${'b'.repeat(999)}` }),
    )
    expect(message).not.toMatch(/\n|b{200}/)
  })

  it.each([
    new LatchkeyError('as_misconfigured', 'x', { reason: 'client_fault' }),
    new LatchkeyError('as_unavailable', 'x'),
    new TypeError('x'),
  ])('leaves every other error as it is: %s', (error) => {
    expect(explained(error, oauthProvider(), { scope: [] })).toBe(error)
  })
})
