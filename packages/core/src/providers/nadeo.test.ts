import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import { Events } from '../events.ts'
import { Applications } from '../latchkey/applications.ts'
import { OAuthClient } from '../oauth-client.ts'
import { type Answer, FakeServer } from '../protocol/fake-server.fixture.ts'
import { ProtocolClient } from '../protocol/protocol-client.ts'
import { memoryStore } from '../store/memory-store.ts'
import { Agent } from '../transport/undici.ts'
import { Vault } from '../vault/vault.ts'
import { type NadeoOptions, nadeo } from './nadeo.ts'
import { resolveClient } from './resolve-client.ts'

const core = 'https://prod.trackmania.core.nadeo.online'
const loginUrl = `POST ${core}/v2/authentication/token/basic`
const refreshUrl = `POST ${core}/v2/authentication/token/refresh`
const options: NadeoOptions<'nadeo'> = {
  account: 'service',
  login: 'my-login',
  password: 'pässword:1',
  userAgent: 'tests / me@example.com',
}

/** A Nadeo whose clock is `aheadSeconds` ahead of ours, and that numbers its tokens. */
function fixture({ login, refresh, aheadSeconds = 0 }: Script = {}) {
  const server = new FakeServer()
  const { clock, log, transport } = server
  let made = 0
  const jwt = (claims: object): string => {
    const iat = Math.floor(clock.now()) + aheadSeconds
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const lifetimes = Object.fromEntries(
      Object.entries(claims).map(([name, after]) => [name, iat + Number(after)]),
    )
    return `${part({ alg: 'HS256' })}.${part({ iat, ...lifetimes })}.s${made}`
  }
  const answer = (): Answer => {
    made += 1
    return {
      body: { accessToken: jwt({ rat: 1_800, exp: 3_600 }), refreshToken: jwt({ rat: 43_200, exp: 86_400 }) },
    }
  }
  server.on(loginUrl, login ?? answer)
  server.on(refreshUrl, refresh ?? answer)
  const client = new ProtocolClient(resolveClient(nadeo(options), {}), { transport, clock, log })
  const store = memoryStore({ clock })
  const sealer = new Sealer(['a secret of the tests, long enough to seal with'])
  const vault = new Vault({ store, sealer, clock, log, events: new Events(log) })
  const clients = { configured: [client], find: async () => client }
  const applications = new Applications({ clients, vault, dispatcher: new Agent() })
  const sent = (): readonly string[] => server.requests.map(({ method, url }) => `${method} ${url}`)
  return { server, clock, vault, applications, sent }
}

interface Script {
  readonly login?: Answer | (() => Answer)
  readonly refresh?: Answer | (() => Answer)
  readonly aheadSeconds?: number
}

const errorAnswer = (message: string, status: number): Answer => ({
  status,
  body: { code: 'C-AA-00-03', correlation_id: '0'.repeat(32), message, info: [] },
})

