import { describe, expect, it } from 'vitest'
import { type Tokens, tokenSetFrom } from './tokens.ts'

const defaults = { receivedAt: 1_800_000_000, scope: ['read'] }
const from = (tokens: unknown) => tokenSetFrom('auth.importAccount()', tokens as Tokens, defaults)

describe('tokenSetFrom', () => {
  it('takes what it is given, and the provider’s own scope and Bearer for the rest', () => {
    expect(from({ accessToken: 'access' })).toEqual({
      accessToken: 'access',
      tokenType: 'Bearer',
      receivedAt: 1_800_000_000,
      scope: ['read'],
    })
    const all = {
      accessToken: 'access',
      refreshToken: 'refresh',
      tokenType: 'DPoP',
      expiresAt: 1_800_003_600.5,
      scope: [],
      idToken: 'header.claims.signature',
      refreshTokenExpiresAt: 1_900_000_000,
    }
    expect(from({ ...all, authorizedAt: 1_700_000_000 })).toEqual({ ...all, receivedAt: 1_800_000_000 })
  })

  it.each([
    ['tokens must be an object, not nothing', undefined],
    ['tokens must be an object, not a string', 'access-secret'],
    ['tokens must be an object, not a list', ['access-secret']],
    [
      'tokens has access_token, a name of the wire. Here it is accessToken.',
      { access_token: 'access-secret' },
    ],
    [
      'tokens has refresh_token, a name of the wire. Here it is refreshToken.',
      { accessToken: 'access', refresh_token: 'refresh-secret' },
    ],
    [
      'tokens has expires_in, a name of the wire. Here it is expiresAt, in epoch seconds.',
      { accessToken: 'access', expires_in: 3600 },
    ],
    ['tokens.accessToken must be a token as text, not nothing', { accessToken: undefined }],
    ['tokens.accessToken must be a token as text, not text with', { accessToken: '' }],
    ['tokens.accessToken must be a token as text, not text with', { accessToken: 'access-secret\r\nx: y' }],
    ['tokens.accessToken must be a token as text, not text with', { accessToken: 'Bearer access-secret' }],
    ['tokens.accessToken must be a token as text, not text with', { accessToken: 'access-secret-\u00fc' }],
    [
      'tokens.refreshToken must be a token as text, not null',
      { accessToken: 'access-secret', refreshToken: null },
    ],
    ['tokens.tokenType must be a token', { accessToken: 'access-secret', tokenType: 7 }],
    ['tokens.idToken must be a token', { accessToken: 'access-secret', idToken: {} }],
    ['tokens.expiresAt must be epoch seconds; it looks like milliseconds', { expiresAt: Date.UTC(2026, 0) }],
    ['tokens.expiresAt must be epoch seconds; it is an object', { expiresAt: new Date(0) }],
    ['tokens.expiresAt must be epoch seconds; it is a string', { expiresAt: '1800000000' }],
    ['tokens.expiresAt must be epoch seconds', { expiresAt: Number.NaN }],
    ['tokens.expiresAt must be epoch seconds', { expiresAt: -1 }],
    [
      'tokens.authorizedAt must be epoch seconds; it looks like milliseconds',
      { authorizedAt: Date.UTC(2026, 0) },
    ],
    ['tokens.refreshTokenExpiresAt must be epoch seconds', { refreshTokenExpiresAt: null }],
    ['tokens.scope must be a list of strings, not a string', { scope: 'read write' }],
    ['tokens.scope must be a list of strings', { scope: ['read', 7] }],
  ])('refuses and says why: %s', (message, tokens) => {
    const isField = typeof tokens === 'object' && !Array.isArray(tokens) && !('access_token' in tokens)
    const given = isField ? { accessToken: 'access-secret', ...tokens } : tokens
    expect(() => from(given)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    )
  })

  it('case 99: repeats no token in what it says', () => {
    for (const tokens of [
      { accessToken: 'access-secret\n' },
      { accessToken: 'a', refreshToken: 'refresh-secret ' },
    ]) {
      expect(() => from(tokens)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('secret') }),
      )
    }
  })
})
