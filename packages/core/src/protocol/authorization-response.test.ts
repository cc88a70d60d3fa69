import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { type AuthorizationResponse, readAuthorizationResponse } from './authorization-response.ts'
import { oauthProvider, openidProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

const metadata = {
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
} as const

function read(
  query: string,
  provider: Provider = oauthProvider(),
  announcesIss = false,
): AuthorizationResponse {
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

  it('reads the granted scope where the preset says that it stands here', () => {
    const provider = oauthProvider({ authorizationResponseScope: true, scopeSeparator: ',' })
    const scope = (text: string) => read(`code=c&state=state-1${text}`, provider).scope
    expect(scope('&scope=read,activity:read_all')).toEqual(['read', 'activity:read_all'])
    expect([scope(''), scope('&scope=')]).toEqual([undefined, undefined])
    expect(refusal('code=c&state=state-1&scope=a&scope=b', provider).reason).toBe('duplicate')
  })

  it('reads the description of the user where the preset makes a name of it, and no other value', () => {
    const provider = oauthProvider({ authorizationResponseName: () => undefined })
    const user = (text: string, of = provider) =>
      read(`code=c&state=state-1&user=${encodeURIComponent(text)}`, of).user
    expect(user('{"name":{"firstName":"Ada"}}')).toEqual({ name: { firstName: 'Ada' } })
    expect(user('{"name":1}', oauthProvider())).toBeUndefined()
    for (const text of ['', '[]', 'Ada', '{', '{"__proto__":{"a":1}', `{"a":"${'x'.repeat(4_096)}"}`])
      expect(user(text)).toBeUndefined()
    expect(refusal('code=c&state=state-1&user={}&user={}', provider).reason).toBe('duplicate')
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
