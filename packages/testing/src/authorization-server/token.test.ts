import { describe, expect, it } from 'vitest'
import { CHALLENGE, fixture, REDIRECT, VERIFIER } from './server.fixture.ts'

describe('token with a code', () => {
  it('answers with tokens once; a second use ends the grant', async () => {
    await using f = await fixture()
    const code = await f.code({ scope: 'a b' })
    const first = await f.exchange(code)
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'a b' })
    expect((await f.userinfo(first.body.access_token)).status).toBe(200)
    expect((await f.exchange(code)).body.error).toBe('invalid_grant')
    expect((await f.userinfo(first.body.access_token)).status).toBe(401)
    expect(f.as.grants()[0]).toMatchObject({ familyRevoked: true, revoked: true })
  })

  it('checks the S256 challenge and spends the code on a wrong verifier', async () => {
    await using f = await fixture()
    const challenge = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }
    expect((await f.exchange(await f.code(challenge), { code_verifier: VERIFIER })).status).toBe(200)
    const code = await f.code(challenge)
    expect((await f.exchange(code, { code_verifier: `${VERIFIER}x` })).body.error).toBe('invalid_grant')
    expect((await f.exchange(code, { code_verifier: VERIFIER })).body.error).toBe('invalid_grant')
    expect((await f.exchange(await f.code(challenge))).body.error).toBe('invalid_grant')
    expect((await f.exchange(await f.code(), { code_verifier: VERIFIER })).body.error).toBe('invalid_grant')
  })

  it('binds the code to redirect URI and lifetime', async () => {
    await using f = await fixture()
    expect((await f.exchange(await f.code(), { redirect_uri: `${REDIRECT}2` })).body.error).toBe(
      'invalid_grant',
    )
    const code = await f.code()
    await f.clock.advance(61)
    expect((await f.exchange(code)).body.error).toBe('invalid_grant')
  })

  it('ends the earlier tokens of the user when the policy is exclusive', async () => {
    await using f = await fixture({ exclusive: true })
    const first = await f.signedIn()
    const grace = (await f.exchange(await f.code({}, 'Grace'))).body
    const second = await f.signedIn()
    const statuses = [first, grace, second].map(async (set) => (await f.userinfo(set.access_token)).status)
    expect(await Promise.all(statuses)).toEqual([401, 200, 200])
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
  })
})

