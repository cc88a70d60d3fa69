import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { fixture } from './server.fixture.ts'

describe('client authentication', () => {
  const basic = (pair: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  })
  const odd = { clientId: 'odd', clientSecret: 'a+b %25:c', redirectUris: [] }
  const grant = { grant_type: 'client_credentials' }

  it('reads Basic credentials form-decoded or raw, as the policy says (RFC 6749 §2.3.1)', async () => {
    await using f = await fixture({ clients: [odd] })
    const encoded = basic('odd:a%2Bb+%2525%3Ac')
    const raw = basic('odd:a+b %25:c')
    const statuses = async (): Promise<number[]> => [
      (await f.token(grant, encoded)).status,
      (await f.token(grant, raw)).status,
    ]
    expect(await statuses()).toEqual([200, 200])
    f.as.policy.basicDecoding = 'form'
    expect(await statuses()).toEqual([200, 401])
    f.as.policy.basicDecoding = 'raw'
    expect(await statuses()).toEqual([401, 200])
  })

  it('refuses a wrong secret, two methods at once, a missing secret and another content type', async () => {
    await using f = await fixture()
    expect((await f.token({ ...grant, client_secret: 'wrong' })).body.error).toBe('invalid_client')
    const both = await f.token({ ...grant, client_secret: 'app-secret-1' }, basic('app:app-secret-1'))
    expect(both.body.error).toBe('invalid_request')
    const none = await fetch(f.as.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({ ...grant, client_id: 'app' }),
    })
    expect(none.status).toBe(401)
    const jsonBody = await fetch(f.as.endpoints.token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(jsonBody.status).toBe(400)
  })

  it('takes a changed secret at once and back', async () => {
    await using f = await fixture()
    f.as.setClientSecret('app', 'another-secret')
    expect((await f.token(grant)).body.error).toBe('invalid_client')
    f.as.setClientSecret('app', 'app-secret-1')
    expect((await f.token(grant)).status).toBe(200)
  })

  it('verifies client_secret_jwt once per jti, only where it is registered (OpenID Connect Core §9)', async () => {
    const clientSecret = 'secret-of-32-bytes-for-an-hs256-key'
    const authMethods = ['client_secret_jwt'] as const
    const clients = [
      { clientId: 'signing', clientSecret, authMethods, redirectUris: [] },
      { clientId: 'plain', clientSecret, redirectUris: [] },
    ]
    await using f = await fixture({ clients })
    const post = async (jwt: string): Promise<number> => {
      const body = new URLSearchParams({
        ...grant,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      })
      return (await fetch(f.as.endpoints.token, { method: 'POST', body })).status
    }
    const assertion = (clientId: string, secret = clientSecret): Promise<string> =>
      new SignJWT({ jti: `${clientId}-${secret}` })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(f.as.issuer)
        .setExpirationTime('1m')
        .sign(new TextEncoder().encode(secret))
    const jwt = await assertion('signing')
    expect([await post(jwt), await post(jwt)]).toEqual([200, 401])
    expect(await post(await assertion('signing', 'another-secret-of-at-least-32-bytes'))).toBe(401)
    expect(await post(await assertion('plain'))).toBe(401)
  })

  it('verifies private_key_jwt once per jti (RFC 7523)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }
    await using f = await fixture({ clients: [{ clientId: 'keyed', jwks, redirectUris: [] }] })
    const assertion = (audience: string): Promise<string> =>
      new SignJWT({ jti: 'one' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer('keyed')
        .setSubject('keyed')
        .setAudience(audience)
        .setExpirationTime('1m')
        .sign(privateKey)
    const post = async (jwt: string): Promise<number> => {
      const body = new URLSearchParams({
        ...grant,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      })
      return (await fetch(f.as.endpoints.token, { method: 'POST', body })).status
    }
    expect(await post(await assertion('https://other.example'))).toBe(401)
    const jwt = await assertion(f.as.endpoints.token)
    expect([await post(jwt), await post(jwt)]).toEqual([200, 401])
  })
})
