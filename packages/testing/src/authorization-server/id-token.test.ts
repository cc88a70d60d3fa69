import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { fixture } from './server.fixture.ts'

describe('OpenID Connect', () => {
  it('issues an ID token that discovery and keys verify, with nonce and at_hash', async () => {
    await using f = await fixture({ oidc: true })
    const meta = (await (await fetch(f.as.endpoints.discovery)).json()) as Record<string, string>
    expect(meta.issuer).toBe(f.as.issuer)
    const set = await f.signedIn({ scope: 'openid email', nonce: 'n-1' })
    const keys = await f.publishedKeys()
    const { payload } = await jwtVerify(set.id_token ?? '', keys, { issuer: f.as.issuer, audience: 'app' })
    expect(payload).toMatchObject({ sub: 'user-ada', nonce: 'n-1', email: 'ada@example.com' })
    const renewed = (await f.refresh(set.refresh_token)).body
    expect((await jwtVerify(renewed.id_token ?? '', keys)).payload.nonce).toBeUndefined()
  })

  it('issues wrong ID tokens on demand', async () => {
    await using f = await fixture({ oidc: true })
    const keys = await f.publishedKeys()
    const verified = async (): Promise<boolean> => {
      const { id_token } = await f.signedIn({ scope: 'openid' })
      return jwtVerify(id_token ?? '', keys, { issuer: f.as.issuer }).then(
        () => true,
        () => false,
      )
    }
    expect(await verified()).toBe(true)
    f.as.faults.next('token', 1, { idToken: (build) => build.brokenSignature() })
    f.as.faults.next('token', 1, { idToken: (build) => build.unsecured() })
    f.as.faults.next('token', 1, { idToken: (build) => build.hs256('public-key') })
    f.as.faults.next('token', 1, { idToken: (build) => build.sign({ header: { kid: 'other' } }) })
    f.as.faults.next('token', 1, {
      idToken: (build) => build.sign({ claims: { iss: 'https://evil.example' } }),
    })
    for (let variant = 0; variant < 5; variant++) expect(await verified()).toBe(false)
    f.as.rotateKeys({ keepOld: false })
    expect(await verified()).toBe(false)
  })

  it('patches fields of the answer, userinfo and discovery', async () => {
    await using f = await fixture({ oidc: true })
    f.as.faults.next('token', 1, {
      fields: { expires_in: '3600', refresh_token: undefined, access_token: 'a\r\nb' },
    })
    const set = await f.signedIn()
    expect(set).toMatchObject({ expires_in: '3600', access_token: 'a\r\nb' })
    expect(set).not.toHaveProperty('refresh_token')
    f.as.faults.always('discovery', { fields: (meta) => ({ ...meta, issuer: 'https://evil.example' }) })
    expect(await (await fetch(f.as.endpoints.discovery)).json()).toMatchObject({
      issuer: 'https://evil.example',
    })
  })
})
