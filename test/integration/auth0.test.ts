import { randomBytes } from 'node:crypto'
import { auth0, bitfount, LatchkeyError, latchkey, OAuthClient } from '@latchkey/express'
import {
  type Auth0Emulator,
  startAuth0,
  startBitfount,
  startForeignServer,
  TestClock,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

const clock = new TestClock()

async function startedBitfount(policy: Parameters<typeof startBitfount>[0] = {}) {
  const emulator = await startBitfount({ clock, ...policy })
  onTestFinished(() => emulator.close())
  return emulator
}

function clientOf(emulator: Auth0Emulator): OAuthClient {
  const client = new OAuthClient(bitfount(emulator.presetOverrides), { clock })
  onTestFinished(() => client.close())
  return client
}

/** The rejection. */
async function failureOf(work: Promise<unknown>): Promise<LatchkeyError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (LatchkeyError.is(error)) return error
  throw new Error(`No LatchkeyError: ${String(error)}`)
}

/** Lets seconds pass, one by one, until it is so. */
async function secondsUntil(isSo: () => boolean): Promise<void> {
  const look = async (): Promise<boolean> => {
    await clock.advance(1)
    return isSo()
  }
  await expect.poll(look).toBe(true)
}

const scope = ['profile', 'openid', 'offline_access']

describe('a device at Bitfount', () => {
  it('gets its tokens through 403 and 429, for the Hub, and says what the user is called there', async () => {
    const emulator = await startedBitfount()
    const client = clientOf(emulator)
    const device = await client.deviceAuthorization({ audience: emulator.audience })
    expect(device.verificationUriComplete).toContain(device.userCode)
    const waiting = device.tokens()
    await clock.advance(5)
    await expect.poll(() => emulator.as.calls.token).toBe(1)
    emulator.as.approveDevice(device.userCode, 'user-ada')
    // Told to slow down, it waits ten seconds.
    await secondsUntil(() => emulator.as.mints.device_code === 1)
    const { tokens, claims } = await waiting
    expect(claims).toMatchObject({ 'https://www.bitfount.com/username': 'ada' })
    expect(tokens.refreshToken).toBeDefined()
    expect(emulator.as.introspect(tokens.accessToken)?.audience).toBe(emulator.audience)
  })

  it.each([
    [
      'denied',
      (emulator: Auth0Emulator, code: string) => emulator.as.denyDevice(code),
      'access_denied',
      undefined,
    ],
    ['expired', () => {}, 'login_required', 'expired_token'],
  ] as const)('tells when it was %s', async (_how, decide, code, reason) => {
    const emulator = await startedBitfount({ policy: { deviceCodeLifetimeSeconds: 12 } })
    const device = await clientOf(emulator).deviceAuthorization({ audience: emulator.audience })
    decide(emulator, device.userCode)
    const failing = failureOf(device.tokens())
    let isOver = false
    void failing.then(() => {
      isOver = true
    })
    await secondsUntil(() => isOver)
    expect(await failing).toMatchObject({ code, ...(reason && { reason }) })
  })

  it.each([401, 403] as const)(
    'is told with %d that nobody knows its client',
    async (invalidClientStatus) => {
      const emulator = await startedBitfount({ policy: { invalidClientStatus } })
      const client = new OAuthClient(bitfount({ ...emulator.presetOverrides, clientId: 'nobody' }), { clock })
      onTestFinished(() => client.close())
      expect(await failureOf(client.deviceAuthorization())).toMatchObject({
        code: 'as_misconfigured',
        asStatus: invalidClientStatus,
      })
    },
  )
})

