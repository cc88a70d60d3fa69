import { describe, expect, it } from 'vitest'
import { accountsOf, authOf, keeping, link, startAccountsApp } from './accounts-app.fixture.ts'
import { failure } from './signed-in.fixture.ts'

describe('a kept account that went from one user to another', () => {
  it('case 56: serves nobody who kept it before, whatever object they still hold', async () => {
    const app = await startAccountsApp({ options: keeping })
    const ada = await app.signedIn('Ada')
    await link(app, ada, 'Linus')
    const before = await authOf(app).user('example:user-ada')
    const held = before?.account('other')
    await ada.post(`${app.origin}/disconnect/other`)
    const grace = await app.signedIn('Grace')
    await link(app, grace, 'Linus')
    expect(await accountsOf(app, grace)).toMatchObject({
      accounts: ['example:user-grace', 'other:user-linus'],
    })
    const calls = app.otherApi.calls.resource
    expect(await failure(held?.fetch(`${app.otherApi.origin}/me`) ?? Promise.resolve())).toMatchObject({
      code: 'login_required',
      provider: 'other',
    })
    expect(await failure(held?.status() ?? Promise.resolve())).toMatchObject({ code: 'login_required' })
    await held?.disconnect()
    expect(app.otherApi.calls.resource).toBe(calls)
    expect((await grace.get(`${app.origin}/api/other`)).text).toContain('user-linus')
    expect(app.other.liveFor('user-linus')).toMatchObject({ revoked: false })
  })
})
