import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { AllowedOrigins, parseTarget } from './allowed-origins.ts'

const origins = new AllowedOrigins('example', [
  'https://api.example.com',
  'http://127.0.0.1:4000',
  'https://xn--bcher-kva.example',
])

function refusal(target: string): LatchkeyError {
  try {
    origins.check(target)
  } catch (error) {
    if (LatchkeyError.is(error)) return error
    throw error
  }
  throw new Error(`${target} was let through`)
}

describe('AllowedOrigins.check', () => {
  it.each([
    ['https://api.example.com/v1/me?a=b#c', 'https://api.example.com/v1/me?a=b#c'],
    ['https://API.Example.COM:443/', 'https://api.example.com/'],
    ['https:api.example.com/x', 'https://api.example.com/x'],
    ['https://ａｐｉ.example.com/', 'https://api.example.com/'],
    ['http://127.0.0.1:4000/x', 'http://127.0.0.1:4000/x'],
    ['http://0x7f.1:4000/x', 'http://127.0.0.1:4000/x'],
    ['https://bücher.example/x', 'https://xn--bcher-kva.example/x'],
    [' https://api.example.com/\n', 'https://api.example.com/'],
    ['https://api.example.com\\@evil.example', 'https://api.example.com/@evil.example'],
  ])('case 51: returns %j as the URL that is checked and requested', (target, requested) => {
    expect(origins.check(target).href).toBe(requested)
  })

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '/v1/me',
    'v1/me',
    '',
    'https:evil.example',
    'https://api.example.com@evil.example/',
    'https://api.example.com:pw@evil.example/',
    'https://user@api.example.com/',
    'https://user:pw@api.example.com/',
    'https://:pw@api.example.com/',
    'https://api.example.com.evil.example/',
    'https://evil.example/api.example.com',
    'https://evil.example#api.example.com',
    'https://evil.example?https://api.example.com',
    'https://api.example.com:444/',
    'http://api.example.com/',
    'http://api.example.com:443/',
    'http://127.0.0.1:4001/',
    'http://127.0.0.1/',
    'http://localhost:4000/',
    'http://[::1]:4000/',
    'http://[::ffff:127.0.0.1]:4000/',
    'https://api.example.com./',
    'https://api.examp1e.com/',
    'https://аpi.example.com/',
    'https://bücher.example.evil/',
    'data:text/plain,https://api.example.com',
    'blob:https://api.example.com/0b2d7a4e-0000-0000-0000-000000000000',
    'file:///etc/passwd',
    'unix:/var/run/api.sock',
    'http+unix://%2Fvar%2Frun%2Fapi.sock/x',
    'ws://api.example.com/',
    'wss://api.example.com/',
    'javascript:alert(1)',
    'https://[api.example.com]/',
    'https://api%2Eexample%2Ecom%00.evil.example/',
  ])('case 51: refuses %j', (target) => {
    expect(refusal(target).code).toBe('origin_not_allowed')
  })

  it('names the option, the provider and the fix', () => {
    const error = refusal('https://evil.example:8443/')
    expect(error.provider).toBe('example')
    expect(error.message).toContain('"example"')
    expect(error.message).toContain("resourceOrigins: ['https://evil.example:8443']")
  })

  it('repeats the origin alone, never path, query, user or password', () => {
    for (const target of [
      'https://evil.example/path-secret?query-secret#hash-secret',
      'https://user-secret:password-secret@api.example.com/path-secret',
      'data:text/plain,path-secret',
    ]) {
      expect(refusal(target).message).not.toContain('secret')
    }
  })

  it('cuts a host of any length', () => {
    expect(refusal(`https://${'a'.repeat(50_000)}.example/`).message.length).toBeLessThan(1_000)
  })

  it('reads a URL object by its text, so that a subclass cannot show one host and mean another', () => {
    const disguised = Object.defineProperty(new URL('https://evil.example/'), 'origin', {
      value: 'https://api.example.com',
    })
    expect(() => origins.check(disguised)).toThrow('resourceOrigins')
  })
})

describe('parseTarget', () => {
  it('asks for an absolute URL', () => {
    expect(() => parseTarget('/v1/me')).toThrow('must be absolute')
  })

  it.each(['data:text/plain,x', 'blob:https://api.example.com/0', 'https://user@api.example.com/'])(
    'refuses %j before anybody asks whose origin it is',
    (target) => {
      expect(() => parseTarget(target)).toThrow(expect.objectContaining({ code: 'origin_not_allowed' }))
    },
  )
})

describe('AllowedOrigins.allows', () => {
  it.each([
    ['https://api.example.com/x', true],
    ['blob:https://api.example.com/0', false],
    ['https://user@api.example.com/', false],
    ['https://evil.example/', false],
  ])('says of %j: %j', (target, allowed) => {
    expect(origins.allows(new URL(target))).toBe(allowed)
  })
})
