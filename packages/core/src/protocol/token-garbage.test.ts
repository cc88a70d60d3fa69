import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { good, read } from './token-answer.fixture.ts'

const text = (value: unknown): string => JSON.stringify(value)
const withRefresh = (fields: object): string => text({ refresh_token: 'rt2', ...fields })

/** Bodies of a 200 answer that must not become a token set; the flag says whether a new refresh token can be saved. */
const garbage: readonly (readonly [string, string | Uint8Array, 'saved' | 'nothing'])[] = [
  ['nothing', '', 'nothing'],
  ['a space', ' ', 'nothing'],
  ['HTML', '<!doctype html><title>Sign in</title>', 'nothing'],
  ['HTML with braces', '<script>var a = {}</script>', 'nothing'],
  ['plain text', 'OK', 'nothing'],
  ['XML', '<?xml version="1.0"?><token>at2</token>', 'nothing'],
  ['null', 'null', 'nothing'],
  ['true', 'true', 'nothing'],
  ['a number', '42', 'nothing'],
  ['a string', '"at2"', 'nothing'],
  ['an array', `[${good}]`, 'saved'],
  ['an empty array', '[]', 'nothing'],
  ['an empty object', '{}', 'nothing'],
  ['a form without its content type', 'access_token=at2&refresh_token=rt2', 'nothing'],
  ['NaN', 'NaN', 'nothing'],
  ['a byte order mark', `\uFEFF${good}`, 'saved'],
  ['UTF-16', Buffer.from(good, 'utf16le'), 'nothing'],
  [
    'invalid UTF-8',
    Buffer.concat([Buffer.from(good.slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]),
    'saved',
  ],
  [
    'an overlong encoding',
    Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]),
    'nothing',
  ],
  ['trailing bytes', `${good}x`, 'saved'],
  ['two objects', `${good}${good}`, 'saved'],
  ['a trailing comma', '{"access_token":"at2","refresh_token":"rt2",}', 'saved'],
  ['a trailing NUL', `${good}\u0000`, 'saved'],
  ['an unfinished object', good.slice(0, -1), 'saved'],
  ['an unfinished string', good.slice(0, 20), 'nothing'],
  ['single quotes', good.replaceAll('"', "'"), 'nothing'],
  ['a comment', `/* hi */${good}`, 'saved'],
  ['JSONP', `callback(${good})`, 'saved'],
  ['an anti-hijacking prefix', `)]}',\n${good}`, 'saved'],
  ['mislabelled gzip', gzipSync(good), 'nothing'],
  ['the same key twice', '{"access_token":"at2","access_token":"at3","refresh_token":"rt2"}', 'saved'],
  ['the same key twice, once escaped', '{"access_token":"at2","access\\u005ftoken":"at3"}', 'nothing'],
  ['the same nested key twice', '{"access_token":"at2","x":{"y":1,"y":2}}', 'nothing'],
  ['no access token', withRefresh({ token_type: 'Bearer' }), 'saved'],
  ['a null access token', withRefresh({ access_token: null }), 'saved'],
  ['an empty access token', withRefresh({ access_token: '' }), 'saved'],
  ['a number as access token', withRefresh({ access_token: 7 }), 'saved'],
  ['an object as access token', withRefresh({ access_token: { value: 'at2' } }), 'saved'],
  ['an array as access token', withRefresh({ access_token: ['at2'] }), 'saved'],
  ['true as access token', withRefresh({ access_token: true }), 'saved'],
  ['a space in the access token', withRefresh({ access_token: 'a b' }), 'saved'],
  ['a line break in the access token', withRefresh({ access_token: 'a\r\nx-evil: 1' }), 'saved'],
  ['a tab in the access token', withRefresh({ access_token: 'a\tb' }), 'saved'],
  ['a NUL in the access token', withRefresh({ access_token: 'a\u0000' }), 'saved'],
  ['letters beyond ASCII in the access token', withRefresh({ access_token: 'tökén' }), 'saved'],
  ['a DEL in the access token', withRefresh({ access_token: 'a\u007f' }), 'saved'],
  ['a huge access token', withRefresh({ access_token: 'a'.repeat(70_000) }), 'saved'],
  ['the token type mac', withRefresh({ access_token: 'a', token_type: 'mac' }), 'saved'],
  ['the token type N_A', withRefresh({ access_token: 'a', token_type: 'N_A' }), 'saved'],
  ['a number as token type', withRefresh({ access_token: 'a', token_type: 1 }), 'saved'],
  ['an array as token type', withRefresh({ access_token: 'a', token_type: ['Bearer'] }), 'saved'],
  ['a number as refresh token', text({ access_token: 'a', refresh_token: 1 }), 'nothing'],
  ['an object as refresh token', text({ access_token: 'a', refresh_token: {} }), 'nothing'],
  ['a line break in the refresh token', text({ access_token: 'a', refresh_token: 'r\n2' }), 'nothing'],
  ['a number as ID token', withRefresh({ access_token: 'a', id_token: 1 }), 'saved'],
  ['the access token under another name', withRefresh({ accessToken: 'at2' }), 'saved'],
  ['the access token under another case', withRefresh({ Access_Token: 'at2' }), 'saved'],
  ['the access token one level too deep', withRefresh({ data: { access_token: 'at2' } }), 'saved'],
  ['the access token on a prototype', '{"__proto__":{"access_token":"at2"}}', 'nothing'],
  ['a refresh token on a prototype', '{"__proto__":{"refresh_token":"rt2"}}', 'nothing'],
  ['an error beside a new token set', withRefresh({ access_token: 'a', error: 'server_error' }), 'saved'],
  [
    'invalid_grant beside a new token set',
    withRefresh({ access_token: 'a', error: 'invalid_grant' }),
    'saved',
  ],
  ['deep nesting', `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'nothing'],
]

describe('readTokenAnswer with garbage that looks fine', () => {
  it.each(garbage)('case 80: takes 200 with %s for garbage', (_name, body, refreshToken) => {
    const { oauth, ...answer } = read({ body }) as { oauth?: unknown } // the named error is shown elsewhere
    expect(answer).toEqual({
      kind: 'retry',
      reason: 'garbage',
      outcome: 'unknown',
      status: 200,
      ...(refreshToken === 'saved' ? { refreshToken: 'rt2' } : {}),
    })
  })

  it('case 80: covers at least 50 bodies', () => {
    expect(garbage.length).toBeGreaterThanOrEqual(50)
  })

  it('does not hand back the refresh token that we already have', () => {
    expect(read({ body: { refresh_token: 'refresh-token-1' } })).not.toHaveProperty('refreshToken')
  })

  it('takes a form with a repeated name for garbage', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(read({ headers, body: 'access_token=a&access_token=b' })).toMatchObject({ reason: 'garbage' })
  })

  it('case 88: takes 256 KB of hostile quotes for garbage', () => {
    for (const piece of ['\\"', '"', '{"', '{"a":', '[', '"\\u0022":', '{}']) {
      const body = piece.repeat(Math.floor(262_144 / piece.length))
      expect(read({ body })).toMatchObject({ kind: 'retry', reason: 'garbage' })
    }
  })
})