describe('nadeo', () => {
  it.each([
    ['core', 'NadeoServices'],
    ['Live', 'NadeoLiveServices'],
    ['meet', 'NadeoLiveServices'],
    ['NadeoLiveServices', 'NadeoLiveServices'],
    [undefined, 'NadeoServices'],
  ])('logs in for the audience %s as %s', async (audience, name) => {
    const { applications, server } = fixture()
    const { value } = await applications
      .access('nadeo', audience === undefined ? {} : { audience })
      .accessToken()
    const [request] = server.requests
    expect(request).toMatchObject({
      body: JSON.stringify({ audience: name }),
      headers: {
        authorization: `Basic ${Buffer.from('my-login:pässword:1').toString('base64')}`,
        'content-type': 'application/json',
        'user-agent': 'tests / me@example.com',
      },
    })
    expect(value).toMatch(/\.s1$/)
  })

  it('shares one token under all names of an audience, and keeps audiences apart', async () => {
    const { applications, sent } = fixture()
    for (const audience of ['live', 'club', 'NADEOLIVESERVICES', 'core', 'live'])
      await applications.access('nadeo', { audience }).accessToken()
    expect(sent()).toEqual([loginUrl, loginUrl])
  })

  it.each([0, 7_200, -7_200])(
    'counts its times from the receipt, with a server clock %d seconds ahead: renews ahead from rat on',
    async (aheadSeconds) => {
      const { applications, clock, sent, server, vault } = fixture({ aheadSeconds })
      const { accessToken } = applications.access('nadeo')
      const first = await accessToken()
      expect(first.expiresAt).toBe(Math.floor(clock.now() + 3_600))
      clock.advance(1_790)
      expect(await accessToken()).toEqual(first)
      expect(sent()).toEqual([loginUrl])
      clock.advance(20)
      expect(await accessToken()).toEqual(first)
      await vault.close()
      expect(sent()).toEqual([loginUrl, refreshUrl])
      const { headers, body } = server.requests[1] ?? {}
      expect(headers?.authorization).toMatch(/^nadeo_v1 t=\S+\.s1$/)
      expect([body, headers?.['user-agent']]).toEqual(['', 'tests / me@example.com'])
    },
  )

  it('logs in again once the refresh token has expired, without showing it', async () => {
    const { applications, clock, sent } = fixture()
    const { accessToken } = applications.access('nadeo')
    await accessToken()
    clock.advance(86_401)
    expect((await accessToken()).value).toMatch(/\.s2$/)
    expect(sent()).toEqual([loginUrl, loginUrl])
  })

  it.each([401, 403, 400])('logs in again where the refresh token is refused with %d', async (status) => {
    const { applications, clock, sent } = fixture({ refresh: errorAnswer('Refused.', status) })
    const { accessToken } = applications.access('nadeo')
    await accessToken()
    clock.advance(3_601)
    expect((await accessToken()).value).toMatch(/\.s2$/)
    expect(sent()).toEqual([loginUrl, refreshUrl, loginUrl])
  })

  it('keeps the old refresh token where the answer has null in its place', async () => {
    const body = { accessToken: 'no-jwt', refreshToken: null }
    const { applications, clock, server } = fixture({ refresh: { body } })
    const { accessToken } = applications.access('nadeo')
    await accessToken()
    clock.advance(3_601)
    expect(await accessToken()).toEqual({ value: 'no-jwt', tokenType: 'Bearer', scope: [] })
    clock.advance(11)
    await accessToken({ minTtlSeconds: 1 })
    expect(server.requests.map(({ headers }) => headers.authorization)).toHaveLength(2)
  })

  it.each(['Username could not be found.', 'Invalid credentials.'])(
    'says whose credentials to check when the login is refused: %s',
    async (message) => {
      const { applications } = fixture({ login: errorAnswer(message, 401) })
      const failure = await applications
        .access('nadeo')
        .accessToken()
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'as_misconfigured', reason: 'client_fault' })
      expect(String(failure)).toContain(
        `refuses the login (${message}). Check its name and password: options login and password, or NADEO_CLIENT_ID`,
      )
      expect(JSON.stringify(failure) + String(failure)).not.toMatch(/pässword/)
    },
  )

  it('works on its own: clientCredentials() by any name of an audience, refresh(), and no sign-in', async () => {
    const { server } = fixture()
    const { clock, log } = server
    const client = new OAuthClient(nadeo(options), {
      clock,
      logger: log,
      dispatcher: server.transport.dispatcher,
    })
    const { tokens } = await client.clientCredentials({ audience: 'live' })
    expect(server.requests[0]?.body).toBe('{"audience":"NadeoLiveServices"}')
    expect((await client.refresh(tokens)).tokens.accessToken).toMatch(/\.s2$/)
    const redirectUri = 'http://127.0.0.1/callback'
    await expect(client.authorizationUrl({ redirectUri })).rejects.toMatchObject({ code: 'not_supported' })
    await expect(client.clientCredentials({ audience: 'maps' })).rejects.toMatchObject({
      code: 'invalid_options',
    })
  })

  it('sends a token to the hosts of its audience alone', async () => {
    const { applications, sent } = fixture()
    const live = applications.access('nadeo', { audience: 'live' })
    await expect(live.fetch(`${core}/accounts`)).rejects.toMatchObject({ code: 'origin_not_allowed' })
    expect(sent()).toEqual([])
  })

  it.each([
    [{ audience: 'maps' }, /the audience is unknown there.*'NadeoServices' or 'core'/],
    [{ scope: ['clubs'] }, /takes none/],
  ])('refuses %j at once', (asked, message) => {
    expect(() => fixture().applications.access('nadeo', asked)).toThrow(message)
  })

  it.each([
    [{ account: 'ubisoft' }, /account must be 'service' or 'dedicatedServer'/],
    [{ userAgent: ' ' }, /userAgent is missing/],
    [{ audience: 'maps' }, /audience must be/],
    [{ passwort: 'x' }, /passwort/],
  ])('refuses the options %j', (wrong, message) => {
    expect(() => nadeo({ ...options, ...wrong } as typeof options)).toThrow(message)
  })
})
