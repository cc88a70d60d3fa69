import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { decodeProtectedHeader, importPKCS8 } from 'jose'
import { describe, expect, it } from 'vitest'
import { Latchkey } from '../latchkey.ts'
import { OAuthClient } from '../oauth-client.ts'
import { FakeServer } from '../protocol/fake-server.fixture.ts'
import { signJwt } from '../protocol/id-token.fixture.ts'
import { decodeJwtUnverified } from '../protocol/jwt.ts'
import { openidKey } from '../protocol/protocol-client.fixture.ts'
import { type ProviderPreset, signsUsersIn } from '../protocol/provider.ts'
import * as presets from './index.ts'
import { type PublishedFacts, publishedFacts } from './published-facts.fixture.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const appleKey = await importPKCS8(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'ES256')
const client = { clientId: 'client-1', clientSecret: 'client-secret-1' }

const all: readonly ProviderPreset[] = [
  presets.apple({ clientId: 'client-1', teamId: 'TEAM', keyId: 'KEY', privateKey: appleKey }),
  presets.auth0({ ...client, domain: 'tenant.eu.auth0.com', audience: 'https://api.example/v1' }),
  presets.battlenet(client),
  presets.bitfount({ clientId: 'client-1' }),
  presets.discord(client),
  presets.dropbox(client),
  presets.exbo(client),
  presets.facebook(client),
  presets.github(client),
  presets.githubApp(client),
  presets.gitlab(client),
  presets.google(client),
  presets.keycloak({ ...client, realmUrl: 'https://login.example/realms/staff/' }),
  presets.linkedin(client),
  presets.microsoft({ ...client, tenant: '11111111-2222-3333-4444-555555555555' }),
  presets.notion(client),
  presets.okta({ ...client, domain: 'example.okta.com', authorizationServer: 'default' }),
  presets.reddit(client),
  presets.slack(client),
  presets.spotify(client),
  presets.strava(client),
  presets.trackmania(client),
  presets.twitch(client),
]

/** Everything in which a preset differs from the RFCs, and why: a field that is not here needs no quirk. */
const quirks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  apple: {
    pkce: 'support unknown',
    responseMode: 'scopes are refused with any other',
    authorizationResponseName: 'the name comes once, there',
  },
  auth0: { params: 'audience' },
  battlenet: { pkce: 'support unknown', sendEmptyScope: 'wants the parameter' },
  bitfount: { params: 'audience' },
  discord: { pkce: 'undocumented for clients with a secret' },
  dropbox: { pkce: 'optional', params: 'offline access', expectsRefreshToken: 'it is asked for' },
  exbo: {
    pkce: 'none documented',
    sendEmptyScope: 'wants the parameter',
    tokenAnswer: 'refresh_expires_in',
    exclusive: 'an exchange ends earlier tokens',
    refreshEndsAccessToken: 'until known',
  },
  facebook: { pkce: 'not used', scopeSeparator: 'commas' },
  github: { pkce: 'optional', resourceHeaders: 'User-Agent wanted', deadRefresh: 'bad_refresh_token' },
  'github-app': {
    pkce: 'optional',
    resourceHeaders: 'User-Agent wanted',
    deadRefresh: 'bad_refresh_token',
    refreshEndsAccessToken: 'documented',
  },
  google: {
    idTokenIssuers: 'with and without https',
    params: 'offline access and consent',
    expectsRefreshToken: 'it is asked for',
  },
  keycloak: { tokenAnswer: 'refresh_expires_in' },
  linkedin: { pkce: 'not used', refreshTokenLifetime: 'a year from the authorization' },
  notion: {
    pkce: 'support unknown',
    params: 'owner',
    tokenBodyFormat: 'JSON',
    tokenHeaders: 'Notion-Version',
    resourceHeaders: 'Notion-Version',
  },
  reddit: {
    expectsRefreshToken: 'it is asked for',
    pkce: 'support unknown',
    params: 'permanent',
    tokenHeaders: 'User-Agent wanted',
    resourceHeaders: 'User-Agent wanted',
    revocation: 'one token',
  },
  slack: { pkce: 'not used' },
  spotify: {
    pkce: 'optional',
    refreshTokenLifetime: 'six months',
    redirectUriRule: 'loopback literals',
  },
  strava: {
    authorizationResponseScope: 'granted scope',
    pkce: 'support unknown',
    scopeSeparator: 'commas',
    tokenAnswer: 'expires_at',
  },
  trackmania: { pkce: 'support unknown' },
  twitch: {
    pkce: 'support unknown',
    tokenAnswer: 'errors in message',
    deadRefresh: 'message',
    credentials: 'Client-Id header',
  },
}

