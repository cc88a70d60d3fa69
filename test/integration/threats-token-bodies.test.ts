import { describe, expect, it } from 'vitest'
import { startHarness } from './harness.fixture.ts'
import { authorizationResponse } from './login-steps.fixture.ts'
import { failure, startSignedIn } from './signed-in.fixture.ts'

const good = { access_token: 'abc', token_type: 'Bearer', expires_in: 3600 }
const text = JSON.stringify(good)
const encoded = (coding: string) => ({ 'content-encoding': coding })

/** Bodies with status 200 that look like a token answer to somebody, and are none. */
const garbage: readonly (readonly [
  name: string,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
])[] = [
  ['nothing', ''],
  ['white space', ' \r\n\t '],
  ['a page', '<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' }],
  ['a page called JSON', '<html>{"access_token":"abc","token_type":"Bearer"}</html>'],
  ['XML', '<token>abc</token>', { 'content-type': 'application/xml' }],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '42'],
  ['a string', '"abc"'],
  ['the answer inside a string', JSON.stringify(text)],
  ['an empty list', '[]'],
  ['the answer inside a list', `[${text}]`],
  ['an empty object', '{}'],
  ['the answer inside an object', `{"data":${text}}`],
  ['the answer on the prototype', `{"__proto__":${text}}`],
  ['the answer in constructor.prototype', `{"constructor":{"prototype":${text}}}`],
  ['names in capitals', '{"ACCESS_TOKEN":"abc","TOKEN_TYPE":"Bearer"}'],
  ['names in another style', '{"accessToken":"abc","tokenType":"Bearer"}'],
  ['no access token', { token_type: 'Bearer' }],
  ['access token null', { ...good, access_token: null }],
  ['access token empty', { ...good, access_token: '' }],
  ['access token a number', { ...good, access_token: 12_345 }],
  ['access token true', { ...good, access_token: true }],
  ['access token a list', { ...good, access_token: ['abc'] }],
  ['access token an object', { ...good, access_token: { toString: 'abc' } }],
  ['access token with a space', { ...good, access_token: 'a b' }],
  ['access token of 65 KB', { ...good, access_token: 'x'.repeat(66_000) }],
  ['token type mac', { ...good, token_type: 'mac' }],
  ['token type DPoP', { ...good, token_type: 'DPoP' }],
  ['token type N_A', { ...good, token_type: 'N_A' }],
  ['token type a number', { ...good, token_type: 1 }],
  ['token type a list', { ...good, token_type: ['Bearer'] }],
  ['token type with a space', { ...good, token_type: 'Bearer ' }],
  ['refresh token a number', { ...good, refresh_token: 5 }],
  ['refresh token an object', { ...good, refresh_token: {} }],
  ['refresh token with a line break', { ...good, refresh_token: 'a\r\nb' }],
  ['refresh token beyond ASCII', { ...good, refresh_token: 'ключ' }],
  ['ID token a number', { ...good, id_token: 7 }],
  ['a byte order mark', `\ufeff${text}`],
  ['UTF-16', Buffer.from(text, 'utf16le')],
  ['UTF-16 with its mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
  [
    'invalid UTF-8',
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${text.slice(1)}`)]),
  ],
  ['access token twice', '{"access_token":"abc","access_token":"def","token_type":"Bearer"}'],
  ['token type twice', '{"access_token":"abc","token_type":"Bearer","token_type":"mac"}'],
  ['a name twice, once escaped', '{"access_token":"abc","access\\u005ftoken":"def","token_type":"Bearer"}'],
  ['trailing bytes', `${text}x`],
  ['a trailing NUL', `${text}\u0000`],
  ['a second answer', text + text],
  ['a cut answer', text.slice(0, -1)],
  ['a trailing comma', `${text.slice(0, -1)},}`],
  ['single quotes', text.replaceAll('"', "'")],
  ['a comment', `/* hello */${text}`],
  ['NaN', '{"access_token":"abc","token_type":"Bearer","expires_in":NaN}'],
  ['a guard prefix', `)]}',\n${text}`],
  ['a script', `callback(${text})`],
  ['a form called JSON', 'access_token=abc&token_type=Bearer'],
  [
    'a form with a name twice',
    'access_token=abc&access_token=def&token_type=Bearer',
    { 'content-type': 'application/x-www-form-urlencoded' },
  ],
  ['100,000 brackets', '['.repeat(100_000)],
  ['100,000 nested objects', '{"a":'.repeat(100_000)],
  ['plain text called gzip', text, encoded('gzip')],
  ['plain text called deflate', text, encoded('deflate')],
  ['plain text called br', text, encoded('br')],
  ['two codings', text, encoded('gzip, gzip')],
  ['an unknown coding', text, encoded('zstd')],
  ['a coding that is none', text, encoded('utf-8')],
]

describe('a token answer that only looks like one', () => {
  it(`case 80: ${garbage.length} bodies at a refresh: nothing is stored, the refresh token is kept`, async () => {
    const { as, rs, oauth, clock } = await startSignedIn({ server: { policy: { reuseKillsFamily: true } } })
    await clock.advance(3_700)
    for (const [name, body, headers = {}] of garbage) {
      const before = await oauth.accounts[0]?.status()
      as.faults.next('token', 1, { body, headers })
      expect(await failure(oauth.fetch(rs.origin)), name).toMatchObject({
        code: 'as_unavailable',
        reason: 'garbage',
      })
      expect(await oauth.accounts[0]?.status(), name).toEqual(before)
      await clock.advance(11)
    }
    // Once each, because the same question would bring the same answer.
    expect([as.calls.token, rs.calls.resource]).toEqual([1 + garbage.length, 0])
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    expect(as.liveFor('user-ada')).toMatchObject({ generation: 1, familyRevoked: false })
    console.log(`case 80: ${garbage.length} bodies at a refresh`)
  })

  it(`case 80: ${garbage.length} bodies at a code exchange: nobody is signed in`, async () => {
    const { as, browser, origin } = await startHarness({ server: { autoApprove: 'user-ada' } })
    for (const [name, body, headers = {}] of garbage) {
      const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
      as.faults.next('token', 1, { body, headers })
      expect((await browser.get(callbackUrl)).status, name).toBe(503)
      expect(browser.cookies.all, name).toEqual([])
    }
    expect(as.calls.token).toBe(garbage.length)
    expect((await browser.get(`${origin}/me`)).status).toBe(200)
  })

  it.each([
    ['a token type in another case', { token_type: 'bEaReR' }, {}],
    ['no token type', { token_type: undefined }, {}],
    ['an empty token type', { token_type: '' }, {}],
    ['another content type', {}, { 'content-type': 'text/html; charset=utf-16' }],
    ['no content type', {}, { 'content-type': undefined }],
    ['members that nobody knows', { extra: { deep: [1, { a: null }] }, __proto__x: 1 }, {}],
  ])('case 80: with %s is one', async (_name, fields, headers) => {
    const { as, rs, oauth, clock, expectVaultIsLive } = await startSignedIn()
    await clock.advance(3_700)
    as.faults.next('token', 1, { fields, headers })
    expect((await oauth.fetch(rs.origin)).status).toBe(200)
    await expectVaultIsLive()
  })
})
