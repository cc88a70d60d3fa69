import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import {
  type AuthorizationRequest,
  buildAuthorizationUrl,
  readAuthorizationResponse,
} from './authorization.ts'
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

function read(
  query: string,
  provider: Provider = oauthProvider(),
  announcesIss = false,
): { readonly code: string } {
  const issuer = provider.issuer === undefined ? {} : { issuer: provider.issuer }
  return readAuthorizationResponse(
    provider,
    { ...metadata, ...issuer, authorizationResponseIss: announcesIss },
    new URLSearchParams(query),
    { state: 'state-1' },
  )
}

function refusal(query: string, provider?: Provider, announcesIss?: boolean): LatchkeyError {
  try {
    read(query, provider, announcesIss)
  } catch (error) {
    if (LatchkeyError.is(error)) return error
    throw error
  }
  throw new Error('expected a refusal')
}

describe('readAuthorizationResponse', () => {
  it('returns the code of a response to our request', () => {
    expect(read('code=code-1&state=state-1')).toEqual({ code: 'code-1' })
  })

  it('ignores parameters that it does not know', () => {
    expect(read('code=code-1&state=state-1&session_state=x&scope=a&scope=b').code).toBe('code-1')
  })

  it.each(['code', 'state', 'iss', 'error', 'error_description'])(
    'case 18: refuses a repeated %s',
    (name) => {
      const query = `code=code-1&state=state-1&${name}=x&${name}=x`
      expect(refusal(query, openidProvider())).toMatchObject({
        code: 'invalid_callback',
        reason: 'duplicate',
      })
    },
  )

  it.each([
    ['no state', 'code=code-1', 'state'],
    ['another state', 'code=code-1&state=state-2', 'state'],
    ['an empty state', 'code=code-1&state=', 'state'],
    ['state[]', 'code=code-1&state[]=state-1', 'state'],
    ['no code', 'state=state-1', 'no_code'],
    ['an empty code', 'code=&state=state-1', 'no_code'],
    ['code[]', 'code[]=code-1&state=state-1', 'no_code'],
    ['a code of 9 KB', `code=${'x'.repeat(9_000)}&state=state-1`, 'code_too_long'],
    ['an ID token', 'code=code-1&state=state-1&id_token=x', 'unexpected_parameter'],
    ['a JARM response', 'code=code-1&state=state-1&response=x', 'unexpected_parameter'],
  ])('refuses %s', (_name, query, reason) => {
    expect(refusal(query)).toMatchObject({ code: 'invalid_callback', status: 400, reason })
  })

  it.each([
    ['wrong', 'iss=https://evil.example', true],
    ['wrong, not announced', 'iss=https://evil.example', false],
    ['missing though announced', '', true],
    ['with a slash', 'iss=https://as.example/', true],
    ['in another case', 'iss=https://AS.example', true],
    ['empty', 'iss=', true],
    ['empty, not announced', 'iss=', false],
    ['over http', 'iss=http://as.example', true],
  ])('case 6: refuses an iss that is %s, on success and error', (_name, iss, announced) => {
    for (const outcome of ['code=code-1', 'error=access_denied']) {
      const error = refusal(`${outcome}&state=state-1&${iss}`, openidProvider(), announced)
      expect(error).toMatchObject({ code: 'invalid_callback', reason: 'iss' })
    }
  })

  it('case 6: accepts the exact iss, announced or not, and none when none is announced', () => {
    for (const announced of [true, false]) {
      expect(read('code=c&state=state-1&iss=https://as.example', openidProvider(), announced).code).toBe('c')
    }
    expect(read('code=c&state=state-1', openidProvider(), false).code).toBe('c')
  })

  it('ignores iss where the provider has no issuer to compare with', () => {
    expect(read('code=c&state=state-1&iss=https://as.example').code).toBe('c')
  })
})

describe('readAuthorizationResponse with an error', () => {
  it.each([
    ['access_denied', 'access_denied', 403],
    ['consent_required', 'access_denied', 403],
    ['interaction_required', 'access_denied', 403],
    ['login_required', 'access_denied', 403],
    ['user_cancelled_login', 'access_denied', 403],
    ['unauthorized_client', 'as_misconfigured', 500],
    ['invalid_scope', 'as_misconfigured', 500],
    ['invalid_request', 'as_misconfigured', 500],
    ['unsupported_response_type', 'as_misconfigured', 500],
    ['server_error', 'as_unavailable', 503],
    ['temporarily_unavailable', 'as_unavailable', 503],
  ])('case 19: maps %s to %s', (error, code, status) => {
    expect(refusal(`error=${error}&state=state-1`)).toMatchObject({
      code,
      status,
      reason: error,
      oauth: { error },
    })
  })

  it.each(['made_up', 'constructor', '__proto__', 'toString'])(
    'case 19: maps %s to invalid_callback',
    (error) => {
      expect(refusal(`error=${error}&state=state-1`)).toMatchObject({
        code: 'invalid_callback',
        reason: 'unknown_error',
      })
    },
  )

  it('case 19: lets the error win over a code beside it', () => {
    expect(refusal('error=access_denied&code=code-1&state=state-1').code).toBe('access_denied')
  })

  it('case 19: checks the state before the error', () => {
    expect(refusal('error=access_denied&state=state-2')).toMatchObject({
      code: 'invalid_callback',
      reason: 'state',
    })
  })

  it('case 19: cuts a description of 10 KB and keeps it on one line', () => {
    const description = encodeURIComponent(`\u001b[31mline\r\nline ${'x'.repeat(10_240)}`)
    const { oauth, message } = refusal(`error=access_denied&error_description=${description}&state=state-1`)
    expect(oauth?.description).toHaveLength(200)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(oauth?.description).not.toMatch(/[\u0000-\u001f]/)
    expect(message).not.toContain('line')
  })

  it('case 97: an error says nothing of code, state or iss', () => {
    for (const query of [
      'code=SECRET-code&state=SECRET-state',
      'error=access_denied&error_description=SECRET-code+SECRET-state&code=SECRET-code&state=state-1',
      'code=SECRET-code&state=state-1&iss=SECRET-iss',
    ]) {
      const error = refusal(query, openidProvider())
      expect(error.cause).toBeUndefined()
      const printed =
        inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(error)
      expect(printed).not.toMatch(/SECRET-(code|iss)/)
    }
  })
})
