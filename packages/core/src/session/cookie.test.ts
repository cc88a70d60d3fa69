import { describe, expect, it } from 'vitest'
import {
  type CookieSettings,
  parseCookies,
  serializeCookie,
  sessionCookie,
  transactionCookiePrefix,
} from './cookie.ts'

const https: CookieSettings = { secure: true, port: '443', sameSite: 'Lax', name: 'latchkey' }
const http: CookieSettings = { secure: false, port: '3000', sameSite: 'Lax', name: 'latchkey' }

describe('parseCookies', () => {
  it('reads pairs as browsers write them', () => {
    expect(parseCookies('a=1; b=x=y; c=')).toEqual([
      { name: 'a', value: '1' },
      { name: 'b', value: 'x=y' },
      { name: 'c', value: '' },
    ])
    expect(parseCookies(undefined)).toEqual([])
    expect(parseCookies('')).toEqual([])
  })

  it.each([
    ['a no-break space before it', '\u00a0__Host-latchkey=v'],
    ['the bytes of an en quad before it', '\u00e2\u0080\u0080__Host-latchkey=v'],
    ['a tab before it', '\t__Host-latchkey=v'],
    ['a form feed before it', '\f__Host-latchkey=v'],
    ['a space behind it', '__Host-latchkey =v'],
    ['other letter case', '__host-latchkey=v'],
    ['a nameless cookie that holds it', '=__Host-latchkey=v'],
    ['no equals sign', '__Host-latchkey'],
    ['a comma before it', 'a=1, __Host-latchkey=v'],
    ['percent encoding', '__Host%2dlatchkey=v'],
  ])('does not take a name for ours with %s', (_, header) => {
    expect(parseCookies(header).filter((cookie) => cookie.name === '__Host-latchkey')).toEqual([])
  })

  it('gives quotes and $Version no meaning', () => {
    const cookies = parseCookies('$Version=1; a="x; __Host-latchkey=v; b=y"; $Path="/"')
    expect(cookies.map((cookie) => cookie.value)).toEqual(['1', '"x', 'v', 'y"', '"/"'])
  })

  it('case 88: reads a hundred times the longest header that Node accepts', () => {
    expect(parseCookies('a=1; '.repeat(320_000))).toHaveLength(320_000)
    expect(parseCookies(' '.repeat(1_600_000))).toEqual([])
  })
})

describe('cookie attributes', () => {
  it.each([
    ['https', https, '__Host-latchkey=v; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [
      'https with a domain',
      { ...https, domain: 'app.example' },
      '__Secure-latchkey=v; Max-Age=9; Domain=app.example; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    [
      'another name',
      { ...https, name: 'sid' },
      '__Host-sid=v; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
    ['http on loopback', http, 'latchkey-3000=v; Max-Age=9; Path=/; HttpOnly; SameSite=Lax'],
    [
      'SameSite=None',
      { ...https, sameSite: 'None' },
      '__Host-latchkey=v; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=None',
    ],
  ] satisfies [string, CookieSettings, string][])(
    'case 29: are as they must be with %s',
    (_, settings, expected) => {
      expect(serializeCookie(sessionCookie(settings), 'v', 9)).toBe(expected)
    },
  )

  it.each([https, { ...https, domain: 'app.example' }, http])(
    'are the same when the cookie is deleted (%o)',
    (settings) => {
      const set = serializeCookie(sessionCookie(settings), 'v', 9)
      expect(serializeCookie(sessionCookie(settings), '', 0)).toBe(
        set.replace('=v;', '=;').replace('Max-Age=9', 'Max-Age=0'),
      )
    },
  )

  it('keep the transactions of two ports apart on http', () => {
    expect(transactionCookiePrefix(https)).toBe('__Host-lk.t.')
    expect(transactionCookiePrefix(http)).toBe('lk.t.3000.')
  })
})
