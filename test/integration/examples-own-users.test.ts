import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

async function started(environment: Record<string, string> = {}) {
  const program = await runExample('own-users', { environment })
  const { baseUrl, browser } = program
  const signIn = async (provider: 'spotify' | 'exbo', name: string) => {
    const visitor = browser()
    return { visitor, page: await visitor.signIn(`${baseUrl}/login/${provider}`, { as: name }) }
  }
  return { ...program, signIn }
}

describe('the example own-users', () => {
  it('leads both accounts of a user to the same row, whichever they sign in with', async () => {
    const { signIn } = await started()
    const { visitor, page } = await signIn('spotify', 'Ada')
    const renamed = await visitor.submit(page, { button: 'Rename', fields: { name: 'Countess' } })
    const consent = await visitor.submit(renamed, { button: 'Add EXBO' })
    const home = await visitor.submit(consent, { button: 'Ada' })
    await visitor.submit(home, { button: 'Sign out' })
    const { page: later } = await signIn('exbo', 'Ada')
    expect(later.text).toContain('<h1>Countess</h1>')
    expect(later.text).toContain('<li>exbo: 1001</li><li>spotify: account-user-ada</li>')
  })

  it('refuses an account that another user has', async () => {
    const { signIn, baseUrl } = await started()
    await signIn('exbo', 'Grace')
    const { visitor, page } = await signIn('spotify', 'Ada')
    const consent = await visitor.submit(page, { button: 'Add EXBO' })
    const refused = await visitor.submit(consent, { button: 'Grace' })
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('This account is in use')])
    expect((await visitor.get(baseUrl)).text).toContain('<ul><li>spotify: account-user-ada</li></ul>')
  })

  it('signs nobody in whom onLogin refuses', async () => {
    const { signIn, baseUrl } = await started({ BANNED: 'exbo:1003' })
    const { visitor, page } = await signIn('exbo', 'Linus')
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('Access was not granted')])
    expect((await visitor.get(baseUrl)).text).toContain('Sign in with EXBO')
  })
})
