import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { inspect } from 'node:util'
import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { clientCredentials } from './client-auth.ts'
import { rejection, TestClock } from './fake-server.fixture.ts'
import { oauthProvider } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

const clock = new TestClock()

function credentials(overrides: Partial<Provider>): ReturnType<typeof clientCredentials> {
  return clientCredentials(oauthProvider(overrides), 'https://as.example', clock)
}

async function basicOf(overrides: Partial<Provider>): Promise<string> {
  const { headers, parameters } = await credentials(overrides)
  expect(parameters).toEqual({})
  const value = headers.authorization?.replace(/^Basic /, '') ?? ''
  return Buffer.from(value, 'base64').toString('utf8')
}

describe('clientCredentials', () => {
  it.each([
    ['plain', 'plain'],
    ['a-b_c.d~e', 'a-b_c.d~e'],
    ['a b', 'a%20b'],
    ['a:b', 'a%3Ab'],
    ['a+b', 'a%2Bb'],
    ['a%b', 'a%25b'],
    ["!'()*", '%21%27%28%29%2A'],
    ['a/b=c&d?', 'a%2Fb%3Dc%26d%3F'],
    ['ключ', '%D0%BA%D0%BB%D1%8E%D1%87'],
  ])(
    'client_secret_basic encodes %j as %j and leaves unreserved characters alone',
    async (secret, encoded) => {
      const basic = await basicOf({ clientId: secret, clientSecret: secret })
      expect(basic).toBe(`${encoded}:${encoded}`)
      // What a server does that decodes forms, as RFC 6749 §2.3.1 says.
      expect(new URLSearchParams(`x=${basic.split(':')[1]}`).get('x')).toBe(secret)
    },
  )

  it('client_secret_basic_raw encodes nothing', async () => {
    const clientAuth = { method: 'client_secret_basic_raw' } as const
    expect(await basicOf({ clientAuth, clientId: 'a-b', clientSecret: 's-_ +%:ü' })).toBe('a-b:s-_ +%:ü')
  })

  it('client_secret_post puts both into the body', async () => {
    expect(await credentials({ clientAuth: { method: 'client_secret_post' } })).toEqual({
      parameters: { client_id: 'client-1', client_secret: 'client-secret-1' },
      headers: {},
    })
  })

  it('none sends the client id alone', async () => {
    expect(await credentials({ clientAuth: { method: 'none' } })).toEqual({
      parameters: { client_id: 'client-1' },
      headers: {},
    })
  })

  it.each([
    'client_secret_basic',
    'client_secret_basic_raw',
    'client_secret_post',
    'client_secret_jwt',
  ] as const)('%s without a secret says which option is missing', async (method) => {
    const { clientSecret, ...secretless } = oauthProvider({ clientAuth: { method } })
    await expect(clientCredentials(secretless, 'x', clock)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('clientSecret'),
    })
  })

  it('client_secret_jwt signs an assertion with the secret, which it does not send (RFC 7523 §3)', async () => {
    const clientAuth = { method: 'client_secret_jwt' } as const
    const { parameters, headers } = await credentials({ clientAuth })
    const again = await credentials({ clientAuth })
    expect(headers).toEqual({})
    expect(Object.keys(parameters).sort()).toEqual(['client_assertion', 'client_assertion_type', 'client_id'])
    expect(JSON.stringify(parameters)).not.toContain('client-secret-1')
    const read = async (jwt = ''): ReturnType<typeof jwtVerify> =>
      jwtVerify(jwt, Buffer.from('client-secret-1'), { currentDate: new Date(clock.now() * 1000) })
    const { payload, protectedHeader } = await read(parameters.client_assertion)
    expect(protectedHeader).toMatchObject({ alg: 'HS256' })
    expect(payload).toMatchObject({
      iss: 'client-1',
      sub: 'client-1',
      aud: 'https://as.example',
      iat: clock.now(),
      exp: clock.now() + 60,
    })
    expect((await read(again.parameters.client_assertion)).payload.jti).not.toBe(payload.jti)
  })

  it('asks for the secret at each request where a function makes it', async () => {
    let made = 0
    const clientSecret = async (): Promise<string> => `secret-${++made}`
    const clientAuth = { method: 'client_secret_post', clientSecret } as const
    const sent = [await credentials({ clientAuth }), await credentials({ clientAuth })]
    expect(sent.map(({ parameters }) => parameters.client_secret)).toEqual(['secret-1', 'secret-2'])
  })

  it.each([
    ['throws', () => Promise.reject(new Error('key-SECRET'))],
    ['returns nothing', () => Promise.resolve('')],
  ])('says so, and repeats nothing, when the function that makes the secret %s', async (_name, make) => {
    const clientAuth = { method: 'client_secret_post', clientSecret: make } as const
    const error = await rejection(credentials({ clientAuth }))
    expect(error).toMatchObject({ code: 'invalid_options', message: expect.stringContaining('clientSecret') })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('SECRET')
  })

  it('private_key_jwt signs an assertion for the audience, on our clock (RFC 7523 §3)', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = await webcrypto.subtle.importKey(
      'pkcs8',
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['sign'],
    )
    const clientAuth = { method: 'private_key_jwt', privateKey: key, keyId: 'key-1' } as const
    const first = await credentials({ clientAuth })
    const second = await credentials({ clientAuth })
    expect(first.headers).toEqual({})
    expect(first.parameters).toMatchObject({
      client_id: 'client-1',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    const read = async (jwt = ''): ReturnType<typeof jwtVerify> =>
      jwtVerify(jwt, publicKey, { currentDate: new Date(clock.now() * 1000) })
    const { payload, protectedHeader } = await read(first.parameters.client_assertion)
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: 'key-1' })
    expect(payload).toMatchObject({
      iss: 'client-1',
      sub: 'client-1',
      aud: 'https://as.example',
      iat: clock.now(),
      exp: clock.now() + 60,
    })
    expect((await read(second.parameters.client_assertion)).payload.jti).not.toBe(payload.jti)
  })
})
