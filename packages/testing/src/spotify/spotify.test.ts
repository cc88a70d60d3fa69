import { describe, expect, it } from 'vitest'
import { UserAgent } from '../user-agent.ts'
import { spotifyFixture } from './spotify.fixture.ts'

const DAY = 86_400

describe('Spotify accounts', () => {
  it.each([
    ['http://localhost:3000/callback/spotify', 'INVALID_CLIENT: Insecure redirect URI'],
    ['http://app.example/callback/spotify', 'INVALID_CLIENT: Insecure redirect URI'],
    ['http://127.0.0.1.evil.example/callback/spotify', 'INVALID_CLIENT: Insecure redirect URI'],
    ['http://127.0.0.1:3000/callback/spotify/', 'INVALID_CLIENT: Invalid redirect URI'],
    ['https://app.example/callback/spotify', 'INVALID_CLIENT: Invalid redirect URI'],
  ])('refuses %s with a page', async (redirect_uri, text) => {
    await using f = await spotifyFixture()
    const page = await new UserAgent().get(f.authorizeUrl({ redirect_uri }))
    expect([page.status, page.text, page.location]).toEqual([400, text, undefined])
  })

  it('takes any port of a registered loopback literal', async () => {
    await using f = await spotifyFixture()
    for (const redirect_uri of ['http://127.0.0.1:1/callback', 'http://[::1]:54321/callback/spotify']) {
      expect((await new UserAgent().get(f.authorizeUrl({ redirect_uri }))).status).toBe(200)
    }
  })

  it('refuses response_type=token, and unknown scopes only with the switch', async () => {
    await using f = await spotifyFixture()
    const agent = new UserAgent()
    const implicit = await agent.get(f.authorizeUrl({ response_type: 'token' }), { redirect: 'manual' })
    expect(implicit.location).toContain('error=unsupported_response_type')
    expect((await agent.get(f.authorizeUrl({ scope: 'made-up' }))).status).toBe(200)
    await using strict = await spotifyFixture({ refuseUnknownScopes: true })
    const refused = await agent.get(strict.authorizeUrl({ scope: 'made-up' }), { redirect: 'manual' })
    expect(refused.location).toContain('error=invalid_scope')
  })

  it('omits the refresh token when a confidential client refreshes, unless told to repeat it', async () => {
    await using f = await spotifyFixture()
    const set = await f.signedIn('confidential', 'user-read-email')
    expect(set).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'user-read-email' })
    const refreshed = await f.refresh('confidential', set.refresh_token)
    expect(refreshed.status).toBe(200)
    expect(refreshed.body).not.toHaveProperty('refresh_token')
    f.spotify.as.policy.repeatRefreshToken = true
    expect((await f.refresh('confidential', set.refresh_token)).body.refresh_token).toBe(set.refresh_token)
  })

  it('rotates for PKCE without a secret, and needs one of the two', async () => {
    await using f = await spotifyFixture()
    const set = await f.signedIn('public')
    const rotated = (await f.refresh('public', set.refresh_token)).body
    expect(rotated.refresh_token).not.toBe(set.refresh_token)
    expect(await f.refresh('public', set.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Refresh token revoked' },
    })
    expect((await f.exchange('public', await f.code())).body.error).toBe('invalid_grant')
    const confidential = await f.signedIn('confidential')
    expect((await f.refresh('public', confidential.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('ends a refresh token six months after the authorization, however often it rotated', async () => {
    await using f = await spotifyFixture()
    const set = await f.signedIn('public')
    await f.clock.advance(180 * DAY)
    const rotated = (await f.refresh('public', set.refresh_token)).body
    expect(rotated.refresh_token).toBe(f.spotify.as.liveFor('user-ada')?.refreshToken)
    await f.clock.advance(4 * DAY)
    expect(await f.refresh('public', rotated.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  it('takes any client with a redirect URI that the rules allow, when told to', async () => {
    await using f = await spotifyFixture({ policy: { acceptsAnyClient: true } })
    const statusOf = async (redirect_uri: string) =>
      (await new UserAgent().get(f.authorizeUrl({ client_id: 'my-app', redirect_uri }))).status
    expect(await statusOf('https://app.example/callback')).toBe(200)
    expect(await statusOf('http://127.0.0.1:4000/anywhere')).toBe(200)
    expect(await statusOf('http://localhost:4000/callback')).toBe(400)
    expect(await statusOf('http://app.example/callback')).toBe(400)
  })

  it('knows a user by the account id', async () => {
    await using f = await spotifyFixture()
    const { accessToken, userId } = f.spotify.tokens('Ada')
    expect((await f.api('/v1/me', accessToken)).body).toMatchObject({ account_id: userId, id: 'user-ada' })
  })

  it('names its client for the environment, and the hosts that it stands for', async () => {
    await using f = await spotifyFixture({ clientId: 'mine', clientSecret: 'my-secret' })
    expect(f.spotify.environment).toEqual({
      SPOTIFY_CLIENT_ID: 'mine',
      SPOTIFY_CLIENT_SECRET: 'my-secret',
    })
    expect(f.spotify.origins).toEqual({
      'https://accounts.spotify.com': f.spotify.accountsOrigin,
      'https://api.spotify.com': f.spotify.apiOrigin,
    })
  })

  it('gives an application no refresh token and no scope', async () => {
    await using f = await spotifyFixture()
    const { body } = await f.token('confidential', {
      grant_type: 'client_credentials',
      scope: 'user-read-email',
    })
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'token_type'])
    expect((await f.api('/v1/browse/new-releases', body.access_token)).status).toBe(200)
    expect((await f.api('/v1/me', body.access_token)).status).toBe(403)
  })

  it('has no revocation, discovery or keys', async () => {
    await using f = await spotifyFixture()
    for (const path of ['/revoke', '/api/revoke', '/.well-known/openid-configuration', '/jwks']) {
      expect((await fetch(f.spotify.accountsOrigin + path)).status).toBe(404)
    }
  })
})

describe('Spotify', () => {
  it('lets no cache keep an answer, a page or a refusal', async () => {
    await using f = await spotifyFixture()
    const urls = [
      f.authorizeUrl(),
      f.authorizeUrl({ redirect_uri: 'http://localhost/' }),
      f.authorizeUrl({ response_type: 'token' }),
      `${f.spotify.apiOrigin}/v1/me`,
      `${f.spotify.apiOrigin}/v1/nothing`,
    ]
    const responses = await Promise.all(urls.map((url) => fetch(url, { redirect: 'manual' })))
    const { tokenEndpoint } = f.spotify.presetOverrides
    const token = await fetch(tokenEndpoint, { method: 'POST', body: new URLSearchParams() })
    const cached = [...responses, token].map(({ status, headers }) => [status, headers.get('cache-control')])
    expect(cached).toEqual([200, 400, 303, 401, 404, 400].map((status) => [status, 'no-store']))
  })
})

describe('Spotify Web API', () => {
  it('tells who it is, the e-mail only with its scope', async () => {
    await using f = await spotifyFixture()
    const plain = (await f.api('/v1/me', (await f.signedIn('confidential')).access_token)).body
    expect(plain).toMatchObject({ account_id: 'account-user-ada', id: 'user-ada', display_name: 'Ada' })
    expect(plain).not.toHaveProperty('email')
    const set = await f.signedIn('confidential', 'user-read-email')
    expect((await f.api('/v1/me', set.access_token)).body).toMatchObject({ email: 'ada@example.com' })
  })

  it('answers 401 with an object for a missing, foreign and expired token', async () => {
    await using f = await spotifyFixture({ accessTokenLifetimeSeconds: 30 })
    const set = await f.signedIn('confidential')
    const message = async (token?: string) => (await f.api('/v1/me', token)).body
    expect(await message()).toEqual({ error: { status: 401, message: 'No token provided' } })
    expect(await message('other')).toEqual({ error: { status: 401, message: 'Invalid access token' } })
    await f.clock.advance(31)
    expect(await message(set.access_token)).toEqual({
      error: { status: 401, message: 'The access token expired' },
    })
  })

  it('limits rates and refuses for no reason, for so many calls', async () => {
    await using f = await spotifyFixture()
    const { access_token } = await f.signedIn('confidential')
    f.spotify.limitRate(1, 7)
    const limited = await f.api('/v1/me', access_token)
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
    f.spotify.refuseForNoReason(1)
    expect((await f.api('/v1/me', access_token)).body).toEqual({
      error: { status: 401, message: 'Access token missing' },
    })
    expect((await f.api('/v1/me', access_token)).status).toBe(200)
    expect(f.spotify.api.calls.me).toBe(3)
  })

  it('has tracks to show, with their scopes', async () => {
    await using f = await spotifyFixture()
    const { access_token } = await f.signedIn('confidential', 'user-top-read user-read-recently-played')
    const top = await f.api('/v1/me/top/tracks?limit=3', access_token)
    expect(top.body).toMatchObject({ items: [{ type: 'track' }, {}, {}], limit: 3 })
    expect((await f.api('/v1/me/player/recently-played', access_token)).status).toBe(200)
    const bare = await f.signedIn('confidential')
    expect((await f.api('/v1/me/top/tracks', bare.access_token)).status).toBe(403)
  })
})
