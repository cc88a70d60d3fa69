import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenSet } from '../protocol/token.ts'
import { oauth2 } from '../providers/index.ts'
import { Credentials, type HeaderRecord } from './credentials.ts'

function providerWith(more: Partial<Provider>): Provider {
  const preset = oauth2({
    id: 'example',
    authorizationEndpoint: 'https://as.example.com/authorize',
    tokenEndpoint: 'https://as.example.com/token',
    resourceOrigins: ['https://api.example.com'],
  })
  return { ...preset, clientId: 'client-1', clientSecret: 'client-secret-1', ...more }
}

const tokens = (accessToken: string): TokenSet => ({
  accessToken,
  tokenType: 'Bearer',
  receivedAt: 0,
  scope: [],
})
const bearer = new Credentials(providerWith({}))
const pairs = new Credentials(
  providerWith({
    credentials: { headers: { 'X-Api-Token': 't={access_token}', 'Client-Id': '{client_id}' } },
    resourceHeaders: { 'User-Agent': 'preset', Accept: 'application/json' },
  }),
)

function authorized(credentials: Credentials, own: HeaderRecord, accessToken = 'at'): Record<string, string> {
  const headers = credentials.authorize(own, tokens(accessToken), 'https://api.example')
  const names = headers.filter((_, index) => index % 2 === 0)
  expect(new Set(names).size).toBe(names.length)
  return Object.fromEntries(names.map((name, index) => [name, headers[index * 2 + 1] ?? '']))
}

describe('Credentials.authorize', () => {
  it('sends a scheme before the token', () => {
    expect(authorized(bearer, {})).toMatchObject({ authorization: 'Bearer at' })
  })

  it('sends header pairs and fixed headers, over which the caller’s own win', () => {
    expect(authorized(pairs, { 'user-agent': 'caller' })).toEqual({
      'x-api-token': 't=at',
      'client-id': 'client-1',
      'user-agent': 'caller',
      accept: 'application/json',
      'cache-control': 'no-store',
    })
  })

  it('case 57: forbids caches on the way, unless the preset or the caller says otherwise (RFC 9111 §5.2.1.5)', () => {
    const own = { 'cache-control': 'max-age=0' }
    const relaxed = new Credentials(providerWith({ resourceHeaders: { 'Cache-Control': 'no-cache' } }))
    const controlOf = (credentials: Credentials, caller = {}): unknown =>
      authorized(credentials, caller)['cache-control']
    expect([controlOf(bearer), controlOf(pairs)]).toEqual(['no-store', 'no-store'])
    expect([controlOf(relaxed), controlOf(relaxed, own)]).toEqual(['no-cache', 'max-age=0'])
    expect(controlOf(bearer, bearer.callerHeaders([['Cache-Control', 'max-age=0']]))).toBe('max-age=0')
  })

  it.each(['a\r\nx: y', 'a\nb', 'a\0b', 'aé€b'])(
    'case 55: never sends the token %j, nor repeats it',
    (value) => {
      try {
        bearer.authorize({}, tokens(value), 'https://api.example')
        expect.unreachable()
      } catch (error) {
        expect(LatchkeyError.is(error) && error.code).toBe('as_misconfigured')
        expect(String(error)).not.toContain(value)
      }
    },
  )
})

describe('Credentials.callerHeaders', () => {
  it.each(['authorization', 'Authorization', 'AUTHORIZATION', 'host', 'Host'])(
    'case 55: refuses the caller’s %s with a TypeError that names it',
    (name) => {
      expect(() => bearer.callerHeaders([[name, 'x']])).toThrow(TypeError)
      expect(() => bearer.callerHeaders([[name, 'x']])).toThrow(`"${name.toLowerCase()}"`)
    },
  )

  it.each(['x-api-token', 'X-API-Token', 'client-id'])(
    'refuses the preset’s credential header %s',
    (name) => {
      expect(() => pairs.callerHeaders([[name, 'x']])).toThrow(TypeError)
      expect({ ...bearer.callerHeaders([[name, 'x']]) }).toEqual({ [name.toLowerCase()]: 'x' })
    },
  )

  it.each([
    ['x-note', 'a\r\nauthorization: Bearer stolen'],
    ['x-note', 'a\nb'],
    ['x-note', 'a\0b'],
    ['x-note', '€'],
    ['x note', 'a'],
    ['x:note', 'a'],
    ['', 'a'],
    ['x-note\r\nhost', 'a'],
  ])('case 55: refuses the header %j: %j without repeating the value', (name, value) => {
    expect(() => bearer.callerHeaders([[name, value]])).toThrow(TypeError)
    expect(() => bearer.callerHeaders([[name, value]])).not.toThrow('stolen')
  })

  it('case 55: leaves out content-length, however often and in whatever case', () => {
    const entries = [
      ['Content-Length', '1'],
      ['content-length', '2'],
      ['CONTENT-LENGTH', '3'],
    ] as const
    expect({ ...bearer.callerHeaders(entries) }).toEqual({})
  })

  it('joins headers that are named twice (RFC 9110 §5.2)', () => {
    const headers = bearer.callerHeaders([
      ['X-A', '1'],
      ['x-a', ['2', '3']],
      ['x-b', undefined],
    ])
    expect({ ...headers }).toEqual({ 'x-a': '1, 2, 3' })
  })

  it('case 85: takes __proto__ for what it is, the name of no HTTP header of ours', () => {
    const headers = bearer.callerHeaders([['__proto__', 'x']])
    expect(Object.getPrototypeOf(headers)).toBeNull()
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})
