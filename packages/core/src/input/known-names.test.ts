import { describe, expect, it } from 'vitest'
import { kindOf } from './kind-of.ts'
import { requireKnownKeys, requireKnownName } from './known-names.ts'

interface Sample {
  readonly baseUrl?: string
  readonly session?: string
  readonly id?: string
}

const names = { baseUrl: true, session: true, id: true } as const
const check = (key: string) => () => requireKnownKeys<Sample>('sample()', { [key]: 'a-secret-value' }, names)

describe('requireKnownKeys', () => {
  it.each(['baseUrl', 'session', 'id'])('takes %s', (key) => {
    expect(check(key)()).toBeUndefined()
  })

  it.each([
    ['baseURL', 'baseUrl'],
    ['BASEURL', 'baseUrl'],
    ['baseUr', 'baseUrl'],
    ['bsaeUrl', 'baseUrl'],
    ['sesion', 'session'],
    ['sessions', 'session'],
    ['ID', 'id'],
  ])('refuses %s and means %s', (key, meant) => {
    expect(check(key)).toThrow(`sample() knows no "${key}". Did you mean "${meant}"?`)
    expect(check(key)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  })

  it.each(['base', 'seson1x', 'xy', 'toString', ''])('has no guess at %j, and lists what there is', (key) => {
    expect(check(key)).toThrow(`knows no "${key}". It knows baseUrl, session, id.`)
  })

  it('takes the closest of several', () => {
    const known = ['save', 'save_lose', 'save_lost']
    expect(() => requireKnownName('events', 'save_lst', known)).toThrow('Did you mean "save_lost"?')
  })

  it('quotes neither values nor control characters nor without end', () => {
    const message = failure(check(`a\n${'b'.repeat(100)}`))
    expect(message).not.toMatch(/a-secret-value|\n|b{50}/)
  })
})

describe('kindOf', () => {
  it.each([
    [undefined, 'nothing'],
    [null, 'null'],
    [[], 'a list'],
    [{}, 'an object'],
    ['a-secret-value', 'a string'],
    [() => {}, 'a function'],
    [7, 'a number'],
  ])('describes %j as %s', (value, words) => {
    expect(kindOf(value)).toBe(words)
  })
})

function failure(run: () => void): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  throw new Error('expected a refusal')
}
