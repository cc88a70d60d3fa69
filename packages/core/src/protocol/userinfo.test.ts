import { describe, expect, it } from 'vitest'
import { type Answer, rejection } from './fake-server.fixture.ts'
import { clientFixture, idToken } from './protocol-client.fixture.ts'
import { oauthProvider, openidProvider, tokenSet } from './provider.fixture.ts'
import type { Provider, UserFields } from './provider.ts'
import type { User } from './user.ts'

const endpoint = 'GET https://api.example/me'
const plainAnswer = { tokens: tokenSet(), raw: {} }

async function userFrom(
  answer: Answer,
  fields: UserFields = { id: 'id' },
  overrides: Partial<Provider> = {},
): Promise<User> {
  const userinfo = { endpoint: 'https://api.example/me', fields }
  const { client, server } = clientFixture(oauthProvider({ userinfo, ...overrides }))
  server.on(endpoint, answer)
  return (await client.profile(plainAnswer)).user
}

describe('ProtocolClient.profile', () => {
  it('asks with the access token in the header and maps the claims', async () => {
    const { client, server } = clientFixture(oauthProvider({ resourceHeaders: { 'Client-Id': 'client-1' } }))
    server.on(endpoint, { body: { id: 7 } })
    expect((await client.profile(plainAnswer)).user).toEqual({ provider: 'example', id: '7' })
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer access-token-1',
      'client-id': 'client-1',
    })
    expect(server.requests[0]?.url).not.toContain('access-token-1')
  })

  it('fills header pairs where the preset has them', async () => {
    const credentials = { headers: { Authorization: 'nadeo_v1 t={access_token}', 'X-Client': '{client_id}' } }
    const { client, server } = clientFixture(oauthProvider({ credentials }))
    server.on(endpoint, { body: { id: 'a' } })
    await client.profile(plainAnswer)
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'nadeo_v1 t=access-token-1',
      'x-client': 'client-1',
    })
  })

  it('reads every field, with second choices, lists and namespaced names', async () => {
    const fields: UserFields = {
      id: 'https://x.example/id',
      ids: { uuid: 'uuid', missing: 'missing' },
      name: ['display_name', 'login'],
      email: 'contact.email',
      emailVerified: 'contact.verified',
      picture: 'images.0.url',
    }
    const body = {
      'https://x.example/id': 'u1',
      uuid: 'uuid-1',
      display_name: null,
      login: 'ada',
      contact: { email: 'ada@example.com', verified: 'true' },
      images: [{ url: 'https://cdn.example/ada.png' }],
    }
    expect(await userFrom({ body }, fields)).toEqual({
      provider: 'example',
      id: 'u1',
      ids: { uuid: 'uuid-1' },
      name: 'ada',
      email: 'ada@example.com',
      emailVerified: true,
      picture: 'https://cdn.example/ada.png',
    })
  })

  it.each([
    ['missing', {}],
    ['null', { id: null }],
    ['empty', { id: '' }],
    ['an object', { id: {} }],
    ['true', { id: true }],
    ['a fraction', { id: 1.5 }],
    ['a number that lost digits', '{"id":9007199254740993}'],
    ['longer than 512', { id: 'x'.repeat(513) }],
    ['on two lines', { id: 'a\nb' }],
    ['on a prototype', '{"__proto__":{"id":"admin"}}'],
  ])('refuses an id that is %s, and names claim and knob', async (_name, body) => {
    expect(await rejection(userFrom({ body }))).toMatchObject({
      code: 'as_misconfigured',
      reason: 'user_id_missing',
      message: expect.stringMatching(/"id".*userinfo: \{ fields/),
    })
  })

  it('case 85: no path leads to a prototype', async () => {
    for (const path of ['constructor.name', '__proto__.x', 'toString', 'a.constructor.name']) {
      expect(await rejection(userFrom({ body: { a: {} } }, { id: path }))).toMatchObject({
        reason: 'user_id_missing',
      })
    }
  })

  it('case 99: cuts texts, keeps them on one line, and drops pictures that could run script', async () => {
    const fields = { id: 'id', name: 'name', picture: 'picture' }
    const body = { id: 'a', name: `\u001b[31m\r\n${'x'.repeat(5_000)}`, picture: 'javascript:alert(1)' }
    const user = await userFrom({ body }, fields)
    expect(user.name).toHaveLength(1024)
    expect(user.name?.slice(0, 8)).toBe('\uFFFD[31m\uFFFD\uFFFDx')
    expect(user).not.toHaveProperty('picture')
  })

  it.each([
    ['401', { status: 401 }, 'as_unavailable', 'userinfo_unauthorized'],
    ['403', { status: 403 }, 'as_misconfigured', 'userinfo_forbidden'],
    ['404', { status: 404 }, 'as_misconfigured', 'userinfo_status'],
    [
      '302',
      { status: 302, headers: { location: 'https://evil.example' } },
      'as_unavailable',
      'userinfo_status',
    ],
    ['429', { status: 429 }, 'as_unavailable', 'userinfo_status'],
    ['500', { status: 500 }, 'as_unavailable', 'userinfo_status'],
    ['204', { status: 204 }, 'as_unavailable', 'userinfo_status'],
    ['HTML', { body: '<html>' }, 'as_unavailable', 'userinfo_garbage'],
    ['an array', { body: '[{"id":1}]' }, 'as_unavailable', 'userinfo_garbage'],
    ['the id twice', { body: '{"id":"a","id":"b"}' }, 'as_unavailable', 'userinfo_garbage'],
    [
      'a signed answer',
      { headers: { 'content-type': 'application/jwt' }, body: 'a.b.c' },
      'as_misconfigured',
      'userinfo_signed',
    ],
    ['too much', { body: { id: 'x'.repeat(300_000) } }, 'as_unavailable', 'userinfo_too_large'],
    ['nothing', 'cut', 'as_unavailable', 'userinfo_cut'],
  ] as const)('answers %s with an error that says so', async (_name, answer, code, reason) => {
    expect(await rejection(userFrom(answer))).toMatchObject({ code, reason })
  })

  it('hands on Retry-After', async () => {
    const error = await rejection(userFrom({ status: 429, headers: { 'retry-after': '30' } }))
    expect(error).toMatchObject({ retryAfterSeconds: 30, asStatus: 429 })
  })

  it('says what to set when nothing describes the user', async () => {
    const { userinfo, ...provider } = oauthProvider()
    const { client } = clientFixture(provider)
    expect(await rejection(client.profile(plainAnswer))).toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('userinfo'),
    })
  })
})

