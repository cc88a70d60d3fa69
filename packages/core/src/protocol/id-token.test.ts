import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FakeServer, rejection } from './fake-server.fixture.ts'
import { ecKey, part, rsaKey, signHmac, signJwt } from './id-token.fixture.ts'
import { type IdTokenClaims, IdTokenError, verifyIdToken } from './id-token.ts'
import { KeySource } from './jwks.ts'
import { openidProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

const now = 1_800_000_000
const rsa = rsaKey('rsa-1')
const ec = ecKey('ec-1')
const foreign = rsaKey('rsa-1')
const accessToken = 'access-token-1'
const rsaPem = rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })

const claims = {
  iss: 'https://as.example',
  sub: 'user-1',
  aud: 'client-1',
  iat: now,
  exp: now + 300,
  nonce: 'nonce-1',
}
const without = (name: string): object => ({ ...claims, [name]: undefined })

async function verify(
  jwt: string,
  options: {
    provider?: Partial<Provider>
    keys?: readonly object[]
    clockSkew?: number
    nonce?: string
  } = {},
): Promise<IdTokenClaims> {
  const server = new FakeServer()
  server.clock.seconds = now + (options.clockSkew ?? 0)
  server.on('GET https://as.example/jwks', { body: { keys: options.keys ?? [rsa.jwk, ec.jwk] } })
  const { transport, clock, log } = server
  return verifyIdToken(jwt, {
    provider: openidProvider(options.provider),
    issuer: 'https://as.example',
    keys: new KeySource({ provider: 'example', transport, clock, log }).resolver('https://as.example/jwks'),
    clock,
    accessToken,
    nonce: { required: options.nonce ?? 'nonce-1' },
  })
}

function atHash(token: string): string {
  return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
}

function tampered(jwt: string, index: number, value: string): string {
  return jwt
    .split('.')
    .map((text, at) => (at === index ? value : text))
    .join('.')
}

describe('verifyIdToken with a good token', () => {
  it.each([
    ['RS256', signJwt(rsa, claims)],
    ['ES256', signJwt(ec, claims)],
    ['an aud array of one', signJwt(rsa, { ...claims, aud: ['client-1'] })],
    ['a further audience and azp', signJwt(rsa, { ...claims, aud: ['client-1', 'api'], azp: 'client-1' })],
    ['azp', signJwt(rsa, { ...claims, azp: 'client-1' })],
    ['at_hash', signJwt(rsa, { ...claims, at_hash: atHash(accessToken) })],
    ['typ JWT', signJwt(rsa, claims, { typ: 'JWT' })],
    ['an expiry 29 seconds ago', signJwt(rsa, { ...claims, iat: now - 300, exp: now - 29 })],
    ['an nbf 29 seconds ahead', signJwt(rsa, { ...claims, nbf: now + 29 })],
    ['no kid, one key of that type', signJwt(rsa, claims, { kid: undefined })],
  ])('case 10: accepts %s', async (_name, jwt) => {
    expect((await verify(jwt)).sub).toBe('user-1')
  })

  it('accepts HS256 with the client secret when the preset lists it', async () => {
    const jwt = signHmac('client-secret-1', claims)
    expect((await verify(jwt, { provider: { idTokenAlgorithms: ['HS256'] } })).sub).toBe('user-1')
  })

  it('accepts the other names of the issuer that the preset lists, and tells of one issuer', async () => {
    const provider = { idTokenIssuers: ['as.example'] }
    const verified = await verify(signJwt(rsa, { ...claims, iss: 'as.example' }), { provider })
    expect(verified.iss).toBe('https://as.example')
    expect((await verify(signJwt(rsa, claims), { provider })).iss).toBe('https://as.example')
    const foreign = verify(signJwt(rsa, { ...claims, iss: 'http://as.example' }), { provider })
    await expect(foreign).rejects.toMatchObject({ reason: 'iss' })
  })

  it('case 83: accepts tokens of a server whose clock runs 5 minutes fast', async () => {
    expect((await verify(signJwt(rsa, claims), { clockSkew: -299 })).sub).toBe('user-1')
  })

  it('case 85: keeps __proto__ out of the claims', async () => {
    const payload = JSON.stringify(claims).replace('{', '{"__proto__":{"admin":true},')
    const verified = await verify(signJwt(rsa, payload))
    expect(Object.assign({}, verified)).not.toHaveProperty('admin')
  })
})

