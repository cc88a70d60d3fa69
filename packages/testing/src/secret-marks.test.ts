import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { SecretMarks } from './secret-marks.ts'

describe('SecretMarks.findIn', () => {
  const marks = new SecretMarks()
  const token = marks.mint('access_token', 'at_')
  const cookie = 'cookie value/with+signs=and%'
  marks.add('cookie', cookie)
  const kinds = (anything: unknown): string[] => marks.findIn(anything).map((found) => found.kind)
  const encodings = (text: string): string[] => marks.findIn(text).map((found) => found.encoding)

  it.each(['', 'x', 'xy', 'xyz'])('finds both kinds of secret in base64 and base64url after %j', (before) => {
    for (const secret of [token, cookie]) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const encoded = Buffer.from(`${before}${secret} and more`).toString(encoding)
        expect(encodings(`id=${encoded};`)).toEqual(['base64'])
        expect(encodings(`q${encoded}`)).toEqual(['base64'])
      }
    }
  })

  it('finds them in hex, percent-encoded and both at once', () => {
    const hex = Buffer.from(token).toString('hex')
    expect(encodings(hex)).toEqual(['hex'])
    expect(encodings(`a${hex.toUpperCase()}`)).toEqual(['hex'])
    expect(encodings(encodeURIComponent(cookie))).toEqual(['percent'])
    const fully = [...Buffer.from(token)].map((byte) => `%${byte.toString(16)}`).join('')
    expect(encodings(fully)).toEqual(['percent'])
    expect(encodings(encodeURIComponent(encodeURIComponent(cookie)))).toEqual(['percent+percent'])
    expect(encodings(encodeURIComponent(Buffer.from(`>${token}`).toString('base64')))).not.toEqual([])
  })

  it('finds a token that was cut short, in text, bytes and typed arrays', () => {
    expect(kinds(`token ${token.slice(0, 20)}…`)).toEqual(['access_token'])
    expect(kinds(Buffer.from(`\u0000\u00ff${token}`))).toEqual(['access_token'])
    expect(kinds(new TextEncoder().encode(cookie))).toEqual(['cookie'])
  })

  it('looks into hidden fields, maps, causes, stacks, JSON and text forms', () => {
    const hidden = Object.defineProperty({}, 'secret', { value: token, enumerable: false })
    const cause = new Error('outer', { cause: new Error('inner', { cause: { parameters: [cookie] } }) })
    const quiet = Object.assign(new Error('outer', { cause: cookie }), { [inspect.custom]: () => 'nothing' })
    const aggregate = new AggregateError([new Error(token)], 'several')
    const late = { toJSON: () => ({ token }), [inspect.custom]: () => 'nothing' }
    expect(kinds(hidden)).toEqual(['access_token'])
    expect(kinds(new Map([['a', new Set([token])]]))).toEqual(['access_token'])
    expect(kinds(cause)).toEqual(['cookie'])
    expect(kinds(quiet)).toEqual(['cookie'])
    expect(kinds(aggregate)).toEqual(['access_token'])
    expect(kinds(late)).toEqual(['access_token'])
    expect(kinds({ toString: () => token, [inspect.custom]: () => 'nothing' })).toEqual(['access_token'])
  })

  it('survives values that cannot be printed', () => {
    const angry = {
      [inspect.custom]: () => {
        throw new Error('no')
      },
      toJSON: () => 1n,
      toString: () => token,
    }
    expect(kinds(angry)).toEqual(['access_token'])
  })

  it('finds nothing where nothing is, and never repeats a secret in its answer', () => {
    expect(kinds('LKM0123456789ab is the form of a mark that was never issued')).toEqual([])
    expect(kinds(undefined)).toEqual([])
    const found = JSON.stringify(marks.findIn(`${token} ${token} ${cookie}`))
    expect(JSON.parse(found)).toHaveLength(2)
    expect(kinds(found)).toEqual([])
  })

  it('refuses to watch for a text below 8 characters', () => {
    expect(new SecretMarks().add('cookie', 'short')).toBe(false)
  })

  it('stays quick with many secrets and a long text', () => {
    const many = new SecretMarks()
    const tokens = Array.from({ length: 20_000 }, () => many.mint('access_token'))
    const text = `${'lorem ipsum dolor '.repeat(30_000)}${tokens[12_345]}`
    const begun = performance.now()
    expect(many.findIn(text)).toMatchObject([{ ordinal: 12_346 }])
    expect(performance.now() - begun).toBeLessThan(3000)
  })
})
