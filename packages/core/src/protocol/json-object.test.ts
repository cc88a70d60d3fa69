import { describe, expect, it } from 'vitest'
import { parseJsonObject, salvageString, valueAt } from './json-object.ts'

const parse = (text: string): unknown => parseJsonObject(Buffer.from(text))

describe('parseJsonObject', () => {
  it.each([
    '{}',
    '{"a":{"b":1},"c":{"b":2}}',
    '{"a":[{"b":1},{"b":2}]}',
    '{"a":"\\"a\\":","b":"a"}',
    ' {"a" : "b"} \n',
    '{"a:b":1,"a":2}',
  ])('reads %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text))
  })

  it.each([
    '{"a":1,"a":1}',
    '{"a":{"b":1,"c":2,"b":3}}',
    '{"a":1,"\\u0061":2}',
    '{"__proto__":1,"__proto__":2}',
  ])('refuses %s, which names a member twice', (text) => {
    expect(parse(text)).toBeUndefined()
  })
})

describe('valueAt', () => {
  it.each(['toString', 'constructor', '__proto__', 'a.toString', 'a.__proto__', 'b.map', 'b.2', 'c.length'])(
    'case 85: %s is no own property',
    (path) => {
      expect(valueAt({ a: {}, b: [1], c: 'text' }, path)).toBeUndefined()
    },
  )

  it('descends into objects and arrays, and prefers the exact name', () => {
    expect(valueAt({ a: [{ b: 7 }] }, 'a.0.b')).toBe(7)
    expect(valueAt({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1)
  })
})

describe('salvageString', () => {
  const salvage = (text: string): unknown => salvageString(Buffer.from(text), 'rt')

  it.each([
    ['{"rt":"x"', 'x'],
    ['junk "rt" : "x\\u0079" junk', 'xy'],
    ['{"rt":"x","rt":"y"}', 'y'],
    ['{"text":"\\"rt\\":\\"x\\""', undefined],
    ['{"rt":"x', undefined],
    ['{"rt":7', undefined],
    ['{"rt":"bad \\q"', undefined],
  ])('finds in %s %s', (text, found) => {
    expect(salvage(text)).toBe(found)
  })
})
