import { describe, expect, it } from 'vitest'
import { parseBaseUrl } from './base-url.ts'
import { safeReturnTo } from './return-to.ts'
import { RecordingLog, seededRandom } from './session.fixture.ts'

const origin = 'https://app.example'
const plain = parseBaseUrl(origin)
const prefixed = parseBaseUrl(`${origin}/app/`)

function checked(value: unknown, baseUrl = plain): string {
  return safeReturnTo(value, { baseUrl, log: new RecordingLog() })
}

/** The two rules of a Location header that cannot lead away, written apart from the code under test. */
function escapes(location: string): boolean {
  const browserSees = new URL(location, `${origin}/callback/example`)
  const first = location.charCodeAt(0)
  const second = location.charCodeAt(1)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const dirty = /[\u0000-\u0020\u007f-\uffff]/.test(location.slice(0, 3))
  return browserSees.origin !== origin || first !== 0x2f || second === 0x2f || second === 0x5c || dirty
}

const hostile = [
  '//evil.example',
  '///evil.example',
  '////evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '\\/evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/\r\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '\u0000//evil.example',
  '/\u0000/evil.example',
  '\u2028//evil.example',
  '\ufeff//evil.example',
  'https://evil.example',
  'https:evil.example',
  'https:/evil.example',
  'http:evil.example',
  'HTTPS://evil.example',
  'https://app.example@evil.example',
  'https://app.example.evil.example',
  '//app.example@evil.example',
  'javascript:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,x',
  'vbscript:x',
  'blob:x',
  'evil.example',
  '.evil.example',
  '@evil.example',
  '?//evil.example',
  '#//evil.example',
  '',
  './/evil.example',
  '../evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  '/./../..//evil.example',
  '/%2e//evil.example',
  '/%2E%2e//evil.example',
  '/a/%2e%2e//evil.example',
  './\\evil.example',
  '/.\\/evil.example',
  '/.\\\\evil.example',
  '/a/../\\evil.example',
  '/a\\..\\..\\evil.example',
  '/x\u0009/..//evil.example',
  '/;//../..//evil.example',
  'http://[',
  '//[',
  '/\\[',
  '\ud800',
  '/\udfff/x',
  '/a\u007fb',
  '/a b',
  '/a\u0085b\u0000',
]

describe('safeReturnTo', () => {
  it.each(hostile)('case 12: lets %j lead nowhere but to our origin', (value) => {
    for (const spelling of [value, encodeURIComponent(value.replace(/\p{Surrogate}/gu, '')), `/${value}`]) {
      for (const baseUrl of [plain, prefixed]) {
        expect(escapes(baseUrl.path + checked(spelling, baseUrl))).toBe(false)
      }
    }
    expect(checked(value)).toBe('/')
  })

  it.each(['/.//evil', '/a/..//evil', '/..//evil', './\\evil', '/%2e//evil'])(
    'case 13: refuses %j, which turns into another host when dot segments are removed',
    (value) => {
      expect(checked(value)).toBe('/')
      expect(checked(value, prefixed)).toBe('/')
    },
  )

  it.each(['/../other', '/..', '/%2e%2e/other', '/.%2E', '/x/../../other', '/../application'])(
    'refuses %j, which leads out of the path of baseUrl',
    (value) => {
      expect(checked(value, prefixed)).toBe('/')
    },
  )

  it.each(['/x/../y', '/.', '/../app/y'])('lets %j be, which stays below the path of baseUrl', (value) => {
    expect(checked(value, prefixed)).toBe(value)
  })

  it.each([
    '/',
    '/me',
    '/me?a=1&b=2#c',
    '/x?client_id=evil&scope=admin',
    '/a//b',
    '/a%2F%2Fb',
    '/%26%23?%0d%0a=%00',
    '/a/./b',
    '/q?next=https://other.example/',
    "/it's/(fine)*~!$,;:@&=+",
    '/a#//x',
    '/?//x',
    '/[x]',
    '/%zz',
  ])('case 15: restores %j byte for byte', (value) => {
    expect(checked(value)).toBe(value)
    expect(checked(value, prefixed)).toBe(value)
  })

  it('percent-encodes what may not stand in a header', () => {
    expect(checked('/caf\u00e9/\u{1f511}?q=\u00fc')).toBe('/caf%C3%A9/%F0%9F%94%91?q=%C3%BC')
    expect(checked('/\uff0fevil.example')).toBe('/%EF%BC%8Fevil.example')
  })

  it.each([null, 7, {}, [], ['/me'], true, Symbol('x'), { toString: () => '/me' }])(
    'answers / for %o',
    (value) => {
      expect(checked(value)).toBe('/')
    },
  )

  it('takes an address that nobody gave for /, without a word', () => {
    const log = new RecordingLog()
    expect(safeReturnTo(undefined, { baseUrl: plain, log })).toBe('/')
    expect(log.lines).toEqual([])
  })

  it('logs a refusal with reason and length only', () => {
    const log = new RecordingLog()
    safeReturnTo('//evil.example/secret', { baseUrl: plain, log })
    expect(log.lines).toHaveLength(1)
    expect(log.about('returnto.rejected')).toEqual([
      { event: 'returnto.rejected', reason: 'not_a_path', length: 21 },
    ])
    expect(JSON.stringify(log.lines)).not.toContain('evil')
  })

  it('refuses 64 KB', () => {
    expect(checked(`/${'a'.repeat(65_536)}`)).toBe('/')
    expect(checked(`/${'\u00e9'.repeat(65_536)}`)).toBe('/')
  })

  it('case 13: never leaves our origin, for 100,000 random strings', () => {
    const random = seededRandom(13)
    const pieces = [
      '/',
      '\\',
      '.',
      '..',
      '%2e',
      '%2f',
      '%5c',
      '//',
      '\t',
      '\n',
      '\r',
      ' ',
      '@',
      ':',
      '?',
      '#',
      '\u0000',
    ]
    pieces.push(
      'evil.example',
      'https:',
      'javascript:',
      'app.example',
      'a',
      ';',
      '\u2028',
      '\u00e9',
      '\ud800',
      '[',
      '%',
    )
    let kept = 0
    for (let round = 0; round < 100_000; round += 1) {
      const length = 1 + Math.floor(random() * 8)
      const value = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('')
      const wanted = random() < 0.5 ? `/${value}` : value
      const baseUrl = random() < 0.5 ? plain : prefixed
      const location = baseUrl.path + checked(wanted, baseUrl)
      if (escapes(location)) expect.fail(`${JSON.stringify(wanted)} became ${JSON.stringify(location)}`)
      if (location === baseUrl.path + wanted) kept += 1
    }
    console.info(`return-to: 100,000 random strings, ${kept} restored as they were, 0 escapes`)
    expect(kept).toBeGreaterThan(1_000)
  })
})
