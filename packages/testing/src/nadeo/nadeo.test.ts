import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { type NadeoEmulator, type NadeoEmulatorOptions, startNadeo } from './nadeo.ts'

const clock = new TestClock({ frozen: true })
const running: NadeoEmulator[] = []
afterEach(() => Promise.all(running.splice(0).map((nadeo) => nadeo.close())))

async function started(switches: NadeoEmulatorOptions['switches'] = {}): Promise<NadeoEmulator> {
  const nadeo = await startNadeo({ clock, switches })
  running.push(nadeo)
  return nadeo
}

const basic = (login: string, password: string): string =>
  `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { 'user-agent': 'tests', ...headers },
    ...(body && { body }),
  })
  const answer = (await response.json()) as Record<string, unknown> // every answer here is JSON
  return { status: response.status, headers: response.headers, body: answer }
}

/** Logs in; the first account unless another is named. */
function login(
  nadeo: NadeoEmulator,
  audience?: string,
  credentials?: readonly [string, string],
): Promise<Answer> {
  const [account] = nadeo.accounts
  const [name, password] = credentials ?? [account?.login ?? '', account?.password ?? '']
  const json = audience === undefined ? undefined : JSON.stringify({ audience })
  return send(
    `${nadeo.core.origin}/v2/authentication/token/basic`,
    'POST',
    { authorization: basic(name, password), 'content-type': 'application/json' },
    json,
  )
}

const refresh = (nadeo: NadeoEmulator, token: unknown): Promise<Answer> =>
  send(`${nadeo.core.origin}/v2/authentication/token/refresh`, 'POST', {
    authorization: `nadeo_v1 t=${String(token)}`,
  })

const call = (url: string, token: unknown): Promise<Answer> =>
  send(url, 'GET', { authorization: `nadeo_v1 t=${String(token)}` })

const claims = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8'))

describe('the emulated Nadeo', () => {
  it('logs in for an audience, with the claims that are documented and nothing else in the answer', async () => {
    const nadeo = await started()
    const { status, body } = await login(nadeo, 'NadeoLiveServices')
    expect([status, Object.keys(body)]).toEqual([200, ['accessToken', 'refreshToken']])
    const iat = Math.floor(clock.now())
    expect(claims(body.accessToken)).toMatchObject({
      iss: 'NadeoServices',
      aud: 'NadeoLiveServices',
      rat: iat + 1_800,
      exp: iat + 3_600,
      usg: 'Client',
      rtk: false,
      aun: 'Ada',
    })
    expect(claims(body.refreshToken)).toMatchObject({
      aud: 'NadeoServices',
      refresh_aud: 'NadeoLiveServices',
      rat: iat + 43_200,
      exp: iat + 86_400,
      rtk: true,
    })
  })

  it('takes no body for the core audience, and knows the account of a dedicated server', async () => {
    const nadeo = await started()
    const server = nadeo.accounts[1]
    const { body } = await login(nadeo, undefined, [server?.login ?? '', server?.password ?? ''])
    expect(claims(body.accessToken)).toMatchObject({ aud: 'NadeoServices', usg: 'Server' })
  })

  it.each([false, true])(
    'refuses in the words that are documented, in an array: %s',
    async (wrappedErrors) => {
      const nadeo = await started({ wrappedErrors })
      const unknown = await login(nadeo, 'NadeoServices', ['nobody', 'x'])
      const wrong = await login(nadeo, 'NadeoServices', [nadeo.accounts[0]?.login ?? '', 'x'])
      const alias = await login(nadeo, 'core')
      const messages = [unknown, wrong, alias].map(({ status, body }) => {
        expect(Array.isArray(body)).toBe(wrappedErrors)
        const [error] = [body].flat()
        return [status, error?.message, error?.code]
      })
      expect(messages).toEqual([
        [401, 'Username could not be found.', 'C-AA-00-03'],
        [401, 'Invalid credentials.', 'C-AA-00-03'],
        [400, 'There was a validation error.', 'C-AA-00-03'],
      ])
    },
  )

  it.each([401, 422] as const)(
    'answers an unknown audience with %d where the switch says so',
    async (status) => {
      const nadeo = await started({ unknownAudienceStatus: status })
      expect((await login(nadeo, 'live')).status).toBe(status)
    },
  )

  it('refreshes by refresh tokens alone, and keeps the audience', async () => {
    const nadeo = await started()
    const first = (await login(nadeo, 'NadeoLiveServices')).body
    expect((await refresh(nadeo, first.accessToken)).status).toBe(401)
    const second = (await refresh(nadeo, first.refreshToken)).body
    expect(claims(second.accessToken).aud).toBe('NadeoLiveServices')
    expect(nadeo.mints).toEqual({ login: 1, refresh: 1 })
  })

  it.each([
    [true, 401],
    [false, 200],
  ])('ends the old refresh token with a refresh: %s', async (refreshSpendsOldToken, status) => {
    const nadeo = await started({ refreshSpendsOldToken })
    const { refreshToken } = (await login(nadeo)).body
    await refresh(nadeo, refreshToken)
    expect((await refresh(nadeo, refreshToken)).status).toBe(status)
  })

  it('answers null in place of a refresh token where the switch says so', async () => {
    const nadeo = await started({ nullRefreshToken: true })
    const { refreshToken } = (await login(nadeo)).body
    expect((await refresh(nadeo, refreshToken)).body.refreshToken).toBeNull()
  })

  it('takes each token at the hosts of its audience alone, until it expires or is ended', async () => {
    const nadeo = await started()
    const core = (await login(nadeo)).body.accessToken
    const live = (await login(nadeo, 'NadeoLiveServices')).body.accessToken
    const statuses = async (token: unknown): Promise<number[]> =>
      Promise.all(
        [`${nadeo.core.origin}/accounts`, `${nadeo.live.origin}/api/x`, `${nadeo.meet.origin}/api/x`].map(
          async (url) => (await call(url, token)).status,
        ),
      )
    expect([await statuses(core), await statuses(live)]).toEqual([
      [200, 401, 401],
      [401, 200, 200],
    ])
    expect((await call(`${nadeo.live.origin}/api/x`, core)).body).toMatchObject({
      error: 'UnauthorizedHttpException',
      traceId: expect.any(String),
    })
    nadeo.endTokens('access')
    expect(await statuses(live)).toEqual([401, 401, 401])
    const again = (await login(nadeo, 'NadeoLiveServices')).body.accessToken
    clock.advance(3_600)
    expect(await statuses(again)).toEqual([401, 401, 401])
  })

  it.each([
    ['', 403],
    ['node', 403],
    ['my-app / me@example.com', 200],
  ])('wants a User-Agent where the switch says so: %j', async (agent, status) => {
    const nadeo = await started({ needsUserAgent: true })
    const { login: name = '', password = '' } = nadeo.accounts[0] ?? {}
    const url = `${nadeo.core.origin}/v2/authentication/token/basic`
    expect(
      (await send(url, 'POST', { authorization: basic(name, password), 'user-agent': agent })).status,
    ).toBe(status)
  })

  it.each([false, true])(
    'answers 429 beyond two requests a second, with Retry-After: %s',
    async (retryAfter) => {
      const nadeo = await started({ requestsPerSecond: 2, retryAfter })
      const token = (await login(nadeo)).body.accessToken
      const url = `${nadeo.core.origin}/accounts`
      const answers = [await call(url, token), await call(url, token)]
      expect(answers.map(({ status }) => status)).toEqual([200, 429])
      expect(answers[1]?.headers.get('retry-after')).toBe(retryAfter ? '1' : null)
      clock.advance(1.1)
      expect((await call(url, token)).status).toBe(200)
    },
  )

  it('answers the login of Ubisoft with 429, always', async () => {
    const nadeo = await started()
    const { status, body } = await send(`${nadeo.core.origin}/v3/profiles/sessions`, 'POST', {})
    expect([status, body.message]).toEqual([429, 'Too many calls per IP address'])
  })

  it('finds its secrets again', async () => {
    const nadeo = await started()
    const { accessToken, refreshToken } = (await login(nadeo)).body
    const text = `${String(accessToken)} ${String(refreshToken)} ${nadeo.accounts[0]?.password}`
    expect(
      nadeo.marks
        .findIn(text)
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(['access_token', 'password', 'refresh_token'])
  })
})