describe('token with a refresh token', () => {
  it('rotates: the old one is refused, the live one is the newest', async () => {
    await using f = await fixture()
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 1, refreshToken: second.refresh_token })
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect((await f.refresh(second.refresh_token)).status).toBe(200)
    const grantId = f.as.liveFor('user-ada')?.grantId ?? ''
    expect(f.as.refreshCalls(grantId)).toBe(3)
    expect(f.as.refreshCallsByGeneration(grantId)).toEqual([2, 1, 0])
  })

  it('lets one of many parallel refreshes win', async () => {
    await using f = await fixture()
    const { refresh_token } = await f.signedIn()
    const answers = await Promise.all(Array.from({ length: 20 }, () => f.refresh(refresh_token)))
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
    expect(f.as.liveFor('user-ada')?.generation).toBe(1)
  })

  it('ends the family on reuse when the policy says so', async () => {
    await using f = await fixture({ policy: { reuseKillsFamily: true } })
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    await f.refresh(first.refresh_token)
    expect((await f.refresh(second.refresh_token)).body.error).toBe('invalid_grant')
    expect((await f.userinfo(second.access_token)).status).toBe(401)
    expect(f.as.liveFor('user-ada')).toMatchObject({ familyRevoked: true, refreshToken: undefined })
  })

  it('answers the previous one with the live set inside the grace time only', async () => {
    await using f = await fixture({ policy: { graceSeconds: 10, reuseKillsFamily: true } })
    const first = await f.signedIn()
    const second = (await f.refresh(first.refresh_token)).body
    await f.clock.advance(9)
    const again = (await f.refresh(first.refresh_token)).body
    expect(again.refresh_token).toBe(second.refresh_token)
    await f.clock.advance(2)
    expect((await f.refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect(f.as.liveFor('user-ada')?.familyRevoked).toBe(true)
  })

  it('rotates again inside the grace time with graceRotates', async () => {
    await using f = await fixture({ policy: { graceSeconds: 10, graceRotates: true } })
    const first = await f.signedIn()
    await f.refresh(first.refresh_token)
    const again = (await f.refresh(first.refresh_token)).body
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 2, refreshToken: again.refresh_token })
  })

  it('keeps the refresh token without rotation, and repeats it only when told', async () => {
    await using f = await fixture({ policy: { rotate: false } })
    const first = await f.signedIn()
    expect((await f.refresh(first.refresh_token)).body).not.toHaveProperty('refresh_token')
    f.as.policy.repeatRefreshToken = true
    expect((await f.refresh(first.refresh_token)).body.refresh_token).toBe(first.refresh_token)
  })

  it('expires from the authorization on, however often it was rotated', async () => {
    await using f = await fixture({ policy: { refreshTokenLifetimeSeconds: 1000 } })
    const first = await f.signedIn()
    await f.clock.advance(999)
    const second = (await f.refresh(first.refresh_token)).body
    expect(second.refresh_token).toBe(f.as.liveFor('user-ada')?.refreshToken)
    await f.clock.advance(2)
    const refused = () => f.refresh(second.refresh_token)
    expect(await refused()).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Refresh token expired' },
    })
    f.as.policy.expiredRefreshTokenText = undefined
    expect((await refused()).body).toEqual({ error: 'invalid_grant' })
  })

  it('is issued and counted by grant type, failures not', async () => {
    await using f = await fixture({ policy: { applicationTokenLifetimeSeconds: 30 } })
    const set = await f.signedIn()
    await f.exchange('another-code')
    await f.refresh(set.refresh_token)
    await f.refresh(set.refresh_token)
    const application = (await f.token({ grant_type: 'client_credentials' })).body
    expect([set.expires_in, application.expires_in]).toEqual([3600, 30])
    expect(f.as.mints).toEqual({
      authorization_code: 1,
      refresh_token: 1,
      client_credentials: 1,
      device_code: 0,
    })
  })

  it('is told by introspection what an application asked for: scope and audience', async () => {
    await using f = await fixture({ policy: { knownScopes: ['a', 'b'] } })
    const asked = async (form: Record<string, string>): Promise<unknown[]> => {
      const { body } = await f.token({ grant_type: 'client_credentials', ...form })
      const { scope, audience, userId } = f.as.introspect(body.access_token ?? '') ?? {}
      return [scope, audience, userId, body.error]
    }
    expect(await asked({ scope: 'b a', audience: 'https://api.example' })).toEqual([
      ['b', 'a'],
      'https://api.example',
      undefined,
      undefined,
    ])
    expect(await asked({})).toEqual([[], undefined, undefined, undefined])
    expect(await asked({ scope: 'a c' })).toEqual([undefined, undefined, undefined, 'invalid_scope'])
  })

  it('commits a rotation even when the answer is cut, and holds between commit and answer', async () => {
    await using f = await fixture()
    const first = await f.signedIn()
    f.as.faults.next('token', 1, { dropAfterCommit: true })
    await expect(f.refresh(first.refresh_token)).rejects.toThrow()
    expect(f.as.liveFor('user-ada')?.generation).toBe(1)
    const hold = f.as.faults.hold('token', { at: 'afterCommit', calls: 1 })
    const held = f.refresh(f.as.liveFor('user-ada')?.refreshToken)
    await hold.arrived
    expect(f.as.liveFor('user-ada')?.generation).toBe(2)
    expect(hold.waiting).toBe(1)
    hold.release()
    expect((await held).status).toBe(200)
  })

  it('processes nothing when the connection is cut before the commit or the status is replaced', async () => {
    await using f = await fixture()
    const first = await f.signedIn()
    f.as.faults.next('token', 1, { dropBeforeCommit: true })
    f.as.faults.next('token', 1, { status: 503, body: { error: 'temporarily_unavailable' } })
    await expect(f.refresh(first.refresh_token)).rejects.toThrow()
    expect((await f.refresh(first.refresh_token)).status).toBe(503)
    expect(f.as.liveFor('user-ada')).toMatchObject({ generation: 0, refreshToken: first.refresh_token })
    expect((await f.refresh(first.refresh_token)).status).toBe(200)
  })
})
