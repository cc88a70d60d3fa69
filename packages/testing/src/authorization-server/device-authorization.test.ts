import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { DEVICE_GRANT } from './metadata.ts'
import { type Fixture, fixture } from './server.fixture.ts'

interface DeviceAnswer {
  readonly status: number
  readonly body: Record<string, string>
}

async function ask(f: Fixture, form: Record<string, string> = {}): Promise<DeviceAnswer> {
  const response = await fetch(f.as.endpoints.deviceAuthorization, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'app', client_secret: 'app-secret-1', ...form }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

async function poll(f: Fixture, deviceCode: string | undefined): Promise<string> {
  const { status, body } = await f.token({ grant_type: DEVICE_GRANT, device_code: deviceCode ?? '' })
  return `${status} ${body.error ?? 'tokens'}`
}

describe('device authorization (RFC 8628)', () => {
  it('answers with both codes, the page, the lifetime and the interval (§3.2)', async () => {
    await using f = await fixture()
    const { status, body } = await ask(f, { scope: 'a b' })
    expect(status).toBe(200)
    expect(body).toEqual({
      device_code: expect.stringMatching(/^dc_/),
      user_code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
      verification_uri: `${f.as.origin}/device`,
      verification_uri_complete: `${f.as.origin}/device?user_code=${body.user_code}`,
      expires_in: 900,
      interval: 5,
    })
    expect(f.as.marks.findIn(body.device_code).map(({ kind }) => kind)).toEqual(['device_code'])
  })

  it('leaves out what it is told to leave out', async () => {
    await using f = await fixture({
      policy: { verificationUriComplete: false, deviceIntervalSeconds: undefined },
    })
    const { body } = await ask(f)
    expect(Object.keys(body).sort()).toEqual(['device_code', 'expires_in', 'user_code', 'verification_uri'])
  })

  it('refuses an unknown client and an unknown scope', async () => {
    await using f = await fixture({ policy: { knownScopes: ['a'] } })
    expect(await ask(f, { client_secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
    expect(await ask(f, { scope: 'b' })).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
  })

  it('gives tokens once, after the person agreed on the page (§3.3, §3.5)', async () => {
    await using f = await fixture()
    const { body } = await ask(f, { scope: 'a' })
    expect(await poll(f, body.device_code)).toBe('400 authorization_pending')
    const page = await f.agent.get(body.verification_uri ?? '')
    const consent = await f.agent.submit(page, {
      button: 'Continue',
      fields: { user_code: String(body.user_code).toLowerCase().replace('-', ' ') },
    })
    const done = await f.agent.submit(consent, { button: 'Grace' })
    expect(done.text).toContain('go back to your device')
    await f.clock.advance(5)
    const { body: tokens } = await f.token({
      grant_type: DEVICE_GRANT,
      device_code: body.device_code ?? '',
    })
    expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'a', refresh_token: expect.any(String) })
    expect(f.as.introspect(tokens.access_token ?? '')?.userId).toBe('user-grace')
    await f.clock.advance(5)
    expect(await poll(f, body.device_code)).toBe('400 invalid_grant')
  })

  it('opens the consent page at once at the complete URI, and shows no second one', async () => {
    await using f = await fixture()
    const { body } = await ask(f)
    const consent = await f.agent.get(body.verification_uri_complete ?? '')
    await f.agent.submit(consent, { button: 'Cancel' })
    expect(await poll(f, body.device_code)).toBe('400 access_denied')
    expect((await f.agent.get(body.verification_uri_complete ?? '')).status).toBe(400)
  })

  it('says slow_down to a poll that is too early, and wants 5 seconds more from then on (§3.5)', async () => {
    await using f = await fixture()
    const { body } = await ask(f)
    const polled: string[] = []
    for (const seconds of [0, 4.9, 9, 14, 15]) {
      await f.clock.advance(seconds)
      polled.push(await poll(f, body.device_code))
    }
    expect(polled).toEqual([
      '400 authorization_pending',
      '400 slow_down',
      '400 slow_down',
      '400 slow_down',
      '400 slow_down',
    ])
    await f.clock.advance(25)
    expect(await poll(f, body.device_code)).toBe('400 authorization_pending')
  })

  it('answers with the statuses of Auth0, and says once that it is too late, when told so', async () => {
    const deviceErrorStatuses = {
      authorization_pending: 403,
      slow_down: 429,
      access_denied: 403,
      expired_token: 403,
    }
    await using f = await fixture({ policy: { deviceErrorStatuses, deviceExpiredOnce: true } })
    const { body } = await ask(f)
    expect(await poll(f, body.device_code)).toBe('403 authorization_pending')
    expect(await poll(f, body.device_code)).toBe('429 slow_down')
    await f.clock.advance(900)
    expect(await poll(f, body.device_code)).toBe('403 expired_token')
    expect(await poll(f, body.device_code)).toBe('400 invalid_grant')
    const denied = (await ask(f)).body
    f.as.denyDevice(denied.user_code ?? '')
    expect(await poll(f, denied.device_code)).toBe('403 access_denied')
  })

  it('refuses the device code of another client', async () => {
    const clients = [
      { clientId: 'app', clientSecret: 'app-secret-1', redirectUris: [] },
      { clientId: 'other', clientSecret: 'other-secret-1', redirectUris: [] },
    ]
    await using f = await fixture({ clients })
    const { body } = await ask(f)
    f.as.approveDevice(body.user_code ?? '', 'user-ada')
    const stolen = await f.token({
      client_id: 'other',
      client_secret: 'other-secret-1',
      grant_type: DEVICE_GRANT,
      device_code: body.device_code ?? '',
    })
    expect(stolen).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await poll(f, body.device_code)).toBe('200 tokens')
  })

  it('issues an ID token without nonce when openid was asked for, and says so in discovery', async () => {
    await using f = await fixture({ oidc: true })
    const { body } = await ask(f, { scope: 'openid' })
    f.as.approveDevice(body.user_code ?? '', 'user-ada')
    const { body: tokens } = await f.token({ grant_type: DEVICE_GRANT, device_code: body.device_code ?? '' })
    const { payload } = await jwtVerify(tokens.id_token ?? '', await f.publishedKeys(), {
      issuer: f.as.issuer,
      audience: 'app',
    })
    expect(payload).toMatchObject({ sub: 'user-ada' })
    expect(payload).not.toHaveProperty('nonce')
    const discovery = (await (await fetch(f.as.endpoints.discovery)).json()) as Record<string, unknown>
    expect(discovery).toMatchObject({
      device_authorization_endpoint: f.as.endpoints.deviceAuthorization,
      grant_types_supported: expect.arrayContaining([DEVICE_GRANT]),
    })
  })
})