/** Where the client can have tokens of its own. */
const applications = new Set(
  'auth0 battlenet discord exbo facebook keycloak linkedin microsoft okta reddit spotify trackmania twitch'.split(
    ' ',
  ),
)

const plain = presets.oauth2({
  ...client,
  id: 'plain',
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  resourceOrigins: [],
})
/** What every client sets for itself; no quirk of a server. */
const own = new Set(
  'id name icon clientId clientSecret clientAuth scope resourceOrigins userinfo issuer jwksUri clientCredentials authorizationEndpoint tokenEndpoint revocationEndpoint deviceAuthorizationEndpoint'.split(
    ' ',
  ),
)

/** A preset in the words of {@link PublishedFacts}; what the RFCs say anyway is left out. */
function factsOf(preset: ProviderPreset): PublishedFacts {
  const { clientAuth, scope, scopeSeparator, userinfo, ...others } = preset
  const told = Object.entries(others).filter(([field, value]) => {
    return factNames.has(field) && !isDeepStrictEqual(value, Reflect.get(plain, field))
  })
  const { endpoint, method = 'GET', fields } = userinfo ?? {}
  return {
    ...Object.fromEntries(told),
    clientAuth: clientAuth.method,
    ...(scope.length > 0 && { scope: scope.join(scopeSeparator) }),
    ...(fields !== undefined && {
      userinfo: endpoint === undefined ? 'ID token' : `${method} ${endpoint}`,
      userId: fields.id,
      ...(fields.email !== undefined && { email: fields.email }),
    }),
  }
}

const factNames = new Set(
  'issuer idTokenIssuers authorizationEndpoint tokenEndpoint revocationEndpoint deviceAuthorizationEndpoint jwksUri params tokenBodyFormat tokenHeaders tokenAnswer deadRefresh refreshTokenLifetime credentials resourceHeaders resourceOrigins'.split(
    ' ',
  ),
)

const redirectUri = 'https://app.example/callback'

/** The server of a preset, which answers with tokens that it numbers. */
function serverOf(preset: ProviderPreset): { readonly server: FakeServer; readonly oauth: OAuthClient } {
  const server = new FakeServer()
  const { issuer } = preset
  const base = issuer?.replace(/\/$/, '') ?? 'https://as.example'
  const endpoints = {
    authorization: preset.authorizationEndpoint ?? `${base}/authorize`,
    token: preset.tokenEndpoint ?? `${base}/token`,
    keys: preset.jwksUri ?? `${base}/keys`,
  }
  const { clock, log: logger } = server
  const names = { accessToken: 'access_token', refreshToken: 'refresh_token', ...preset.tokenAnswer }
  let made = 0
  server.on(`POST ${endpoints.token}`, ({ body }) => {
    made += 1
    const iat = Math.floor(clock.now())
    const isRefresh = body.includes('refresh_token')
    const idToken = { iss: issuer, sub: 'user-1', aud: 'client-1', iat, exp: iat + 300, nonce }
    return {
      body: {
        [names.accessToken]: `access-${made}`,
        [names.refreshToken]: `refresh-${made}`,
        token_type: 'bearer',
        ...(preset.tokenAnswer.expiresAt === undefined
          ? { expires_in: '3600' }
          : { [preset.tokenAnswer.expiresAt]: iat + 3_600 }),
        ...(issuer !== undefined && !isRefresh && { id_token: signJwt(openidKey, idToken) }),
      },
    }
  })
  if (issuer !== undefined) {
    server.on(`GET ${endpoints.keys}`, { body: { keys: [openidKey.jwk] } })
    server.on(`GET ${base}/.well-known/openid-configuration`, {
      body: {
        issuer,
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        jwks_uri: endpoints.keys,
      },
    })
  }
  let nonce: string | undefined
  const oauth = new OAuthClient(preset, { clock, logger, dispatcher: server.transport.dispatcher })
  const { authorizationUrl } = oauth
  oauth.authorizationUrl = async (request) => {
    const pending = await authorizationUrl.call(oauth, request)
    nonce = new URL(pending.url).searchParams.get('nonce') ?? undefined
    return pending
  }
  return { server, oauth }
}

