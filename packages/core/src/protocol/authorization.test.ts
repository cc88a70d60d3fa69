import { describe, expect, it } from 'vitest'
import { type AuthorizationRequest, buildAuthorizationUrl } from './authorization.ts'
import type { ServerMetadata } from './metadata.ts'
import { oauthProvider, openidProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

const request: AuthorizationRequest = {
  redirectUri: 'https://app.example/callback/example',
  state: 'state-1',
  nonce: 'nonce-1',
  // Appendix B of RFC 7636.
  codeVerifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  scope: ['read', 'write'],
}

const metadata: ServerMetadata = {
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  authorizationResponseIss: false,
}

function paramsOf(
  provider: Provider,
  overrides: Partial<AuthorizationRequest> = {},
  endpoint: string = metadata.authorizationEndpoint,
): [string, string][] {
  const url = buildAuthorizationUrl(
    provider,
    { ...metadata, authorizationEndpoint: endpoint },
    { ...request, ...overrides },
  )
  return [...new URL(url).searchParams]
}

const plain = [
  ['response_type', 'code'],
  ['client_id', 'client-1'],
  ['redirect_uri', 'https://app.example/callback/example'],
  ['scope', 'read write'],
  ['state', 'state-1'],
  ['code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
  ['code_challenge_method', 'S256'],
]

describe('buildAuthorizationUrl', () => {
  it('case 8: carries each parameter once, with the S256 challenge of RFC 7636', () => {
    expect(paramsOf(oauthProvider())).toEqual(plain)
  })

  it('never carries the verifier', () => {
    expect(JSON.stringify(paramsOf(oauthProvider()))).not.toContain(request.codeVerifier)
  })

  it('leaves the challenge out for servers that reject it', () => {
    expect(paramsOf(oauthProvider({ pkce: 'never' }))).toEqual(plain.slice(0, 5))
  })

  it('adds nonce and openid for OpenID providers only', () => {
    const params = new Map(paramsOf(openidProvider()))
    expect(params.get('nonce')).toBe('nonce-1')
    expect(params.get('scope')).toBe('openid read write')
    expect(new Map(paramsOf(oauthProvider())).has('nonce')).toBe(false)
  })

  it.each([
    ['separates scopes by comma', { scopeSeparator: ',' }, ['a', 'b'], 'a,b'],
    ['leaves an empty scope out', {}, [], undefined],
    ['sends an empty scope where the preset says so', { sendEmptyScope: true }, [], ''],
    ['sends a scope once', {}, ['a', 'a'], 'a'],
  ] satisfies [string, Partial<Provider>, string[], string | undefined][])(
    '%s',
    (_name, overrides, scope, expected) => {
      expect(new Map(paramsOf(oauthProvider(overrides), { scope })).get('scope')).toBe(expected)
    },
  )

  it('keeps the query of the endpoint and replaces what it has of ours', () => {
    const endpoint = 'https://as.example/authorize?tenant=7&client_id=evil&state=evil&request_uri=evil'
    expect(paramsOf(oauthProvider(), {}, endpoint)).toEqual([['tenant', '7'], ...plain])
  })

  it('adds the preset’s parameters, then those of the call, then prompt', () => {
    const provider = oauthProvider({ params: { prompt: 'consent', access_type: 'offline' } })
    const params = new Map(paramsOf(provider, { params: { login_hint: 'a&b=c' }, prompt: 'login' }))
    expect(Object.fromEntries(params)).toMatchObject({
      access_type: 'offline',
      login_hint: 'a&b=c',
      prompt: 'login',
    })
  })

  it.each([
    'response_type',
    'response_mode',
    'client_id',
    'redirect_uri',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'request',
    'request_uri',
  ])('case 3: refuses %s among the extra parameters', (name) => {
    expect(() => paramsOf(oauthProvider(), { params: { [name]: 'evil' } })).toThrow(
      expect.objectContaining({ code: 'invalid_options' }),
    )
  })

  it('asks for form_post only where the preset says so', () => {
    expect(new Map(paramsOf(oauthProvider({ responseMode: 'form_post' }))).get('response_mode')).toBe(
      'form_post',
    )
  })
})
