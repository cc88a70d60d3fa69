import { describe, expect, it } from 'vitest'
import { rejection } from './fake-server.fixture.ts'
import { clientFixture, discoveryUrl, tokenEndpoint } from './protocol-client.fixture.ts'
import { discoveryDocument, oauthProvider, openidProvider, tokenSet } from './provider.fixture.ts'

const request = {
  redirectUri: 'https://app.example/callback',
  state: 's',
  nonce: 'n',
  codeVerifier: 'v',
  scope: [],
}

describe('MetadataSource', () => {
  it('asks for nothing when everything is configured', async () => {
    const { client, server } = clientFixture(oauthProvider())
    await client.authorizationUrl(request)
    expect(server.requests).toHaveLength(0)
  })

  it('discovers once for many callers at once, and again after an hour', async () => {
    const { client, server } = clientFixture(openidProvider())
    await Promise.all(Array.from({ length: 20 }, () => client.authorizationUrl(request)))
    await client.authorizationUrl(request)
    expect(server.to(discoveryUrl)).toHaveLength(1)
    server.clock.advance(3_601)
    await client.authorizationUrl(request)
    expect(server.to(discoveryUrl)).toHaveLength(2)
  })

  it('discovers where devices sign in (RFC 8628 §4), unless it is configured', async () => {
    const discovered = 'https://as.example/device_authorization'
    const configured = 'https://as.example/own'
    const asked = async (deviceAuthorizationEndpoint?: string): Promise<readonly string[]> => {
      const provider = openidProvider(deviceAuthorizationEndpoint ? { deviceAuthorizationEndpoint } : {})
      const { client, server } = clientFixture(provider)
      const body = { ...discoveryDocument, device_authorization_endpoint: discovered }
      server.on(discoveryUrl, { body }).on(`POST ${discovered}`, {}).on(`POST ${configured}`, {})
      await rejection(client.device.codes({ scope: [] }))
      return server.requests.filter(({ method }) => method === 'POST').map(({ url }) => url)
    }
    expect(await asked()).toEqual([discovered])
    expect(await asked(configured)).toEqual([configured])
  })

  it('does not keep a failure', async () => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, { status: 503, headers: { 'retry-after': '9' } })
    expect(await rejection(client.authorizationUrl(request))).toMatchObject({
      code: 'as_unavailable',
      retryAfterSeconds: 9,
    })
    server.on(discoveryUrl, { body: discoveryDocument })
    expect(await client.authorizationUrl(request)).toMatch(/^https:\/\/as\.example\/authorize\?/)
  })

  it('case 89: costs the server one request a second once it has failed ten times in a row', async () => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, 'refused')
    for (let visitor = 0; visitor < 100; visitor += 1)
      expect(await rejection(client.authorizationUrl(request))).toMatchObject({ code: 'as_unavailable' })
    expect(server.to(discoveryUrl)).toHaveLength(10)
    for (let second = 0; second < 5; second += 1) {
      server.clock.advance(1)
      for (let visitor = 0; visitor < 20; visitor += 1) await rejection(client.authorizationUrl(request))
    }
    expect(server.to(discoveryUrl)).toHaveLength(15)
    server.on(discoveryUrl, { body: discoveryDocument })
    // A clock that was set back makes no failure last longer.
    server.clock.seconds -= 3_600
    expect(await client.authorizationUrl(request)).toMatch(/^https:\/\/as\.example\/authorize\?/)
  })

  it('keeps the last good document for a day while the endpoint is down', async () => {
    const { client, server } = clientFixture(openidProvider())
    await client.authorizationUrl(request)
    server.on(discoveryUrl, 'refused')
    server.clock.advance(3_601)
    await client.authorizationUrl(request)
    await client.authorizationUrl(request)
    expect(server.to(discoveryUrl)).toHaveLength(2)
    server.clock.advance(83_000)
    expect(await rejection(client.authorizationUrl(request))).toMatchObject({ code: 'as_unavailable' })
  })

  it.each([
    'https://as.example/',
    'https://AS.example',
    'http://as.example',
    'https://evil.example',
    '',
    null,
    undefined,
    ['https://as.example'],
  ])('case 54: refuses a document of issuer %j', async (issuer) => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, { body: { ...discoveryDocument, issuer } })
    expect(await rejection(client.authorizationUrl(request))).toMatchObject({
      code: 'as_misconfigured',
      reason: 'issuer_mismatch',
    })
  })

  it('finds the document of an issuer with a trailing slash', async () => {
    const { client, server } = clientFixture(openidProvider({ issuer: 'https://as.example/tenant/' }))
    server.on('GET https://as.example/tenant/.well-known/openid-configuration', {
      body: { ...discoveryDocument, issuer: 'https://as.example/tenant/' },
    })
    await client.authorizationUrl(request)
    expect(server.to(discoveryUrl)).toHaveLength(0)
  })

  it.each([
    ['http', 'http://as.example/token'],
    ['localhost', 'http://localhost/token'],
    ['no URL', 'token'],
    ['javascript', 'javascript:alert(1)'],
    ['credentials', 'https://user:pass@as.example/token'],
    ['a fragment', 'https://as.example/token#x'],
    ['a number', 7],
    ['an array', ['https://as.example/token']],
  ])('refuses a token endpoint that is %s', async (_name, token_endpoint) => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, { body: { ...discoveryDocument, token_endpoint } })
    expect(await rejection(client.authorizationUrl(request))).toMatchObject({ reason: 'endpoint_invalid' })
  })

  it('names the missing endpoint and the option', async () => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, { body: { ...discoveryDocument, jwks_uri: undefined } })
    const error = await rejection(client.authorizationUrl(request))
    expect(error).toMatchObject({
      code: 'as_misconfigured',
      message: expect.stringMatching(/jwks_uri.*jwksUri/),
    })
  })

  it('case 54: never sends a secret to a token endpoint that moved to another origin', async () => {
    const { client, server } = clientFixture(openidProvider(), { body: { access_token: 'at2' } })
    await client.authorizationUrl(request)
    const moved = { ...discoveryDocument, token_endpoint: 'https://evil.example/token' }
    server.on(discoveryUrl, { body: moved })
    server.clock.advance(3_601)
    expect((await client.refresh(tokenSet(), { deadlineMs: 10_000 })).kind).toBe('token_set')
    expect(server.to(tokenEndpoint)).toHaveLength(1)
    expect(server.logged).toContainEqual(
      expect.objectContaining({ event: 'metadata.rejected', reason: 'endpoint_moved' }),
    )
    server.clock.advance(83_000)
    expect((await client.refresh(tokenSet(), { deadlineMs: 10_000 })).kind).toBe('client_fault')
    expect(server.requests.some(({ url }) => url.startsWith('https://evil.example'))).toBe(false)
  })

  it('case 54: follows a move within the origin, and one that is configured', async () => {
    const { client, server } = clientFixture(
      openidProvider({ revocationEndpoint: 'https://elsewhere.example/revoke' }),
    )
    await client.authorizationUrl(request)
    const moved = {
      ...discoveryDocument,
      authorization_endpoint: 'https://as.example/v2/authorize',
      revocation_endpoint: 'https://evil.example/revoke',
    }
    server.on(discoveryUrl, { body: moved })
    server.clock.advance(3_601)
    expect(await client.authorizationUrl(request)).toMatch(/^https:\/\/as\.example\/v2\/authorize/)
  })

  it.each([301, 302, 307, 308])('case 53: does not follow a %i from discovery', async (status) => {
    const { client, server } = clientFixture(openidProvider())
    server.on(discoveryUrl, { status, headers: { location: 'https://evil.example/' } })
    expect(await rejection(client.authorizationUrl(request))).toMatchObject({ code: 'as_unavailable' })
    expect(server.requests).toHaveLength(1)
  })

  it.each(['__proto__', 'constructor'])(
    'case 85: a document cannot reach a prototype through %s',
    async (name) => {
      const { client, server } = clientFixture(openidProvider())
      server.on(discoveryUrl, {
        body: `{"${name}":{"token_endpoint":"https://evil.example"},"issuer":"https://as.example"}`,
      })
      expect(await rejection(client.authorizationUrl(request))).toMatchObject({ reason: 'endpoint_missing' })
      expect(Reflect.get({}, 'token_endpoint')).toBeUndefined()
    },
  )
})
