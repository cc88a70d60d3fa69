import { describe, expect, it } from 'vitest'
import { CookieJar } from './cookie-jar.ts'

const APP = 'http://127.0.0.1:3000/a/b'

function jarWith(...headers: readonly string[]): CookieJar {
  const jar = new CookieJar(() => 1_700_000_000)
  for (const header of headers) jar.receive(header, APP)
  return jar
}

describe('CookieJar', () => {
  it('keeps cookies by host and path, shares them across ports', () => {
    const jar = jarWith('root=1; Path=/', 'deep=2', 'other=3; Path=/other')
    expect(jar.header('http://127.0.0.1:9999/a/b')).toBe('deep=2; root=1')
    expect(jar.header('http://127.0.0.1:3000/ab')).toBe('root=1')
    expect(jar.header('http://127.0.0.1:3000/other/x')).toBe('other=3; root=1')
    expect(jar.header('http://localhost:3000/a/b')).toBeUndefined()
  })

  it('gives a Domain cookie to sub-domains, others to their own host only', () => {
    const jar = new CookieJar()
    jar.receive('wide=1; Domain=app.test; Path=/', 'http://www.app.test/')
    jar.receive('own=2; Path=/', 'http://www.app.test/')
    expect(jar.header('http://api.app.test/')).toBe('wide=1')
    expect(jar.header('http://www.app.test/')).toBe('wide=1; own=2')
    expect(jar.header('http://notapp.test/')).toBeUndefined()
    expect(jar.receive('x=1; Domain=evil.test', 'http://www.app.test/')).toBe(false)
    expect(jar.receive('x=1; Domain=test', 'http://www.app.test/')).toBe(false)
  })

  it.each([
    ['__Host-a=1; Secure; Path=/', true],
    ['__Host-a=1; Path=/', false],
    ['__Host-a=1; Secure', false],
    ['__Host-a=1; Secure; Path=/a', false],
    ['__Host-a=1; Secure; Path=/; Domain=127.0.0.1', false],
    ['__hOsT-a=1; Path=/', false],
    ['__Secure-a=1; Path=/', false],
    ['__Secure-a=1; Secure; Path=/a', true],
    ['=__Host-a=1; Secure; Path=/', false],
    ['__Host-a; Path=/', false],
    ['a=1; SameSite=None', false],
    ['a=1; SameSite=None; Secure', true],
    [`a=${'x'.repeat(4096)}`, false],
    ['a=\u00001', false],
  ])('keeps or refuses %j', (header, kept) => {
    const jar = jarWith(header)
    expect([jar.all.length === 1, jar.refused.length]).toEqual([kept, kept ? 0 : 1])
  })

  it('takes Secure cookies over https and on loopback only, and guards them from insecure pages', () => {
    const jar = new CookieJar()
    expect(jar.receive('s=1; Secure; Path=/', 'http://app.test/')).toBe(false)
    expect(jar.receive('s=1; Secure; Path=/', 'https://app.test/')).toBe(true)
    expect(jar.receive('s=2; Path=/', 'http://app.test/')).toBe(false)
    expect(jar.header('http://app.test/')).toBeUndefined()
    expect(jar.header('https://app.test/')).toBe('s=1')
    expect(jar.receive('t=1; Secure', 'http://app.localhost:3000/')).toBe(true)
  })

  it('sends Lax cookies on cross-site GETs only, Strict ones never, None ones always', () => {
    const jar = jarWith('l=1', 'd=2; SameSite=Lax', 's=3; SameSite=Strict', 'n=4; SameSite=None; Secure')
    expect(jar.header(APP)).toBe('l=1; d=2; s=3; n=4')
    expect(jar.header(APP, { sameSite: false })).toBe('l=1; d=2; n=4')
    expect(jar.header(APP, { sameSite: false, method: 'POST' })).toBe('n=4')
    expect(jar.header(APP, { method: 'POST' })).toBe('l=1; d=2; s=3; n=4')
  })

  it('lets Max-Age win over Expires and forgets what expired', () => {
    let now = 1_700_000_000
    const jar = new CookieJar(() => now)
    jar.receive('a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', APP)
    jar.receive('b=2; Expires=Tue, 14 Nov 2023 22:13:50 GMT', APP)
    jar.receive('c=3', APP)
    expect(jar.header(APP)).toBe('a=1; b=2; c=3')
    now += 31
    expect(jar.header(APP)).toBe('a=1; c=3')
    jar.receive('c=; Max-Age=0', APP)
    now += 30
    expect(jar.header(APP)).toBeUndefined()
  })

  it('replaces by name, host and path and keeps the place in the order', () => {
    const jar = jarWith('a=1; Path=/', 'b=2; Path=/', 'a=3; Path=/')
    expect(jar.header(APP)).toBe('a=3; b=2')
  })

  it('can be planted, cloned and emptied', () => {
    const jar = jarWith('a=1; Path=/')
    jar.plant({ name: '__Host-a', value: 'forged', host: '127.0.0.1' })
    const copy = jar.clone()
    jar.delete('a')
    expect(jar.header(APP)).toBe('__Host-a=forged')
    expect(copy.header(APP)).toBe('a=1; __Host-a=forged')
    jar.delete()
    expect(jar.all).toEqual([])
    expect(copy.get('a')).toMatchObject({ value: '1', hostOnly: true, sameSite: 'lax' })
  })
})
