import { describe, expect, it } from 'vitest'
import { accountsOf, link, startAccountsApp } from './accounts-app.fixture.ts'

describe('a link', () => {
  it('adds an account to the session', async () => {
    const app = await startAccountsApp()
    const browser = await app.signedIn()
    const page = await link(app, browser, 'Grace')
    expect([page.status, page.url]).toEqual([200, `${app.origin}/accounts`])
    expect(await accountsOf(app, browser)).toEqual({
      userId: 'example:user-ada',
      user: 'user-ada',
      accounts: ['example:user-ada', 'other:user-grace'],
    })
    expect((await browser.get(`${app.origin}/api/other`)).text).toContain('user-grace')
    expect((await browser.get(`${app.origin}/api/example`)).text).toContain('user-ada')
  })
})