/** Every one must be refused, and none may cause a request to anywhere but our JWKS endpoint. */
const bad: readonly (readonly [string, string, string?])[] = [
  ['no issuer', signJwt(rsa, without('iss')), 'iss_missing'],
  ['another issuer', signJwt(rsa, { ...claims, iss: 'https://evil.example' }), 'iss'],
  ['the issuer with a slash', signJwt(rsa, { ...claims, iss: 'https://as.example/' }), 'iss'],
  ['the issuer in capitals', signJwt(rsa, { ...claims, iss: 'https://AS.example' }), 'iss'],
  ['the issuer over http', signJwt(rsa, { ...claims, iss: 'http://as.example' }), 'iss'],
  ['an array of issuers', signJwt(rsa, { ...claims, iss: ['https://as.example'] })],
  ['an empty issuer', signJwt(rsa, { ...claims, iss: '' })],
  ['no audience', signJwt(rsa, without('aud')), 'aud_missing'],
  ['another audience', signJwt(rsa, { ...claims, aud: 'client-2' }), 'aud'],
  ['another audience in an array', signJwt(rsa, { ...claims, aud: ['client-2'] }), 'aud'],
  ['an empty audience array', signJwt(rsa, { ...claims, aud: [] })],
  ['our audience in capitals', signJwt(rsa, { ...claims, aud: 'CLIENT-1' }), 'aud'],
  ['a number as audience', signJwt(rsa, { ...claims, aud: 1 })],
  ['an object as audience', signJwt(rsa, { ...claims, aud: { 'client-1': true } })],
  ['a further audience without azp', signJwt(rsa, { ...claims, aud: ['client-1', 'evil'] }), 'aud'],
  [
    'a further audience and another azp',
    signJwt(rsa, { ...claims, aud: ['client-1', 'evil'], azp: 'evil' }),
    'aud',
  ],
  ['a number as further audience', signJwt(rsa, { ...claims, aud: ['client-1', 2] })],
  ['another azp', signJwt(rsa, { ...claims, azp: 'evil' }), 'azp'],
  ['a null azp', signJwt(rsa, { ...claims, azp: null }), 'azp'],
  ['an azp array', signJwt(rsa, { ...claims, azp: ['client-1'] }), 'azp'],
  ['no subject', signJwt(rsa, without('sub')), 'sub_missing'],
  ['an empty subject', signJwt(rsa, { ...claims, sub: '' }), 'sub'],
  ['a number as subject', signJwt(rsa, { ...claims, sub: 1 })],
  ['a null subject', signJwt(rsa, { ...claims, sub: null })],
  ['a subject of 256 characters', signJwt(rsa, { ...claims, sub: 'x'.repeat(256) }), 'sub'],
  ['no iat', signJwt(rsa, without('iat')), 'iat_missing'],
  ['iat as text', signJwt(rsa, { ...claims, iat: String(now) })],
  ['iat an hour ahead', signJwt(rsa, { ...claims, iat: now + 3600, exp: now + 7200 }), 'iat'],
  ['iat after exp', signJwt(rsa, { ...claims, iat: now + 301 }), 'iat'],
  ['no exp', signJwt(rsa, without('exp')), 'exp_missing'],
  ['exp as text', signJwt(rsa, { ...claims, exp: String(now + 300) })],
  ['exp five minutes ago', signJwt(rsa, { ...claims, iat: now - 600, exp: now - 300 }), 'exp'],
  ['exp 31 seconds ago', signJwt(rsa, { ...claims, iat: now - 600, exp: now - 31 }), 'exp'],
  ['exp zero', signJwt(rsa, { ...claims, exp: 0 }), 'exp'],
  ['nbf a minute ahead', signJwt(rsa, { ...claims, nbf: now + 60 }), 'nbf'],
  ['nbf as text', signJwt(rsa, { ...claims, nbf: 'now' })],
  ['no nonce', signJwt(rsa, without('nonce')), 'nonce'],
  ['another nonce', signJwt(rsa, { ...claims, nonce: 'nonce-2' }), 'nonce'],
  ['a nonce array', signJwt(rsa, { ...claims, nonce: ['nonce-1'] }), 'nonce'],
  ['an empty nonce', signJwt(rsa, { ...claims, nonce: '' }), 'nonce'],
  ['a null nonce', signJwt(rsa, { ...claims, nonce: null }), 'nonce'],
  ['a longer nonce', signJwt(rsa, { ...claims, nonce: 'nonce-1 ' }), 'nonce'],
  ['alg none', `${part({ alg: 'none' })}.${part(claims)}.`, 'alg'],
  ['alg None', `${part({ alg: 'None' })}.${part(claims)}.`, 'alg'],
  ['alg none with a signature', signJwt(rsa, claims, { alg: 'none' }), 'alg'],
  ['no alg', signJwt(rsa, claims, { alg: undefined }), 'alg'],
  ['a number as alg', signJwt(rsa, claims, { alg: 256 }), 'alg'],
  ['an alg that is not listed', signJwt(rsa, claims, { alg: 'RS512' }), 'alg'],
  ['PS256, not listed', signJwt(rsa, claims, { alg: 'PS256' }), 'alg'],
  ['HS256 with the client secret', signHmac('client-secret-1', claims), 'alg'],
  ['HS256 with the public key as text', signHmac(JSON.stringify(rsa.jwk), claims), 'alg'],
  ['HS256 with the key’s PEM', signHmac(Buffer.from(rsaPem), claims), 'alg'],
  ['HS256 with an empty secret', signHmac('', claims), 'alg'],
  ['ES256 in the header, RSA signature', signJwt(rsa, claims, { alg: 'ES256' })],
  ['RS256 in the header, EC key and signature', signJwt(ec, claims, { alg: 'RS256' })],
  ['another key under a known kid', signJwt(foreign, claims), 'signature'],
  ['an unknown kid', signJwt(rsa, claims, { kid: 'rsa-9' }), 'unknown_key'],
  ['an empty kid', signJwt(rsa, claims, { kid: '' }), 'unknown_key'],
  ['the kid of a key of another type', signJwt(rsa, claims, { kid: 'ec-1' }), 'unknown_key'],
  ['a number as kid', signJwt(rsa, claims, { kid: 1 })],
  ['a path as kid', signJwt(foreign, claims, { kid: '../../dev/null' }), 'unknown_key'],
  ['jku', signJwt(foreign, claims, { jku: 'https://evil.example/jwks' }), 'signature'],
  ['x5u', signJwt(foreign, claims, { x5u: 'https://evil.example/cert' }), 'signature'],
  ['jwk', signJwt(foreign, claims, { jwk: foreign.jwk }), 'signature'],
  ['jwk without kid', signJwt(foreign, claims, { kid: undefined, jwk: foreign.jwk }), 'signature'],
  ['x5c', signJwt(foreign, claims, { x5c: ['AAAA'] }), 'signature'],
  ['crit', signJwt(rsa, claims, { crit: ['exp'], exp: now + 300 }), 'crit'],
  ['crit of b64', signJwt(rsa, claims, { crit: ['b64'], b64: false }), 'crit'],
  ['an empty crit', signJwt(rsa, claims, { crit: [] }), 'crit'],
  ['typ logout+jwt', signJwt(rsa, claims, { typ: 'logout+jwt' }), 'typ'],
  ['typ LOGOUT+JWT', signJwt(rsa, claims, { typ: 'LOGOUT+JWT' }), 'typ'],
  ['typ at+jwt', signJwt(rsa, claims, { typ: 'at+jwt' }), 'typ'],
  ['typ application/at+jwt', signJwt(rsa, claims, { typ: 'application/at+jwt' }), 'typ'],
  ['a number as typ', signJwt(rsa, claims, { typ: 1 }), 'typ'],
  ['the at_hash of another token', signJwt(rsa, { ...claims, at_hash: atHash('other') }), 'at_hash'],
  ['an empty at_hash', signJwt(rsa, { ...claims, at_hash: '' }), 'at_hash'],
  ['a null at_hash', signJwt(rsa, { ...claims, at_hash: null }), 'at_hash'],
  [
    'the whole hash as at_hash',
    signJwt(rsa, { ...claims, at_hash: createHash('sha256').update(accessToken).digest('base64url') }),
    'at_hash',
  ],
  ['an at_hash array', signJwt(rsa, { ...claims, at_hash: [atHash(accessToken)] }), 'at_hash'],
  ['a changed payload', tampered(signJwt(rsa, claims), 1, part({ ...claims, sub: 'admin' })), 'signature'],
  [
    'a changed header',
    tampered(signJwt(rsa, claims), 0, part({ alg: 'RS256', kid: 'rsa-1', x: 1 })),
    'signature',
  ],
  ['an empty signature', tampered(signJwt(rsa, claims), 2, '')],
  ['a cut signature', signJwt(rsa, claims).slice(0, -8)],
  [
    'a signature of zeros',
    tampered(signJwt(rsa, claims), 2, Buffer.alloc(256).toString('base64url')),
    'signature',
  ],
  [
    'an EC signature of zeros',
    tampered(signJwt(ec, claims), 2, Buffer.alloc(64).toString('base64url')),
    'signature',
  ],
  ['nothing', '', 'not_a_jws'],
  ['one part', 'x', 'not_a_jws'],
  ['two parts', `${part({ alg: 'RS256' })}.${part(claims)}`, 'not_a_jws'],
  ['four parts', `${signJwt(rsa, claims)}.x`, 'not_a_jws'],
  [
    'an encrypted token',
    `${part({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_000_000_000, zip: 'DEF' })}.a.b.c.d`,
    'not_a_jws',
  ],
  ['many dots', '.'.repeat(60_000), 'not_a_jws'],
  ['a header that is no JSON', `${part('x')}.${part(claims)}.AAAA`, 'header'],
  ['a payload that is no object', signJwt(rsa, 'null')],
  ['a payload array', signJwt(rsa, '[]')],
  ['a claim named twice', signJwt(rsa, JSON.stringify(claims).replace('{', '{"sub":"admin",')), 'payload'],
  ['spaces around it', ` ${signJwt(rsa, claims)} `],
  ['64 KB and more', signJwt(rsa, { ...claims, filler: 'x'.repeat(65_536) }), 'too_long'],
]

