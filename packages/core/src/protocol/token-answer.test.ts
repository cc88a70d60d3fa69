import { describe, expect, it } from 'vitest'
import { oauthProvider, tokenSet } from './provider.fixture.ts'
import { good, read, receivedAt, tokensOf } from './token-answer.fixture.ts'
import { readTokenAnswer } from './token-answer.ts'

describe('readTokenAnswer with a token set', () => {
  it('reads the fields of RFC 6749 §5.1', () => {
    expect(tokensOf(read({ body: good }))).toEqual({
      accessToken: 'at2',
      refreshToken: 'rt2',
      tokenType: 'Bearer',
      expiresAt: receivedAt + 3600,
      receivedAt,
      scope: ['read'],
    })
  })

  it('reads a token set whatever the content type says', () => {
    const answer = read({ body: good, headers: { 'content-type': 'text/html' } })
    expect(tokensOf(answer).accessToken).toBe('at2')
  })

  it('reads a form-encoded answer when the content type says so', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const answer = read({ headers, body: 'access_token=at2&scope=repo%2Cgist&token_type=bearer' })
    expect(tokensOf(answer)).toMatchObject({ accessToken: 'at2', scope: ['repo', 'gist'] })
  })

  it('reads the names of the preset, down dotted paths', () => {
    const tokenAnswer = { accessToken: 'authed_user.accessToken', refreshToken: 'authed_user.refreshToken' }
    const answer = read({
      body: { authed_user: { accessToken: 'at2', refreshToken: 'rt2' } },
      provider: { tokenAnswer },
    })
    expect(tokensOf(answer)).toMatchObject({ accessToken: 'at2', refreshToken: 'rt2' })
  })

  it('takes the exact name before it descends', () => {
    const answer = read({
      body: { 'https://x.example/token': 'at2' },
      provider: { tokenAnswer: { accessToken: 'https://x.example/token' } },
    })
    expect(tokensOf(answer).accessToken).toBe('at2')
  })

  it('prefers expires_at where the preset has one', () => {
    const answer = read({
      body: { access_token: 'a', expires_at: receivedAt + 60, expires_in: 7 },
      provider: { tokenAnswer: { expiresAt: 'expires_at' } },
    })
    expect(tokensOf(answer).expiresAt).toBe(receivedAt + 60)
  })
})

