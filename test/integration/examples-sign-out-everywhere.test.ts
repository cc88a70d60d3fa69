import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

async function started() {
  const program = await runExample('sign-out-everywhere', {
    environment: { ADMINS: 'spotify:account-user-linus' },
  })
  const { baseUrl, browser } = program
  const signedIn = async (name: string) => {
    const visitor = browser()
    const home = await visitor.signIn(baseUrl, { as: name })
    return { home, visitor, isSignedIn: async () => (await visitor.get(baseUrl)).url.startsWith(baseUrl) }
  }
  const [laptop, phone, grace] = [await signedIn('Ada'), await signedIn('Ada'), await signedIn('Grace')]
  const seen = () => Promise.all([laptop, phone, grace].map((one) => one.isSignedIn()))
  return { ...program, signedIn, laptop, seen }
}

describe('the example sign-out-everywhere', () => {
  it('signs a user out on this device, or on all of them', async () => {
    const { laptop, seen, baseUrl } = await started()
    expect(await seen()).toEqual([true, true, true])
    await laptop.visitor.submit(laptop.home, { button: 'Sign out' })
    expect(await seen()).toEqual([false, true, true])
    const again = await laptop.visitor.signIn(baseUrl, { as: 'Ada' })
    await laptop.visitor.submit(again, { button: 'Sign out everywhere' })
    expect(await seen()).toEqual([false, false, true])
  })

  it('lets an administrator sign a user out, and nobody else', async () => {
    const { laptop, seen, signedIn, baseUrl } = await started()
    expect((await laptop.visitor.get(`${baseUrl}/admin`)).status).toBe(403)
    const { visitor: linus } = await signedIn('Linus')
    const form = await linus.get(`${baseUrl}/admin`)
    const fields = { userId: 'spotify:account-user-ada' }
    expect((await linus.submit(form, { fields })).text).toBe('Signed out.')
    expect(await seen()).toEqual([false, false, true])
    expect((await linus.submit(form, { fields })).text).toBe('No such user.')
  })
})
