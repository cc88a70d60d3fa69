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