describe('refresh tokens of Auth0', () => {
  it('rotate, and one that is used twice ends its family with 403, unless within the leeway', async () => {
    for (const graceSeconds of [0, 60]) {
      const emulator = await startedBitfount({ policy: { graceSeconds } })
      const client = clientOf(emulator)
      const first = emulator.tokens('ada', { scope })
      const second = await client.refresh(first)
      expect(second.tokens.refreshToken).not.toBe(first.refreshToken)
      const again = client.refresh({ refreshToken: first.refreshToken })
      if (graceSeconds === 0)
        expect(await failureOf(again)).toMatchObject({ reason: 'grant_ended', asStatus: 403 })
      else expect((await again).tokens.refreshToken).toBe(second.tokens.refreshToken)
      expect(emulator.as.grants()[0]?.familyRevoked).toBe(graceSeconds === 0)
    }
  })

  it.each([
    ['status 500', { status: 500 }],
    ['status 503', { status: 503 }],
    ['a reset connection', { dropBeforeCommit: true }],
  ] as const)('survive %s of the token endpoint', async (_what, fault) => {
    const emulator = await startedBitfount()
    const client = clientOf(emulator)
    const tokens = emulator.tokens('ada', { scope })
    emulator.as.faults.next('token', 1, fault)
    expect(await failureOf(client.refresh(tokens))).toMatchObject({ code: 'as_unavailable' })
    expect((await client.refresh(tokens)).tokens.accessToken).toBeTruthy()
  })

  it('come only where offline access was asked for', async () => {
    const emulator = await startAuth0({ clock, policy: { autoApprove: 'user-ada' } })
    onTestFinished(() => emulator.close())
    const { domain, audience, presetOverrides } = emulator
    const redirectUri = 'http://127.0.0.1:3000/callback/auth0'
    const client = new OAuthClient(auth0({ domain, audience, ...presetOverrides }), { clock })
    onTestFinished(() => client.close())
    for (const asked of [['openid'], ['openid', 'offline_access']]) {
      const pending = await client.authorizationUrl({ redirectUri, scope: asked })
      const back = await fetch(pending.url, { redirect: 'manual' })
      const { tokens } = await client.exchangeCode(back.headers.get('location') ?? '', pending)
      expect(tokens.refreshToken !== undefined).toBe(asked.includes('offline_access'))
    }
  })
})

describe('what the Hub and others are sent', () => {
  it('is the token at the Hub alone, also when the Hub leads elsewhere', async () => {
    const emulator = await startedBitfount()
    const foreign = await startForeignServer()
    onTestFinished(() => foreign.close())
    const auth = latchkey({
      baseUrl: 'http://127.0.0.1:3000',
      secret: randomBytes(32).toString('base64url'),
      providers: [bitfount({ ...emulator.presetOverrides, keepAccounts: true })],
      clock,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    onTestFinished(() => auth.close())
    const tokens = emulator.tokens('ada', { scope })
    const { cookie } = await auth.createSession({ provider: 'bitfount', user: { id: tokens.userId }, tokens })
    const oauth = await auth.from({ headers: { cookie } })
    const echo = await (await oauth.fetch(`${emulator.apiOrigin}/pods`)).json()
    expect(echo).toMatchObject({ headers: { authorization: `Bearer ${tokens.accessToken}` } })
    const away = await oauth.fetch(`${emulator.apiOrigin}/away?to=${encodeURIComponent(foreign.origin)}`)
    expect([away.status, away.headers.get('location')]).toEqual([302, foreign.origin])
    expect(await failureOf(oauth.fetch(foreign.origin))).toMatchObject({ code: 'origin_not_allowed' })
    expect(foreign.connections).toBe(0)
  })

  it('is the API key where the app has one, a part of it at the Hub, and no token is asked for', async () => {
    const emulator = await startedBitfount()
    const { apiKey = { id: '', key: '' }, apiOrigin, presetOverrides } = emulator
    const auth = latchkey({
      baseUrl: 'http://127.0.0.1:3000',
      secret: randomBytes(32).toString('base64url'),
      providers: [bitfount({ ...presetOverrides, apiKey })],
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    onTestFinished(() => auth.close())
    const access = auth.application('bitfount')
    const echo = (await (await access.fetch(`${apiOrigin}/api`)).json()) as {
      headers: Record<string, string>
    }
    expect(echo.headers).toMatchObject({ 'x-api-key-id': apiKey.id, 'x-api-key': apiKey.key })
    expect(echo.headers).not.toHaveProperty('authorization')
    expect((await access.request(`${apiOrigin}/api`)).statusCode).toBe(200)
    expect(await failureOf(access.accessToken())).toMatchObject({ code: 'not_supported', reason: 'api_key' })
    await expect(access.fetch(apiOrigin, { headers: { 'x-api-key': 'another' } })).rejects.toThrow(TypeError)
    expect(await failureOf(access.fetch('http://127.0.0.1:9/'))).toMatchObject({ code: 'origin_not_allowed' })
    expect(emulator.as.calls.token).toBe(0)
  })
})
