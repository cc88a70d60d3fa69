import { describe, expect, it } from 'vitest'
import { decodeJwtUnverified } from './jwt.ts'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = `${part({ alg: 'HS256' })}.${part({ sub: 'é' })}.signature`

describe('decodeJwtUnverified', () => {
  it.each(['', 'Bearer ', 'nadeo_v1 t='])('reads header and payload behind %j', (scheme) => {
    expect(decodeJwtUnverified(scheme + jwt)).toEqual({ header: { alg: 'HS256' }, payload: { sub: 'é' } })
  })

  it.each([
    ['nothing', ''],
    ['an opaque token', 'BQDx-opaque'],
    ['two parts', jwt.slice(0, jwt.lastIndexOf('.'))],
    ['four parts', `${jwt}.x`],
    ['a payload that is no object', `${part({})}.${part([1])}.s`],
    ['a payload that is no JSON', `${part({})}.${Buffer.from('{').toString('base64url')}.s`],
    ['characters of no base64url', `${part({})}.${part({ a: 1 })}=.s`],
    ['more than 64 KB', `${part({})}.${part({ a: 'x'.repeat(65_536) })}.s`],
    ['what is no string', 7 as unknown as string],
  ])('answers undefined to %s', (_what, token) => {
    expect(decodeJwtUnverified(token)).toBeUndefined()
  })
})
