import { describe, expect, it } from 'vitest'
import { fixture } from './server.fixture.ts'

describe('revocation and the state of grants', () => {
  it('ends the grant of a refresh token and is content with an unknown one (RFC 7009 §2.2)', async () => {
    await using f = await fixture()
    const set = await f.signedIn()
    const revoke = async (token: string): Promise<number> => {
      const body = new URLSearchParams({ client_id: 'app', client_secret: 'app-secret-1', token })
      return (await fetch(f.as.endpoints.revocation, { method: 'POST', body })).status
    }
    expect(await revoke('nobody')).toBe(200)
    expect(await revoke(set.access_token ?? '')).toBe(200)
    expect((await f.userinfo(set.access_token)).status).toBe(401)
    const refreshed = (await f.refresh(set.refresh_token)).body
    expect(await revoke(refreshed.refresh_token ?? '')).toBe(200)
    expect((await f.userinfo(refreshed.access_token)).status).toBe(401)
    expect(f.as.liveFor('user-ada')).toMatchObject({ revoked: true, familyRevoked: false })
    expect(f.as.calls.revoke).toBe(3)
  })

  it('kills refresh tokens and access tokens apart', async () => {
    await using f = await fixture()
    const set = await f.signedIn()
    f.as.killRefreshToken('user-ada')
    expect((await f.userinfo(set.access_token)).status).toBe(200)
    expect((await f.refresh(set.refresh_token)).body.error).toBe('invalid_grant')
    const second = await f.signedIn()
    f.as.expireAccessTokens('user-ada')
    expect((await f.userinfo(second.access_token)).status).toBe(401)
    expect((await f.refresh(second.refresh_token)).status).toBe(200)
  })

  it('finds its secrets wherever they went', async () => {
    await using f = await fixture({ oidc: true })
    const set = await f.signedIn({ scope: 'openid' })
    const kinds = (text: unknown): string[] => f.as.marks.findIn(text).map((found) => found.kind)
    expect(kinds(`x ${set.access_token}`)).toEqual(['access_token'])
    expect(kinds(new Error('a', { cause: { deep: [set.refresh_token] } }))).toEqual(['refresh_token'])
    expect(kinds({ id: set.id_token })).toEqual(['id_token'])
    expect(kinds('secret=app-secret-1')).toEqual(['client_secret'])
    expect(kinds('nothing')).toEqual([])
  })
})