describe('ProtocolClient.profile of an OpenID provider', () => {
  const claims = { iss: 'https://as.example', sub: 'user-1', name: 'Ada', email: 'old@example.com' }
  const answer = { tokens: tokenSet({ idToken: idToken() }), claims, raw: {} }

  it('adds userinfo to the ID token', async () => {
    const { client, server } = clientFixture(openidProvider())
    server.on('GET https://as.example/userinfo', {
      body: { sub: 'user-1', email: 'new@example.com', email_verified: true },
    })
    const { user, claims: all } = await client.profile(answer)
    expect(user).toEqual({
      provider: 'example',
      id: 'user-1',
      name: 'Ada',
      email: 'new@example.com',
      emailVerified: true,
    })
    expect(all).toMatchObject({ iss: 'https://as.example', email: 'new@example.com' })
  })

  it.each([['user-2'], ['USER-1'], [''], [undefined], [null], [['user-1']]])(
    'case 10: refuses userinfo whose sub is %j',
    async (sub) => {
      const { client, server } = clientFixture(openidProvider())
      server.on('GET https://as.example/userinfo', { body: { sub } })
      expect(await rejection(client.profile(answer))).toMatchObject({
        code: 'invalid_callback',
        reason: 'userinfo_subject',
      })
    },
  )

  it('takes a name, and nothing else, from what the authorization response says of the user', async () => {
    const userinfo = { fields: { id: 'sub', name: 'name', email: 'email' } }
    const provider = openidProvider({
      userinfo,
      jwksUri: 'https://as.example/jwks',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      authorizationResponseName: ({ called }) => String(called),
    })
    const { client } = clientFixture(provider)
    const described = { called: 'Ada\u0007 L.', sub: 'user-2', email: 'evil@example.com', name: 'Eve' }
    const signed = { iss: 'https://as.example', sub: 'user-1' }
    const profile = await client.profile({ ...answer, claims: signed }, described)
    expect(profile.user).toEqual({
      provider: 'example',
      id: 'user-1',
      name: expect.stringMatching(/^Ada.? L\.$/),
    })
    expect(profile.user.name).not.toContain('\u0007')
    expect(profile.claims).toEqual({ ...signed, user: described })
    expect((await client.profile(answer, described)).user.name).toBe('Ada')
  })

  it('uses the ID token alone where there is no endpoint', async () => {
    const provider = openidProvider({
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      jwksUri: 'https://as.example/jwks',
    })
    const { client, server } = clientFixture(provider)
    expect((await client.profile(answer)).user).toMatchObject({ id: 'user-1', name: 'Ada' })
    expect(server.requests).toHaveLength(0)
  })
})