describe.each(all.map((preset) => [preset.id, preset] as const))('the preset %s', (id, preset) => {
  it('is complete, signs users in, and has only quirks that are documented', () => {
    expect(signsUsersIn(preset)).toBe(true)
    expect(preset.name).not.toBe('')
    expect(preset.icon ?? '').not.toMatch(/script|on\w+=|href/i)
    const differing = Object.keys(preset).filter(
      (field) => !own.has(field) && !isDeepStrictEqual(Reflect.get(preset, field), Reflect.get(plain, field)),
    )
    expect(differing.toSorted()).toEqual(Object.keys(quirks[id] ?? {}).toSorted())
  })

  it('says what is published about its server', () => {
    expect(factsOf(preset)).toEqual(publishedFacts[id])
  })

  it('names https endpoints and exact origins alone', () => {
    const urls = Object.entries(preset).filter(([field]) => /Endpoint$|^issuer$|^jwksUri$/.test(field))
    for (const [, url] of [...urls, ['userinfo', preset.userinfo?.endpoint]])
      if (url !== undefined) expect(url).toMatch(/^https:\/\//)
    for (const origin of preset.resourceOrigins) expect(new URL(origin).origin).toBe(origin)
  })

  it('asks rightly: scope in one parameter, S256 or no challenge, its own parameters', async () => {
    const { oauth } = serverOf(preset)
    const { url } = await oauth.authorizationUrl({ redirectUri, scope: ['one', 'two'] })
    const { searchParams } = new URL(url)
    const openid = preset.issuer === undefined ? [] : ['openid']
    expect(searchParams.get('scope')).toBe([...openid, 'one', 'two'].join(preset.scopeSeparator))
    expect(searchParams.get('code_challenge_method')).toBe(preset.pkce === 'never' ? null : 'S256')
    expect(searchParams.get('response_mode')).toBe(preset.responseMode === 'query' ? null : 'form_post')
    for (const [name, value] of Object.entries(preset.params)) expect(searchParams.get(name)).toBe(value)
  })

  it('signs in and refreshes at a server with its quirks', async () => {
    const { server, oauth } = serverOf(preset)
    const pending = await oauth.authorizationUrl({ redirectUri })
    const callback = `${redirectUri}?code=code-1&state=${pending.state}`
    const { tokens } = await oauth.exchangeCode(callback, pending)
    expect(tokens).toMatchObject({ accessToken: 'access-1', refreshToken: 'refresh-1', scope: preset.scope })
    expect(tokens.expiresAt).toBe(Math.floor(server.clock.now()) + 3_600)
    const refreshed = await oauth.refresh(tokens)
    expect(refreshed.tokens).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-2' })
    const [exchange, refresh] = server.requests.filter(({ method }) => method === 'POST')
    const format =
      preset.tokenBodyFormat === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'
    for (const request of [exchange, refresh]) {
      expect(request?.headers).toMatchObject({ 'content-type': format, ...preset.tokenHeaders })
      const provesBy = request?.headers.authorization === undefined ? 'body' : 'basic'
      expect(provesBy).toBe(preset.clientAuth.method.startsWith('client_secret_basic') ? 'basic' : 'body')
    }
    expect(exchange?.body.includes('code_verifier')).toBe(preset.pkce !== 'never')
  })

  it('gives the client tokens of its own, or says at once that it has none', async () => {
    const { server, oauth } = serverOf(preset)
    const secret = randomBytes(32).toString('base64url')
    const auth = new Latchkey({ baseUrl: 'https://app.example', secret, providers: [preset] })
    if (applications.has(id)) {
      expect(auth.application(id)).toMatchObject({ fetch: expect.any(Function) })
      expect((await oauth.clientCredentials()).tokens.accessToken).toBe('access-1')
      const [request] = server.requests.filter(({ method }) => method === 'POST')
      expect(request?.body).toContain('client_credentials')
      return
    }
    const refused = { code: 'not_supported', provider: id, message: expect.stringContaining(preset.name) }
    expect(() => auth.application(id)).toThrow(expect.objectContaining(refused))
    await expect(oauth.clientCredentials()).rejects.toMatchObject(refused)
    expect(server.requests).toEqual([])
  })
})

describe('presets', () => {
  it('has every preset in the table of this file', () => {
    const functions = Object.values(presets).filter((member) => typeof member === 'function')
    const general = [presets.oauth2, presets.oidc, presets.nadeo].length
    expect(functions).toHaveLength(all.length + general)
  })

  it('apple signs a client secret for the client it is used by', async () => {
    const { server, oauth } = serverOf(
      presets.apple({ clientId: 'client-1', teamId: 'TEAM', keyId: 'KEY', privateKey: appleKey }),
    )
    const pending = await oauth.authorizationUrl({ redirectUri })
    await oauth.exchangeCode(`${redirectUri}?code=c&state=${pending.state}`, pending)
    const sent = server.requests.find(({ method }) => method === 'POST')
    const secret = new URLSearchParams(sent?.body).get('client_secret') ?? ''
    expect(decodeProtectedHeader(secret)).toEqual({ alg: 'ES256', kid: 'KEY' })
    const { iat, exp, ...claims } = decodeJwtUnverified(secret)?.payload ?? {}
    expect(claims).toEqual({ iss: 'TEAM', sub: 'client-1', aud: 'https://appleid.apple.com' })
    expect(Number(exp) - Number(iat)).toBe(300)
  })

  it('apple makes a name of what it sends once', () => {
    const { authorizationResponseName: nameOf } = presets.apple({
      teamId: 't',
      keyId: 'k',
      privateKey: appleKey,
    })
    const email = 'ada@example.com'
    expect(nameOf?.({ name: { firstName: 'Ada', lastName: 'Lovelace' }, email })).toBe('Ada Lovelace')
    expect(nameOf?.({ name: { firstName: 'Ada', middleName: 7 } })).toBe('Ada')
    expect([nameOf?.({ email }), nameOf?.({ name: 'Ada' })]).toEqual([undefined, undefined])
  })

  it('auth0 keeps the slash of its issuer, and sends tokens only to an audience that is an address', () => {
    const domain = 'tenant.eu.auth0.com'
    expect(presets.auth0({ domain }).issuer).toBe('https://tenant.eu.auth0.com/')
    expect(presets.auth0({ domain }).resourceOrigins).toEqual(['https://tenant.eu.auth0.com'])
    expect(presets.auth0({ domain, audience: 'https://api.example/v1' }).resourceOrigins).toEqual([
      'https://api.example',
    ])
    expect(presets.auth0({ domain, audience: 'urn:my-api' }).resourceOrigins).toEqual([])
  })

  it('okta tells the organization and a custom authorization server apart', () => {
    const domain = 'example.okta.com'
    expect(presets.okta({ domain }).issuer).toBe('https://example.okta.com')
    expect(presets.okta({ domain, authorizationServer: 'default' }).issuer).toBe(
      'https://example.okta.com/oauth2/default',
    )
  })

  it.each([
    [() => presets.auth0({ domain: 'https://tenant.auth0.com' }), /auth0\(\): domain must be a host name/],
    [() => presets.okta({ domain: 'a.b/c' }), /okta\(\): domain/],
    [() => presets.okta({ domain: 'a.b', authorizationServer: '../x' }), /authorizationServer/],
    [() => presets.keycloak({ realmUrl: 'http://login.example/realms/a' }), /realmUrl must be an https URL/],
    [() => presets.gitlab({ baseUrl: 'gitlab.example' }), /baseUrl must be an https URL/],
    [() => presets.microsoft({ tenant: 'common' }), /tenant must be one tenant/],
    [() => presets.apple({ teamId: 'a/b', keyId: 'k', privateKey: appleKey }), /teamId/],
    [() => presets.bitfount({ audiense: 'x' } as object), /bitfount\(\).*audiense/],
    [() => presets.githubApp({ scopes: [] } as object), /githubApp\(\).*scopes/],
  ])('refuses what cannot be: %s', (make, message) => {
    expect(make).toThrow(message)
  })
})
