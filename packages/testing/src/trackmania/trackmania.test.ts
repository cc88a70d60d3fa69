import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import { startTrackmania, type Trackmania, type TrackmaniaOptions } from './trackmania.ts'

const redirectUri = 'http://127.0.0.1:3000/callback/trackmania'
const clock = new TestClock()
const running: Trackmania[] = []
afterEach(() => Promise.all(running.splice(0).map((one) => one.close())))

async function started(options: TrackmaniaOptions = {}): Promise<Trackmania> {
  const trackmania = await startTrackmania({ clock, ...options })
  running.push(trackmania)
  return trackmania
}

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json()) as Record<string, unknown> // every answer here is JSON
  return { status: response.status, body }
}

async function token(
  { as, clientId, clientSecret }: Trackmania,
  form: Record<string, string>,
): Promise<Answer> {
  const body = new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...form })
  return answerOf(await fetch(as.endpoints.token, { method: 'POST', body }))
}

const refresh = (trackmania: Trackmania, refreshToken: unknown): Promise<Answer> =>
  token(trackmania, { grant_type: 'refresh_token', refresh_token: String(refreshToken) })

const get = async (
  { apiOrigin }: Trackmania,
  path: string,
  authorization: string,
  method = 'GET',
): Promise<Answer> => answerOf(await fetch(apiOrigin + path, { method, headers: { authorization } }))

const bearer = (trackmania: Trackmania, scope: readonly string[] = []): string =>
  `Bearer ${trackmania.tokens('ada', { scope }).accessToken}`

async function applicationToken(trackmania: Trackmania): Promise<string> {
  const { body } = await token(trackmania, { grant_type: 'client_credentials', scope: 'clubs' })
  expect(body).not.toHaveProperty('refresh_token')
  return `Bearer ${String(body.access_token)}`
}

describe('the emulated Trackmania', () => {
  it('signs a user in: code, tokens of an hour, account id and display name, no e-mail', async () => {
    const trackmania = await started({ policy: { autoApprove: 'user-ada' } })
    const { as, clientId } = trackmania
    const parameters = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state: 's' }
    const asked = `${as.endpoints.authorization}?${new URLSearchParams(parameters)}`
    const reply = await fetch(asked, { redirect: 'manual' })
    const back = new URL(reply.headers.get('location') ?? '')
    expect([back.origin + back.pathname, back.searchParams.get('state')]).toEqual([redirectUri, 's'])
    const grant = {
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
    }
    const { status, body } = await token(trackmania, grant)
    expect([status, body.token_type, body.expires_in]).toEqual([200, 'bearer', 3_600])
    const user = await get(trackmania, '/api/user', `Bearer ${String(body.access_token)}`)
    expect(user.body).toEqual({ accountId: expect.stringMatching(/^[0-9a-f-]{36}$/), displayName: 'Ada' })
  })

  it('refuses a redirect URI that is not registered on a page of its own', async () => {
    const trackmania = await started()
    const parameters = {
      response_type: 'code',
      client_id: trackmania.clientId,
      redirect_uri: 'http://127.0.0.1/x',
    }
    const reply = await fetch(`${trackmania.as.endpoints.authorization}?${new URLSearchParams(parameters)}`, {
      redirect: 'manual',
    })
    expect([reply.status, reply.headers.get('location')]).toEqual([400, null])
  })

  it('rotates refresh tokens for 30 days from the authorization', async () => {
    const trackmania = await started()
    const first = trackmania.tokens('ada')
    const second = (await refresh(trackmania, first.refreshToken)).body
    expect(second.refresh_token).not.toBe(first.refreshToken)
    clock.advance(30 * 86_400)
    expect((await refresh(trackmania, second.refresh_token)).status).toBe(400)
  })

  it.each([
    [true, 400],
    [false, 200],
  ])('spends the old refresh token: %s', async (spendOnRotate, status) => {
    const trackmania = await started({ policy: { spendOnRotate } })
    const { refreshToken } = trackmania.tokens('ada')
    await refresh(trackmania, refreshToken)
    expect((await refresh(trackmania, refreshToken)).status).toBe(status)
  })

  it.each([401, 403] as const)('turns an application away from /api/user with %d', async (status) => {
    const trackmania = await started({ switches: { applicationAtUserStatus: status } })
    expect((await get(trackmania, '/api/user', await applicationToken(trackmania))).status).toBe(status)
  })

  it.each([
    [false, 401],
    [true, 200],
  ])('takes tokens without Bearer: %s', async (bareTokens, status) => {
    const trackmania = await started({ switches: { bareTokens } })
    const bare = bearer(trackmania).slice('Bearer '.length)
    expect((await get(trackmania, '/api/user', bare)).status).toBe(status)
  })

  it('gives names and ids, 50 at most, to an application too', async () => {
    const trackmania = await started()
    const app = await applicationToken(trackmania)
    const { body } = await get(
      trackmania,
      '/api/display-names/account-ids?displayName[]=Ada&displayName[]=Nobody',
      app,
    )
    const { Ada: id } = body
    expect(Object.keys(body)).toEqual(['Ada'])
    expect((await get(trackmania, `/api/display-names?accountId[]=${String(id)}`, app)).body).toEqual({
      [String(id)]: 'Ada',
    })
    const many = Array.from({ length: 51 }, () => `accountId[]=${String(id)}`).join('&')
    expect((await get(trackmania, `/api/display-names?${many}`, app)).status).toBe(400)
    expect((await get(trackmania, '/api/display-names', app)).status).toBe(400)
  })

  it.each([
    ['clubs', 'GET', '/api/user/clubs'],
    ['read_favorite', 'GET', '/api/user/maps/favorite'],
    ['write_favorite', 'POST', '/api/user/maps/favorite'],
  ])('asks for the scope %s at %s %s, of a user', async (scope, method, path) => {
    const trackmania = await started()
    const statuses = [
      bearer(trackmania, [scope]),
      bearer(trackmania),
      await applicationToken(trackmania),
    ].map(async (one) => (await get(trackmania, path, one, method)).status)
    expect(await Promise.all(statuses)).toEqual([200, 403, 403])
  })

  it.each([
    ['rfc', 'invalid_grant', 400, ['error', 'error_description']],
    ['hint', 'invalid_grant', 400, ['error', 'error_description', 'hint', 'message']],
    ['hint', 'invalid_request', 401, ['error', 'error_description', 'hint', 'message']],
  ] as const)('words a refusal as %s, %s', async (errorBody, refusedRefreshToken, status, fields) => {
    const trackmania = await started({ switches: { errorBody, refusedRefreshToken } })
    const answer = await refresh(trackmania, 'unknown')
    expect([answer.status, answer.body.error, Object.keys(answer.body)]).toEqual([
      status,
      refusedRefreshToken,
      fields,
    ])
  })

  it('takes the secret in the body alone', async () => {
    const trackmania = await started()
    const { as, clientId, clientSecret } = trackmania
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
    const body = new URLSearchParams({ grant_type: 'client_credentials' })
    expect(
      (await fetch(as.endpoints.token, { method: 'POST', headers: { authorization }, body })).status,
    ).toBe(401)
  })

  it('is one host for a browser', async () => {
    const trackmania = await started()
    const { origins } = trackmania
    const browser = new UserAgent({ clock, origins })
    expect((await browser.get('https://api.trackmania.com/api/user')).status).toBe(401)
  })
})