describe('readTokenAnswer with odd fields', () => {
  it.each([
    [3600, 3600],
    ['3600', 3600],
    [' 3600 ', 3600],
    [3599.9, 3599],
    ['3599.9', 3599],
    [1, 1],
    [1e12, 315_360_000],
    ['1000000000000', 315_360_000],
    [0, undefined],
    [0.5, undefined],
    ['0.9', undefined],
    [-1, undefined],
    ['-1', undefined],
    ['abc', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['', undefined],
    [null, undefined],
    [true, undefined],
    [[3600], undefined],
    [{}, undefined],
  ])('case 82: reads expires_in %j as %j seconds from receipt', (value, seconds) => {
    const { expiresAt } = tokensOf(read({ body: { access_token: 'a', expires_in: value } }))
    expect(expiresAt).toBe(seconds === undefined ? undefined : receivedAt + seconds)
  })

  it('case 82: knows no expiry when expires_in is missing', () => {
    expect(tokensOf(read({ body: { access_token: 'a' } }))).not.toHaveProperty('expiresAt')
  })

  it.each([{}, { refresh_token: '' }, { refresh_token: null }, { refresh_token: 'refresh-token-1' }])(
    'case 82: keeps the old refresh token when the answer has %j',
    (fields) => {
      expect(tokensOf(read({ body: { access_token: 'a', ...fields } })).refreshToken).toBe('refresh-token-1')
    },
  )

  it('case 82: replaces the refresh token by a new one', () => {
    expect(tokensOf(read({ body: { access_token: 'a', refresh_token: 'rt2' } })).refreshToken).toBe('rt2')
  })

  it('keeps the lifetime of a refresh token only with that token', () => {
    const previous = tokenSet({ refreshTokenExpiresAt: receivedAt + 99 })
    const expiryAfter = (fields: object): number | undefined =>
      tokensOf(read({ body: { access_token: 'a', ...fields }, previous })).refreshTokenExpiresAt
    expect(expiryAfter({})).toBe(receivedAt + 99)
    expect(expiryAfter({ refresh_token: 'rt2' })).toBeUndefined()
    expect(expiryAfter({ refresh_token: 'rt2', refresh_token_expires_in: 60 })).toBe(receivedAt + 60)
  })

  it.each([
    ['a b', ['a', 'b']],
    ['a,b', ['a', 'b']],
    ['a, b  c', ['a', 'b', 'c']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    ['a a', ['a']],
    ['narrower', ['narrower']],
    ['', ['read']],
    [null, ['read']],
    [7, ['read']],
    [[1, {}], ['read']],
    ['a\u0000 b', ['b']],
  ])('case 82: reads scope %j as %j', (scope, list) => {
    expect(tokensOf(read({ body: { access_token: 'a', scope } })).scope).toEqual(list)
  })

  it('takes the requested scope at a first answer that names none (RFC 6749 §5.1)', () => {
    const answer = readTokenAnswer(
      { status: 200, headers: {}, body: Buffer.from('{"access_token":"a"}') },
      { provider: oauthProvider(), requestedScope: ['asked'], receivedAt },
    )
    expect(tokensOf(answer).scope).toEqual(['asked'])
  })

  it.each([
    [undefined, 'Bearer'],
    [null, 'Bearer'],
    ['', 'Bearer'],
    ['bearer', 'bearer'],
    ['BEARER', 'BEARER'],
  ])('case 80: reads token_type %j as %j', (type, read_) => {
    expect(tokensOf(read({ body: { access_token: 'a', token_type: type } })).tokenType).toBe(read_)
  })

  it('drops an ID token that no issuer could verify', () => {
    expect(tokensOf(read({ body: { access_token: 'a', id_token: 'x.y.z' } }))).not.toHaveProperty('idToken')
  })
})

const text = (value: unknown): string => JSON.stringify(value)

describe('readTokenAnswer with an error', () => {
  it.each([200, 400, 401, 403, 404, 429, 500, 503])(
    'takes invalid_grant at %i for a dead refresh token',
    (status) => {
      expect(read({ status, body: { error: 'invalid_grant', error_description: 'revoked' } })).toEqual({
        kind: 'dead',
        oauth: { error: 'invalid_grant', description: 'revoked' },
        status,
      })
    },
  )

  it('takes what the preset says for a dead refresh token, status included', () => {
    const provider = { deadRefresh: [{ error: 'invalid_request', status: 401 }] }
    expect(read({ status: 401, body: { error: 'invalid_request' }, provider }).kind).toBe('dead')
    expect(read({ status: 400, body: { error: 'invalid_request' }, provider }).kind).toBe('refused')
    expect(read({ status: 400, body: { error: 'invalid_grant' }, provider }).kind).toBe('refused')
  })

  it('finds the error where the preset says it is', () => {
    const provider = { tokenAnswer: { error: 'message' }, deadRefresh: [{ error: 'Invalid refresh token' }] }
    const body = { status: 400, message: 'Invalid refresh token' }
    expect(read({ status: 400, body, provider }).kind).toBe('dead')
  })

  it.each([
    'invalid_client',
    'unauthorized_client',
    'unsupported_grant_type',
    'incorrect_client_credentials',
  ])('takes %s for a fault of the client', (error) => {
    for (const status of [200, 400, 401, 403]) {
      expect(read({ status, body: { error } })).toEqual({ kind: 'client_fault', oauth: { error }, status })
    }
  })

  it.each([
    [200, { error: 'bad_verification_code' }, 'bad_verification_code'],
    [400, { error: 'invalid_request' }, 'invalid_request'],
    [403, { error: 'access_denied' }, 'access_denied'],
    [404, { error: 'not_found' }, 'not_found'],
    [400, { error: { message: 'expired', type: 'OAuthException', code: 190 } }, 'OAuthException'],
    [401, { error: { status: 401, message: 'no' } }, '401'],
    [400, { error: [] }, 'unrecognized_error'],
    [400, { error: 7 }, 'unrecognized_error'],
    [200, { ok: false, error: 'token_revoked' }, 'token_revoked'],
  ])('takes %i %j for a refusal', (status, body, error) => {
    expect(read({ status, body })).toMatchObject({ kind: 'refused', oauth: { error } })
  })

  it.each([null, '', false])('takes error: %j beside a token set for no error', (error) => {
    expect(read({ body: { access_token: 'a', error } }).kind).toBe('token_set')
  })

  it('takes a 401 without a readable error for a fault of the client (RFC 6749 §5.2)', () => {
    for (const body of ['', '<html>', '{"message":"no"}']) {
      expect(read({ status: 401, body })).toEqual({
        kind: 'client_fault',
        oauth: { error: 'invalid_client' },
        status: 401,
      })
    }
  })

  it.each([400, 403, 404, 405, 410, 418])('takes %i without a readable error for garbage', (status) => {
    for (const body of ['', '<html>', '{"message":"no"}', '[]']) {
      expect(read({ status, body })).toEqual({
        kind: 'retry',
        reason: 'garbage',
        outcome: 'not_processed',
        status,
      })
    }
  })

  it('case 99: hands on error texts cut, on one line, and without what we sent', () => {
    const answer = readTokenAnswer(
      {
        status: 400,
        headers: {},
        body: Buffer.from(
          text({ error: 'odd\r\n', error_description: `rt-secret \u001b[31m\n${'x'.repeat(10_240)}` }),
        ),
      },
      { provider: oauthProvider(), requestedScope: [], receivedAt, secrets: ['rt-secret'] },
    )
    if (answer.kind !== 'refused') throw new Error('expected a refusal')
    expect(answer.oauth.error).toBe('odd\uFFFD\uFFFD')
    expect(answer.oauth.description).toMatch(/^\*\*\* \uFFFD\[31m\uFFFDx+$/)
    expect(answer.oauth.description).toHaveLength(200)
  })
})

describe('readTokenAnswer with a status that decides', () => {
  it.each([301, 302, 303, 307, 308])('case 53: takes %i for not processed, whatever its body', (status) => {
    for (const body of [good, '{"error":"invalid_grant"}', '']) {
      const answer = read({ status, body, headers: { location: 'https://evil.example/' } })
      expect(answer).toEqual({ kind: 'retry', reason: 'garbage', outcome: 'not_processed', status })
    }
  })

  it.each([
    [408, 'timeout'],
    [425, 'server_error'],
    [429, 'rate_limited'],
  ])('case 78: takes %i for not processed', (status, reason) => {
    const expected = { kind: 'retry', reason, outcome: 'not_processed', retryAfterSeconds: 7, status }
    const headers = { 'retry-after': '7' }
    expect(read({ status, headers })).toEqual(expected)
    for (const error of ['too_many_requests', 'slow_down']) {
      expect(read({ status, body: { error }, headers })).toEqual({ ...expected, oauth: { error } })
    }
  })

  it.each([500, 502, 503, 504, 599])(
    'case 78: takes %i for unknown, and with Retry-After for not processed',
    (status) => {
      const errors = [{ error: 'server_error' }, { error: 'invalid_request' }]
      const named = errors.map((body) => ({ body, oauth: { oauth: body } }))
      const unnamed = ['', '<html>', good].map((body) => ({ body, oauth: {} }))
      for (const { body, oauth } of [...named, ...unnamed]) {
        const expected = { kind: 'retry', reason: 'server_error', status, ...oauth }
        expect(read({ status, body })).toEqual({ ...expected, outcome: 'unknown' })
        expect(read({ status, body, headers: { 'retry-after': '3' } })).toEqual({
          ...expected,
          outcome: 'not_processed',
          retryAfterSeconds: 3,
        })
      }
    },
  )

  it.each([
    ['temporarily_unavailable', 'not_processed'],
    ['server_error', 'unknown'],
  ])('takes %s at 400 for the server’s own trouble', (error, outcome) => {
    const expected = { kind: 'retry', reason: 'server_error', outcome, status: 400, oauth: { error } }
    expect(read({ status: 400, body: { error } })).toEqual(expected)
  })

  it.each([
    ['0', 1],
    ['120', 120],
    ['999999', 3600],
    ['Fri, 15 Jan 2027 08:00:30 GMT', 30],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 1],
    ['-5', undefined],
    ['soon', undefined],
    ['1.5', undefined],
    ['', undefined],
  ])('reads Retry-After %j as %j seconds', (value, seconds) => {
    const answer = read({ status: 429, headers: { 'retry-after': value } })
    expect('retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined).toBe(seconds)
  })
})

describe('readTokenAnswer and prototypes', () => {
  it('case 85: leaves no way to a prototype', () => {
    const body =
      '{"access_token":"a","__proto__":{"admin":true,"expires_in":1},"constructor":{"prototype":{"admin":true}}}'
    const answer = read({ body })
    expect(tokensOf(answer).expiresAt).toBeUndefined()
    if (answer.kind !== 'token_set') throw new Error('expected a token set')
    expect(Object.hasOwn(answer.raw, '__proto__')).toBe(false)
    expect(Object.assign({}, answer.raw)).not.toHaveProperty('admin')
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
  })

  it.each(['constructor.name', '__proto__.constructor', 'toString', 'x.length', 'x.constructor'])(
    'case 85: a preset’s path %s reads own properties only',
    (path) => {
      const answer = read({ body: { x: { y: 1 } }, provider: { tokenAnswer: { accessToken: path } } })
      expect(answer).toMatchObject({ kind: 'retry', reason: 'garbage' })
    },
  )
})
