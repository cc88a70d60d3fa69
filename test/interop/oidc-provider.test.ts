import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import { UserAgent } from '@latchkey/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type InteropApp,
  type Registration,
  signatureAlgorithms,
  startInterop,
} from './certified-server.fixture.ts'

// The server and the app read the system time, so that is what the tests move; timers go on as they are.
const startAt = Date.UTC(2030, 0, 1)
const running: InteropApp[] = []

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: startAt })
  // The server warns of its pages and keys for development.
  for (const method of ['info', 'warn'] as const) vi.spyOn(console, method).mockImplementation(() => {})
})

afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const advance = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1_000)

async function start(registration: Registration): Promise<InteropApp> {
  const app = await startInterop(registration)
  running.push(app)
  return app
}

/** A new signature key of the server as a JWK. */
function serverKey(alg: string): object {
  return { ...newKey(alg).export({ format: 'jwk' }), alg, use: 'sig', kid: `key-${alg}` }
}

function newKey(alg: string): KeyObject {
  const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).privateKey
  if (alg === 'Ed25519' || alg === 'EdDSA') return generateKeyPairSync('ed25519').privateKey
  return generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
}

const secret = 'a secret+with%special:characters&of=every/kind~!*()' // form encoding changes most of them
const rsa = serverKey('RS256')

/** A key pair of the client for `private_key_jwt`: the public half for the server, the private one for the app. */
async function clientKey(): Promise<{ readonly jwk: object; readonly privateKey: webcrypto.CryptoKey }> {
  const pkcs8 = newKey('ES256').export({ format: 'der', type: 'pkcs8' })
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const { d: _, ...jwk } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  })
  return { jwk: { ...jwk, alg: 'ES256', use: 'sig', kid: 'client-key' }, privateKey }
}

const { jwk, privateKey } = await clientKey()

const registrations: Readonly<Record<string, Registration>> = {
  client_secret_basic: {
    metadata: { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
    preset: { clientSecret: secret },
    serverKeys: [rsa],
  },
  client_secret_post: {
    metadata: { token_endpoint_auth_method: 'client_secret_post', client_secret: secret },
    preset: { clientSecret: secret, clientAuth: { method: 'client_secret_post' } },
    serverKeys: [rsa],
  },
  private_key_jwt: {
    metadata: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } },
    preset: { clientAuth: { method: 'private_key_jwt', privateKey, keyId: 'client-key' } },
    serverKeys: [rsa],
  },
  'no secret at all': {
    metadata: { token_endpoint_auth_method: 'none' },
    preset: { clientAuth: { method: 'none' } },
    serverKeys: [rsa],
  },
}

describe.each(Object.entries(registrations))('at a certified server, with %s', (_name, registration) => {
  it('signs in: PKCE, state, nonce, iss and a verified ID token', async () => {
    const app = await start(registration)
    const page = await app.signIn('/me?tab=1')
    expect([page.status, page.url]).toEqual([200, `${app.origin}/me?tab=1`])
    expect(JSON.parse(page.text)).toMatchObject({
      user: { provider: 'certified', id: 'ada', email: 'ada@example.com', emailVerified: true },
    })
    const callback = page.history
      .map(({ url }) => new URL(url))
      .find(({ pathname }) => pathname.startsWith('/callback'))
    expect(callback?.searchParams.get('iss')).toBe(app.issuer)
    expect(app.events).toEqual(['grant.success'])
    const oauth = await app.oauthOf(app.browser)
    expect((await oauth.accessToken()).scope).toEqual(['openid', 'email', 'offline_access'])
  })

  it('refreshes once for a hundred callers, and the rotated token is good for the next', async () => {
    const app = await start(registration)
    await app.signIn('/me')
    const oauth = await app.oauthOf(app.browser)
    for (let refresh = 1; refresh <= 4; refresh += 1) {
      advance(3_700)
      const replies = await Promise.all(Array.from({ length: 100 }, () => oauth.fetch(`${app.issuer}/me`)))
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]))
      expect(await replies[0]?.json()).toMatchObject({ sub: 'ada' })
      await Promise.all(replies.slice(1).map((reply) => reply.body?.cancel()))
      const { refreshCount, authorizedAt } = (await oauth.accounts[0]?.status()) ?? {}
      expect([refreshCount, authorizedAt]).toEqual([refresh, startAt / 1_000])
    }
    expect(app.events.filter((event) => event === 'refresh_token.consumed')).toHaveLength(4)
    expect(app.events.filter((event) => event === 'grant.success')).toHaveLength(5)
    expect(app.events).not.toContain('grant.error')
  })

  it('revokes its tokens when the user signs out', async () => {
    const app = await start(registration)
    await app.signIn('/me')
    const { value } = await (await app.oauthOf(app.browser)).accessToken()
    const askWith = () => fetch(`${app.issuer}/me`, { headers: { authorization: `Bearer ${value}` } })
    expect((await askWith()).status).toBe(200)
    expect((await app.browser.post(`${app.origin}/logout`)).status).toBeLessThan(500)
    expect((await askWith()).status).toBe(401)
    await vi.waitUntil(() => app.events.includes('grant.revoked'), { timeout: 20_000 })
    expect(app.logged.filter((line) => line.includes('revocation'))).toEqual([])
  })

  it('is told when a grant has ended, and signs in again', async () => {
    const app = await start(registration)
    await app.signIn('/me')
    const oauth = await app.oauthOf(app.browser)
    advance(86_400 + 1)
    await expect(oauth.fetch(`${app.issuer}/me`)).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
    expect((await app.signIn('/me')).status).toBe(200)
  })
})