describe('verifyIdToken with a bad token', () => {
  const variants = bad.map(([name, jwt, reason]) => ({ name, jwt, reason }))

  it.each(variants)('case 10: refuses $name', async ({ jwt, reason }) => {
    const error = await rejection(verify(jwt))
    expect(error).toBeInstanceOf(IdTokenError)
    if (reason !== undefined) expect(error).toMatchObject({ reason })
    expect((error as Error).cause).toBeUndefined()
  })

  it('case 10: covers at least 60 variants', () => {
    expect(bad.length).toBeGreaterThanOrEqual(60)
  })

  it.each([
    [
      'two keys fit a token without kid',
      signJwt(rsa, claims, { kid: undefined }),
      [rsa.jwk, rsaKey('rsa-2').jwk],
      'ambiguous_key',
    ],
    ['two keys have the kid', signJwt(rsa, claims), [rsa.jwk, foreign.jwk], 'ambiguous_key'],
    ['the key is for encryption', signJwt(rsa, claims), [{ ...rsa.jwk, use: 'enc' }], 'unknown_key'],
    ['the key is for another algorithm', signJwt(rsa, claims), [{ ...rsa.jwk, alg: 'PS256' }], 'unknown_key'],
    [
      'the set publishes a private key',
      signJwt(rsa, claims),
      [{ ...rsa.privateKey.export({ format: 'jwk' }), kid: 'rsa-1' }],
      'unknown_key',
    ],
    ['the set is empty', signJwt(rsa, claims), [], 'unknown_key'],
    ['the set holds nonsense', signJwt(rsa, claims), [null, 1, 'x', [], {}], undefined],
  ] satisfies [string, string, unknown[], string | undefined][])(
    'case 10: refuses it when %s',
    async (_name, jwt, keys, reason) => {
      // A broken server can publish anything.
      const error = await rejection(verify(jwt, { keys: keys as object[] }))
      expect(error).toBeInstanceOf(IdTokenError)
      if (reason !== undefined) expect(error).toMatchObject({ reason })
    },
  )

  it('refuses a key below 2048 bits', async () => {
    const small = rsaKey('small', 'RS256', 1024)
    expect(await rejection(verify(signJwt(small, claims), { keys: [small.jwk] }))).toBeInstanceOf(
      IdTokenError,
    )
  })

  it('refuses HS256 when the preset lists it but there is no secret', async () => {
    const { clientSecret, ...secretless } = openidProvider({ idTokenAlgorithms: ['HS256'] })
    const server = new FakeServer()
    server.clock.seconds = now
    const { transport, clock, log } = server
    const keys = new KeySource({ provider: 'example', transport, clock, log }).resolver(
      'https://as.example/jwks',
    )
    const context = { provider: secretless, issuer: 'https://as.example', keys, clock, accessToken }
    const error = await rejection(
      verifyIdToken(signHmac('', claims), { ...context, nonce: { required: 'nonce-1' } }),
    )
    expect(error).toMatchObject({ reason: 'no_secret' })
  })

  it('case 9: refuses the nonce of another open login', async () => {
    expect(await rejection(verify(signJwt(rsa, claims), { nonce: 'nonce-of-another' }))).toMatchObject({
      reason: 'nonce',
    })
  })
})
