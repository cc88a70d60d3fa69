import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { bitfount, exbo, nadeo, oauth2, oidc, type ProviderPreset, spotify } from './index.ts'
import { resolveClient } from './resolve-client.ts'

const server = {
  id: 'example',
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  resourceOrigins: ['https://api.example'],
} as const

function refusal(make: () => unknown): LatchkeyError {
  try {
    make()
  } catch (error) {
    if (LatchkeyError.is(error)) return error
    throw error
  }
  throw new Error('expected invalid_options')
}

describe('presets', () => {
  it('spotify has its quirks, and one origin for its API', () => {
    expect(spotify()).toMatchObject({
      id: 'spotify',
      clientAuth: { method: 'client_secret_basic' },
      pkce: 'supported',
      scope: [],
      deadRefresh: [{ error: 'invalid_grant' }],
      refreshTokenLifetime: { months: 6 },
      redirectUriRule: 'loopback_literal',
      resourceOrigins: ['https://api.spotify.com'],
      userinfo: { endpoint: 'https://api.spotify.com/v1/me', fields: { id: 'account_id' } },
      exclusive: false,
    })
    expect(spotify().revocationEndpoint).toBeUndefined()
  })

  it('exbo has its quirks, and two origins for its API', () => {
    expect(exbo()).toMatchObject({
      id: 'exbo',
      clientAuth: { method: 'client_secret_post' },
      pkce: 'never',
      sendEmptyScope: true,
      exclusive: true,
      refreshEndsAccessToken: true,
      resourceOrigins: ['https://eapi.stalcraft.net', 'https://exbo.net'],
      userinfo: { fields: { id: 'id', name: ['display_login', 'login'] } },
    })
  })

  it('spotify asks for consent each time when it is told to', () => {
    expect(spotify({ showDialog: true }).params).toEqual({ show_dialog: 'true' })
    expect(spotify({ showDialog: false }).params).toEqual({})
    for (const wrong of ['yes', 'true', 1, null])
      expect(refusal(() => spotify({ showDialog: wrong as never })).message).toContain(
        'showDialog must be true or false',
      )
  })

  it('show no secret in logs and JSON, and can be spread all the same', () => {
    const secret = 'a-secret-of-the-client'
    const account = { account: 'service', userAgent: 'app / me@example.com' } as const
    const presets: readonly object[] = [
      spotify({ clientId: 'c', clientSecret: secret }),
      nadeo({ ...account, login: 'l', password: secret }),
      oauth2({ ...server, clientId: 'c', clientSecret: secret, tokenHeaders: { 'x-key': secret } }),
    ]
    for (const preset of presets) {
      expect(inspect(preset, { depth: 9, showHidden: true })).not.toContain(secret)
      expect(JSON.stringify({ preset })).not.toContain(secret)
      expect({ ...preset }).toMatchObject({ clientSecret: secret })
    }
    expect(JSON.parse(JSON.stringify(presets[0]))).toMatchObject({ id: 'spotify', clientId: 'c' })
  })

  it('exbo and bitfount take keys in the place of application tokens, and show none of them', () => {
    const headersOf = ({ apiKeyHeaders }: ProviderPreset, origin: string) =>
      apiKeyHeaders?.(origin, { clientId: 'c', clientSecret: 's' })
    const keyed = bitfount({ clientId: 'c', apiKey: { id: 'key-id', key: 'hub-part:am-part' } })
    expect(headersOf(exbo({ application: 'client_headers' }), 'https://eapi.stalcraft.net')).toEqual({
      'client-id': 'c',
      'client-secret': 's',
    })
    expect(headersOf(keyed, 'https://hub.bitfount.com')).toEqual({
      'x-api-key-id': 'key-id',
      'x-api-key': 'hub-part',
    })
    expect(headersOf(keyed, 'https://am.hub.bitfount.com')).toMatchObject({ 'x-api-key': 'hub-part:am-part' })
    expect(inspect(keyed) + JSON.stringify(keyed)).not.toMatch(/hub-part|am-part/)
    expect(exbo().apiKeyHeaders).toBeUndefined()
    expect(refusal(() => exbo({ application: 'headers' as never })).message).toContain('application')
    expect(refusal(() => bitfount({ apiKey: { id: 'i' } as never })).message).toContain('{ id, key }')
  })

  it('icons are inline SVG without script, style or address', () => {
    for (const { icon } of [spotify(), exbo()]) {
      expect(icon).toMatch(/^<svg [^>]*aria-hidden="true"/)
      expect(icon).not.toMatch(/script|style|href|url\(|on\w+=/)
    }
  })

  it('carries the id in its type', () => {
    expectTypeOf(spotify()).toEqualTypeOf<ProviderPreset<'spotify'>>()
    expectTypeOf(spotify({ id: 'spotify-eu' })).toEqualTypeOf<ProviderPreset<'spotify-eu'>>()
    expectTypeOf(oauth2(server)).toEqualTypeOf<ProviderPreset<'example'>>()
    expectTypeOf(oidc({ id: 'sso', issuer: 'https://as.example' }).id).toEqualTypeOf<'sso'>()
    expect(spotify({ id: 'spotify-eu' }).id).toBe('spotify-eu')
  })

  it('takes known scopes and others', () => {
    expect(spotify({ scope: ['user-read-email', 'something-new'] }).scope).toEqual([
      'user-read-email',
      'something-new',
    ])
  })

  it('lets every field be overridden, and takes undefined for left out', () => {
    const provider = spotify({
      name: 'Our music',
      tokenEndpoint: 'http://127.0.0.1:4000/api/token',
      clientId: undefined,
      userinfo: 'http://127.0.0.1:4000/v1/me',
      params: { show_dialog: 'true' },
    })
    expect(provider).toMatchObject({
      name: 'Our music',
      tokenEndpoint: 'http://127.0.0.1:4000/api/token',
      authorizationEndpoint: 'https://accounts.spotify.com/authorize',
      userinfo: { endpoint: 'http://127.0.0.1:4000/v1/me', fields: { id: 'account_id' } },
      params: { show_dialog: 'true' },
    })
    expect(provider).not.toHaveProperty('clientId')
  })

  it('lets a single user field be overridden', () => {
    expect(spotify({ userinfo: { fields: { id: 'id' } } }).userinfo).toMatchObject({
      endpoint: 'https://api.spotify.com/v1/me',
      fields: { id: 'id', email: 'email' },
    })
  })

  it('does not write into the caller’s options, and cannot be changed itself', () => {
    const options = Object.freeze({ clientId: 'a' })
    expect(Object.isFrozen(spotify(options))).toBe(true)
  })

  it('oauth2 takes userinfo as a URL', () => {
    expect(oauth2({ ...server, userinfo: 'https://as.example/me' }).userinfo).toMatchObject({
      endpoint: 'https://as.example/me',
      fields: { id: 'sub' },
    })
  })
})

describe('validation', () => {
  it.each([
    ['id', { id: 'Spotify' }],
    ['id', { id: 'a/b' }],
    ['id', { id: '' }],
    ['id', { id: '-a' }],
    ['id', { id: '__proto__' }],
    ['name', { name: '' }],
    ['clientId', { clientId: 7 }],
    ['clientSecret', { clientSecret: 5 }],
    ['clientSecret', { clientSecret: { value: 's' } }],
    ['authorizationEndpoint', { authorizationEndpoint: 'http://as.example/authorize' }],
    ['authorizationEndpoint', { authorizationEndpoint: undefined }],
    ['tokenEndpoint', { tokenEndpoint: 'http://localhost:3000/token' }],
    ['tokenEndpoint', { tokenEndpoint: 'https://u:p@as.example/token' }],
    ['tokenEndpoint', { tokenEndpoint: '/token' }],
    ['revocationEndpoint', { revocationEndpoint: 'ftp://as.example' }],
    ['jwksUri', { jwksUri: 'http://as.example/jwks' }],
    ['userinfo.endpoint', { userinfo: 'http://as.example/me' }],
    ['issuer', { issuer: 'http://as.example' }],
    ['issuer', { issuer: 'https://as.example/?a=b' }],
    ['authorizationResponseIss', { authorizationResponseIss: true }],
    ['resourceOrigins', { resourceOrigins: ['https://api.example/'] }],
    ['resourceOrigins', { resourceOrigins: ['https://api.example/v1'] }],
    ['resourceOrigins', { resourceOrigins: ['https://*.example'] }],
    ['resourceOrigins', { resourceOrigins: ['*'] }],
    ['resourceOrigins', { resourceOrigins: ['http://api.example'] }],
    ['resourceOrigins', { resourceOrigins: ['api.example'] }],
    ['resourceOrigins', { resourceOrigins: ['https://API.example'] }],
    ['pkce', { pkce: 'plain' }],
    ['pkce', { pkce: false }],
    ['pkce', { pkce: 'never', clientAuth: { method: 'none' } }],
    ['clientAuth', { clientAuth: { method: 'client_secret_magic' } }],
    ['clientAuth', { clientAuth: { method: 'client_secret_post', clientSecret: 'fixed' } }],
    ['revocationClientAuth', { revocationClientAuth: { method: 'magic' } }],
    ['revocationClientAuth', { revocationClientAuth: 'client_secret_post' }],
    ['deviceAuthorizationEndpoint', { deviceAuthorizationEndpoint: 'http://as.example/device' }],
    ['clientAuth', { clientAuth: { method: 'client_secret_basic_raw' }, clientId: 'a:b' }],
    ['scope', { scope: ['a b'] }],
    ['scope', { scope: [''] }],
    ['scope', { scope: ['a,b'], scopeSeparator: ',' }],
    ['scopeSeparator', { scopeSeparator: '|' }],
    ['responseMode', { responseMode: 'fragment' }],
    ['tokenBodyFormat', { tokenBodyFormat: 'xml' }],
    ['revocation', { revocation: 'all' }],
    ['params', { params: { state: 'x' } }],
    ['params', { params: { redirect_uri: 'x' } }],
    ['tokenParams', { tokenParams: { code: 'x' } }],
    ['tokenHeaders', { tokenHeaders: { Authorization: 'x' } }],
    ['tokenHeaders', { tokenHeaders: { 'x-a': 'a\r\nb: c' } }],
    ['resourceHeaders', { resourceHeaders: { 'x a': 'b' } }],
    ['idTokenAlgorithms', { idTokenAlgorithms: ['none'] }],
    ['credentials', { credentials: { scheme: '' } }],
    ['credentials', { credentials: { scheme: 'Bearer\r\nx-evil: 1' } }],
    ['credentials', { credentials: { scheme: 'Bearer realm' } }],
    ['credentials', { credentials: { scheme: 'Bearer\n' } }],
    ['credentials', { credentials: { headers: { 'x-token\r\n': '{access_token}' } } }],
    ['credentials', { credentials: { headers: { 'x token': '{access_token}' } } }],
    ['clientCredentials', { clientCredentials: 'yes' }],
    ['callbackPath', { callbackPath: 'callback' }],
    ['callbackPath', { callbackPath: '/callback?x' }],
  ])('case 8: refuses a wrong %s: %j', (option, wrong) => {
    // What an app in JavaScript could pass.
    const options = { ...server, ...wrong } as Parameters<typeof oauth2>[0]
    const error = refusal(() => oauth2(options))
    expect(error).toMatchObject({ code: 'invalid_options', reason: option })
    expect(error.message).toContain(option)
  })

  it.each(['http://127.0.0.1:3000/token', 'http://[::1]:3000/token', 'http://127.9.9.9/token'])(
    'allows %s',
    (tokenEndpoint) => {
      expect(oauth2({ ...server, tokenEndpoint }).tokenEndpoint).toBe(tokenEndpoint)
    },
  )
})

describe('the options of a preset', () => {
  // What an app in JavaScript could call.
  const make = { spotify, exbo, oauth2, oidc } as unknown as Record<string, (options?: unknown) => unknown>
  const issuer = 'https://as.example'

  it.each([
    ['spotify', { scopes: ['a'] }, /^spotify\(\) knows no "scopes"\. Did you mean "scope"\?/],
    ['exbo', { clientID: 'a' }, /^exbo\(\) knows no "clientID"\. Did you mean "clientId"\?/],
    ['oauth2', { ...server, tokenUrl: 'a' }, /^oauth2\(\) knows no "tokenUrl"\. It knows id, /],
    [
      'spotify',
      'client-secret',
      /^spotify\(\) takes its options as one object, but got a string\. Write spotify\(/,
    ],
    ['spotify', null, /one object, but got null/],
    ['spotify', { scope: 'user-top-read' }, /^spotify: scope must be a list of strings.* not a string/],
    ['spotify', { scope: [7] }, /scope must be a list of strings/],
    ['spotify', { resourceOrigins: issuer }, /resourceOrigins must be a list of strings.* not a string/],
    ['spotify', { idTokenAlgorithms: 'RS256' }, /idTokenAlgorithms must name/],
    [
      'oidc',
      undefined,
      /^oidc\(\) takes its options as one object, but got nothing\. Write oidc\(\{ id, issuer, /,
    ],
    ['oauth2', undefined, /^oauth2\(\) takes.* Write oauth2\(\{ id, resourceOrigins, /],
    ['oidc', { issuer }, /^oidc\(\): the option id is missing\. Write .* id is a name/],
    ['oidc', { id: 'company' }, /^oidc\(\): the option issuer is missing\./],
    ['oidc', { id: 'company', issuer: undefined }, /the option issuer is missing/],
    ['oauth2', { ...server, id: undefined }, /^oauth2\(\): the option id is missing/],
    [
      'oauth2',
      { ...server, resourceOrigins: undefined },
      /^oauth2\(\): the option resourceOrigins is missing/,
    ],
    ['oidc', { id: 7, issuer }, /id must be lower-case/],
  ])('are refused by %s(): %j', (preset, options, message) => {
    const error = refusal(() => make[preset]?.(options))
    expect(error.code).toBe('invalid_options')
    expect(error.message).toMatch(message)
    expect(error.message).not.toMatch(/client-secret|user-top-read/)
  })

  it('may be those of another provider, copied', () => {
    expect(spotify({ ...spotify(), id: 'spotify-eu' }).id).toBe('spotify-eu')
  })
})

describe('resolveClient', () => {
  it('takes credentials from the options before the environment', () => {
    const env = { SPOTIFY_CLIENT_ID: 'env-id', SPOTIFY_CLIENT_SECRET: 'env-secret' }
    expect(resolveClient(spotify(), env)).toMatchObject({ clientId: 'env-id', clientSecret: 'env-secret' })
    expect(resolveClient(spotify({ clientId: 'own' }), env)).toMatchObject({
      clientId: 'own',
      clientSecret: 'env-secret',
    })
  })

  it('spells the variables by the provider’s id', () => {
    const env = { SPOTIFY_EU_CLIENT_ID: 'a', SPOTIFY_EU_CLIENT_SECRET: 'b' }
    expect(resolveClient(spotify({ id: 'spotify-eu' }), env).clientId).toBe('a')
  })

  it.each([
    [{}, 'clientId', 'SPOTIFY_CLIENT_ID'],
    [{ SPOTIFY_CLIENT_ID: '' }, 'clientId', 'SPOTIFY_CLIENT_ID'],
    [{ SPOTIFY_CLIENT_ID: 'a' }, 'clientSecret', 'SPOTIFY_CLIENT_SECRET'],
    [{ SPOTIFY_CLIENT_ID: 'a', SPOTIFY_CLIENT_SECRET: '' }, 'clientSecret', 'SPOTIFY_CLIENT_SECRET'],
  ])('names option and variable when %j lacks %s', (env, option, variable) => {
    const error = refusal(() => resolveClient(spotify(), env))
    expect(error.code).toBe('invalid_options')
    expect(error.message).toContain(option)
    expect(error.message).toContain(variable)
  })

  it('needs no secret where a function makes it', () => {
    const clientAuth = { method: 'client_secret_post', clientSecret: () => 'made' } as const
    const provider = resolveClient(spotify({ clientAuth }), { SPOTIFY_CLIENT_ID: 'a' })
    expect(provider).not.toHaveProperty('clientSecret')
  })

  it('asks for the secret that only revoking needs', () => {
    const provider = spotify({
      clientAuth: { method: 'none' },
      revocationClientAuth: { method: 'client_secret_post' },
    })
    expect(refusal(() => resolveClient(provider, { SPOTIFY_CLIENT_ID: 'a' })).message).toContain(
      'SPOTIFY_CLIENT_SECRET',
    )
  })

  it('needs no secret for a public client', () => {
    const provider = resolveClient(spotify({ clientAuth: { method: 'none' } }), { SPOTIFY_CLIENT_ID: 'a' })
    expect(provider).not.toHaveProperty('clientSecret')
  })
})
