import { describe, expect, it } from 'vitest'
import { fixture } from './server.fixture.ts'

const own = { client_id: 'my-app', client_secret: 'my-own-secret' }

describe('tokens without a browser', () => {
  it('are a set that userinfo and token endpoint accept', async () => {
    await using f = await fixture()
    const tokens = f.as.tokens('ada', { scope: ['read'] })
    const now = Math.floor(f.clock.now())
    expect(tokens).toEqual({
      accessToken: f.as.liveFor('user-ada')?.accessToken,
      refreshToken: f.as.liveFor('user-ada')?.refreshToken,
      tokenType: 'Bearer',
      expiresAt: now + 3600,
      authorizedAt: now,
      scope: ['read'],
      userId: 'user-ada',
    })
    expect(await (await f.userinfo(tokens.accessToken)).json()).toMatchObject({ sub: 'user-ada' })
    expect((await f.refresh(tokens.refreshToken)).body).toMatchObject({ scope: 'read' })
    expect(f.as.calls.authorize).toBe(0)
  })

  it('are expired on demand, with a live refresh token', async () => {
    await using f = await fixture()
    const tokens = f.as.tokens('ada', { expired: true })
    expect(tokens.expiresAt).toBe(Math.floor(f.clock.now()) - 60)
    expect(tokens.authorizedAt).toBe(tokens.expiresAt - 3600)
    expect((await f.userinfo(tokens.accessToken)).status).toBe(401)
    const { body } = await f.refresh(tokens.refreshToken)
    expect((await f.userinfo(body.access_token)).status).toBe(200)
  })

  it('belong to the client that uses them first, and to no other from then on', async () => {
    await using f = await fixture({ policy: { acceptsAnyClient: true } })
    const { refreshToken } = f.as.tokens('ada')
    const refresh = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const { status, body } = await f.token({ ...refresh, ...own })
    expect(status).toBe(200)
    const next = { ...refresh, refresh_token: body.refresh_token ?? '' }
    expect((await f.token(next)).body.error).toBe('invalid_grant')
    expect((await f.token({ ...next, ...own })).status).toBe(200)
    expect(f.as.live(f.as.liveFor('user-ada')?.grantId ?? '').clientId).toBe('my-app')
  })

  it('can be those of a client without a secret', async () => {
    await using f = await fixture({ policy: { acceptsAnyClient: true, rotate: 'public' } })
    const { refreshToken } = f.as.tokens('ada')
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'phone' })
    body.set('refresh_token', refreshToken)
    const response = await fetch(f.as.endpoints.token, { method: 'POST', body })
    expect(await response.json()).toMatchObject({ refresh_token: f.as.liveFor('user-ada')?.refreshToken })
  })

  it('end the earlier ones where sign-ins are exclusive, whoever holds them', async () => {
    await using f = await fixture({ exclusive: true, policy: { acceptsAnyClient: true } })
    const statusOf = async (token: string | undefined) => (await f.userinfo(token)).status
    const signedIn = async () => (await f.exchange(await f.code({ client_id: 'my-app' }), own)).body
    const before = await signedIn()
    const first = f.as.tokens('ada')
    const grace = f.as.tokens('grace')
    expect(await statusOf(before.access_token)).toBe(401)
    const again = await signedIn()
    const statuses = [first.accessToken, grace.accessToken, again.access_token].map(statusOf)
    expect(await Promise.all(statuses)).toEqual([401, 200, 200])
  })

  it('can be revoked by a client that has not used them yet', async () => {
    await using f = await fixture({ policy: { acceptsAnyClient: true } })
    const { accessToken, refreshToken: token } = f.as.tokens('ada')
    await fetch(f.as.endpoints.revocation, { method: 'POST', body: new URLSearchParams({ ...own, token }) })
    expect((await f.userinfo(accessToken)).status).toBe(401)
  })

  it('are those of the user with that id, name or first name, in any case', async () => {
    const users = [
      { id: 'grace', name: 'Ada Lovelace' },
      { id: '2', name: 'Grace Hopper' },
      { id: '3', name: 'Grace Kelly' },
    ]
    await using f = await fixture({ users })
    for (const name of ['ada', 'ADA LOVELACE', 'grace']) expect(f.as.tokens(name).userId).toBe('grace')
    expect(f.as.tokens('grace kelly').userId).toBe('3')
    const list = 'Ada Lovelace (grace), Grace Hopper (2), Grace Kelly (3)'
    expect(() => f.as.tokens('bob')).toThrow(
      `There is no user "bob". Give the name or the id of one of: ${list}`,
    )
    expect(() => f.as.tokens('Grace')).toThrow(
      `There are several users "Grace". Give the name or the id of one of: ${list}`,
    )
  })
})
