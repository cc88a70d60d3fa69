import { describe, expect, it } from 'vitest'
import { type Fixture, fixture, REDIRECT, type TokenAnswer } from './server.fixture.ts'

const mine = { client_id: 'my-app', client_secret: 'my-own-secret' }
const application = { grant_type: 'client_credentials' }

const accepting = (): Promise<Fixture> => fixture({ policy: { acceptsAnyClient: true } })

describe('a server that accepts any client', () => {
  it('signs in at a client and redirect URI that nobody registered', async () => {
    await using f = await accepting()
    const redirect_uri = 'https://app.example/anywhere'
    const code = await f.code({ client_id: 'my-app', redirect_uri })
    const set = await f.exchange(code, { ...mine, redirect_uri })
    expect((await f.userinfo(set.body.access_token)).status).toBe(200)
    expect(f.as.liveFor('user-ada')?.clientId).toBe('my-app')
  })

  it('holds a client to the secret that it showed first', async () => {
    await using f = await accepting()
    const errorOf = async (answer: Promise<TokenAnswer>) => (await answer).body.error
    const other = { ...mine, client_secret: 'another-secret' }
    expect(await errorOf(f.token({ ...application, ...mine }))).toBeUndefined()
    expect(await errorOf(f.token({ ...application, ...other }))).toBe('invalid_client')
    const basic = `Basic ${Buffer.from('my-app:another-secret').toString('base64')}`
    expect(await errorOf(f.token(application, { authorization: basic }))).toBe('invalid_client')
    expect(f.as.knowsClient('my-app', 'another-secret')).toBe(false)
    expect(f.as.knowsClient('my-app', 'my-own-secret')).toBe(true)
  })

  it('refuses a wrong secret of a registered client, and an empty one of any', async () => {
    await using f = await accepting()
    expect((await f.token({ ...application, client_secret: 'wrong' })).status).toBe(401)
    expect(f.as.knowsClient('my-app', '')).toBe(false)
    expect(f.as.knowsClient('', 'my-own-secret')).toBe(false)
  })

  it('finds the secret that a client showed', async () => {
    await using f = await accepting()
    await f.token({ ...application, ...mine })
    expect(f.as.marks.findIn('x my-own-secret x').map(({ kind }) => kind)).toEqual(['client_secret'])
  })

  it('takes the secret that a test sets for a client before it was seen', async () => {
    await using f = await accepting()
    f.as.setClientSecret('my-app', 'changed-secret')
    expect((await f.token({ ...application, ...mine })).status).toBe(401)
    f.as.setClientSecret('my-app', 'my-own-secret')
    expect((await f.token({ ...application, ...mine })).status).toBe(200)
  })

  it('spends a code only for the client and redirect URI that asked for it', async () => {
    await using f = await accepting()
    const code = await f.code({ client_id: 'my-app' })
    const elsewhere = { ...mine, redirect_uri: `${REDIRECT}/other` }
    expect((await f.exchange(code)).body.error).toBe('invalid_grant')
    expect((await f.exchange(code, elsewhere)).body.error).toBe('invalid_grant')
    expect((await f.exchange(code, mine)).status).toBe(200)
  })

  it('never redirects to what is no URL, nor for a client without an id', async () => {
    await using f = await accepting()
    for (const params of [{ redirect_uri: undefined }, { redirect_uri: '/here' }, { client_id: '' }]) {
      const page = await f.agent.get(f.authorizeUrl(params), { redirect: 'manual' })
      expect([page.status, page.location]).toEqual([400, undefined])
    }
  })

  it('knows only the registered ones again once the policy is off', async () => {
    await using f = await accepting()
    f.as.policy.acceptsAnyClient = false
    expect((await f.token({ ...application, ...mine })).body.error).toBe('invalid_client')
    expect(() => f.as.setClientSecret('my-app', 'my-own-secret')).toThrow('There is no client my-app')
  })
})