describe('at a certified server', () => {
  const basic = registrations.client_secret_basic ?? { metadata: {}, preset: {}, serverKeys: [] }

  it('a login without PKCE is refused by it, and nobody is signed in', async () => {
    const app = await start({ ...basic, preset: { ...basic.preset, pkce: 'never' } })
    const page = await app.signIn('/login/certified')
    expect(page.status).toBe(500)
    expect(app.events).toEqual(['authorization.error'])
    expect(app.logged.join()).toContain('"reason":"invalid_request"')
  })

  it('a callback without its iss is refused by us', async () => {
    const app = await start(basic)
    const page = await app.browser.get(`${app.origin}/login/certified`)
    const form = await app.browser.submit(page, {
      button: 'Sign-in',
      fields: { login: 'ada', password: 'any' },
    })
    let answer = await app.browser.submit(form, { button: 'Continue', redirect: 'manual' })
    while (!answer.location?.startsWith(app.origin)) {
      answer = await app.browser.get(new URL(answer.location ?? '', app.issuer), { redirect: 'manual' })
    }
    const callback = new URL(answer.location)
    callback.searchParams.delete('iss')
    expect((await app.browser.get(callback)).status).toBe(400)
    expect(app.events).toEqual([])
    expect(app.logged.join()).toContain('"reason":"iss"')
  })

  it('a user who cancels is not signed in', async () => {
    const app = await start(basic)
    const page = await app.browser.get(`${app.origin}/login/certified`)
    const answer = await app.browser.click(page, '[ Cancel ]')
    expect([answer.status, answer.url.startsWith(`${app.origin}/callback/certified?`)]).toEqual([403, true])
  })

  it('a wrong client secret loses nobody anything', async () => {
    const app = await start({ ...basic, preset: { ...basic.preset, clientSecret: 'another-client-secret' } })
    const page = await app.signIn('/login/certified')
    expect([page.status, app.events]).toEqual([500, ['grant.error']])
  })

  it.each(signatureAlgorithms.filter((alg) => alg !== 'HS256'))(
    'an ID token signed with %s is verified, at a refresh too',
    async (alg) => {
      const app = await start({
        metadata: { ...basic.metadata, id_token_signed_response_alg: alg },
        preset: basic.preset,
        serverKeys: [rsa, serverKey(alg)].slice(alg === 'RS256' ? 1 : 0),
      })
      expect((await app.signIn('/me')).status).toBe(200)
      const oauth = await app.oauthOf(app.browser)
      advance(3_700)
      expect((await oauth.fetch(`${app.issuer}/me`)).status).toBe(200)
      expect(app.logged.filter((line) => line.includes('id_token'))).toEqual([])
    },
  )

  it('an ID token signed with an algorithm that is not ours is refused', async () => {
    const app = await start({
      metadata: { ...basic.metadata, id_token_signed_response_alg: 'HS256' },
      preset: basic.preset,
      serverKeys: [rsa],
    })
    expect((await app.signIn('/login/certified')).status).toBe(400)
    expect(app.logged.join()).toContain('"reason":"id_token_alg"')
  })

  it('two browsers of one user have a grant each: one signs out, the other stays', async () => {
    const app = await start(basic)
    const other = new UserAgent()
    await app.signIn('/me')
    await app.signIn('/me', other)
    await app.browser.post(`${app.origin}/logout`)
    advance(3_700)
    expect((await other.get(`${app.origin}/me`)).status).toBe(200)
    expect(app.events.filter((event) => event === 'refresh_token.consumed')).toHaveLength(1)
  })
})
