import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Latchkey } from '../latchkey.ts'
import type { LatchkeyOptions } from '../options.ts'
import { oauth2 } from '../providers/index.ts'
import type { NewSession } from './without-request.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

function compose(options: Partial<LatchkeyOptions<'example'>> = {}): Latchkey<'example'> {
  const example = oauth2({
    id: 'example',
    clientId: 'client-1',
    clientSecret: 'client-secret-1',
    authorizationEndpoint: 'https://as.example/authorize',
    tokenEndpoint: 'https://as.example/token',
    resourceOrigins: [],
  })
  const secret = randomBytes(32).toString('base64url')
  return new Latchkey({
    baseUrl: 'https://app.example',
    secret,
    providers: [example],
    logger: silent,
    ...options,
  })
}

const session = { provider: 'example', user: { id: 'ada' } } as const
/** What the types refuse, as an app in JavaScript passes it. */
const wrong = (value: unknown): NewSession<'example'> => value as NewSession<'example'>

describe('auth.createSession()', () => {
  it('makes a session that the browser with its cookie has', async () => {
    const auth = compose()
    const picture = 'https://pictures.example/ada'
    const user = {
      id: 'ada',
      ids: { login: 'ada1' },
      name: 'Ada',
      email: 'ada@example.com',
      emailVerified: true,
      picture,
    }
    const { cookie, setCookie } = await auth.createSession({ provider: 'example', user, userId: 'number 1' })
    expect(setCookie.startsWith(`${cookie}; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Lax`)).toBe(
      true,
    )
    const oauth = await auth.from({ headers: { cookie } })
    expect([oauth.userId, oauth.user]).toEqual(['number 1', { provider: 'example', ...user }])
  })

  it.each([
    ['no object', undefined],
    ['a list', []],
    ['user', { provider: 'example' }],
    ['user', { ...session, user: 'ada' }],
    ['user.id', { ...session, user: {} }],
    ['user.id', { ...session, user: { id: '' } }],
    ['user.id', { ...session, user: { id: 7 } }],
    ['user.name', { ...session, user: { id: 'ada', name: null } }],
    ['user.email', { ...session, user: { id: 'ada', email: 7 } }],
    ['user.picture', { ...session, user: { id: 'ada', picture: {} } }],
    ['user.emailVerified', { ...session, user: { id: 'ada', emailVerified: 'true' } }],
    ['user.ids', { ...session, user: { id: 'ada', ids: ['ada'] } }],
    ['user.ids.login', { ...session, user: { id: 'ada', ids: { login: 1 } } }],
  ])('refuses what no session could keep: %s', async (field, value) => {
    const message = field.includes('.') || field === 'user' ? field : 'takes one object'
    await expect(compose().createSession(wrong(value))).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(message),
    })
  })
})

describe('auth.user()', () => {
  const tokens = { accessToken: 'access', refreshToken: 'refresh', expiresAt: 4_000_000_000 }

  it('is undefined where nothing is known: no account is kept and nobody is signed in', async () => {
    const auth = compose()
    expect(await auth.user('example:ada')).toBeUndefined()
    await auth.createSession({ ...session, tokens })
    const user = await auth.user('example:ada')
    expect([user?.userId, user?.accounts]).toEqual(['example:ada', []])
    await user?.logout()
    expect(await auth.user('example:ada')).toBeUndefined()
  })

  it('has the accounts that its user keeps, also when nobody is signed in', async () => {
    const auth = compose({ keepAccounts: true })
    await auth.createSession({ ...session, tokens, userId: 'number 1' })
    await (await auth.user('number 1'))?.logout()
    const user = await auth.user('number 1')
    expect(user?.accounts.map(({ provider, id }) => [provider, id])).toEqual([['example', 'ada']])
    expect(await user?.accessToken()).toEqual({
      value: 'access',
      tokenType: 'Bearer',
      expiresAt: 4_000_000_000,
      scope: [],
    })
    expect(await auth.user('example:ada')).toBeUndefined()
  })

  it.each([
    ['nothing', undefined],
    ['a number. Pass String(id).', 7],
    ['text of 0 characters', ''],
    ['text of 513 characters', 'x'.repeat(513)],
    ['an object', { id: 'ada' }],
  ])('takes no user id that is %s', async (what, value) => {
    await expect(compose().user(value as string)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(what),
    })
  })
})

describe('auth.endSessions()', () => {
  it('ends the sessions of an account on all devices, and says how many', async () => {
    const auth = compose()
    const cookies = await Promise.all([auth.createSession(session), auth.createSession(session)])
    const other = await auth.createSession({ provider: 'example', user: { id: 'grace' } })
    expect(await auth.endSessions({ provider: 'example', id: 'ada' })).toBe(2)
    const alive = [...cookies, other].map(
      async ({ cookie }) => (await auth.from({ headers: { cookie } })).userId,
    )
    expect(await Promise.all(alive)).toEqual([undefined, undefined, 'example:grace'])
    expect(await auth.endSessions({ provider: 'example', id: 'ada' })).toBe(0)
  })

  it.each([
    ['takes one object', 'example:ada'],
    ['takes one object', null],
    ['knows no "user"', { provider: 'example', user: 'ada' }],
    ['There is no provider "unknown"', { provider: 'unknown', id: 'ada' }],
    ['id must be', { provider: 'example' }],
    ['id must be', { provider: 'example', id: 7 }],
  ])('refuses what names no account: %s', async (message, account) => {
    await expect(compose().endSessions(account as never)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(message),
    })
  })
})

describe('auth.importAccount()', () => {
  const account = { userId: 'number 1', provider: 'example', tokens: { accessToken: 'access' } } as const

  it('says what to set where accounts are not kept', async () => {
    await expect(compose().importAccount(account)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('keepAccounts: true'),
    })
  })

  it.each([
    ['takes one object', undefined],
    ['knows no "user"', { ...account, user: 'ada' }],
    ['a user id is text', { ...account, userId: undefined }],
    ['There is no provider "unknown"', { ...account, provider: 'unknown' }],
    ['tokens must be an object', { ...account, tokens: undefined }],
    ['tokens.accessToken', { ...account, tokens: {} }],
  ])('refuses what cannot be kept: %s', async (message, value) => {
    await expect(compose({ keepAccounts: true }).importAccount(value as never)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(message),
    })
  })
})

describe('auth.from()', () => {
  it('answers nothing: login and logout say where they belong', async () => {
    const auth = compose()
    const { cookie } = await auth.createSession(session)
    const oauth = await auth.from({ headers: { cookie } })
    const refusal = { code: 'not_supported', message: expect.stringContaining('in a route handler') }
    await expect(oauth.login({ provider: 'example' })).rejects.toMatchObject(refusal)
    await expect(oauth.logout()).rejects.toMatchObject(refusal)
    expect((await auth.from({ headers: { cookie } })).isAuthenticated).toBe(true)
  })

  it('knows a stranger', async () => {
    const oauth = await compose().from({ headers: {} })
    expect([oauth.isAuthenticated, oauth.accounts]).toEqual([false, []])
    expect(() => oauth.requireUser()).toThrow(expect.objectContaining({ reason: 'signed_out' }))
  })
})
