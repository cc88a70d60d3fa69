import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

async function signedIn() {
  const program = await runExample('second-account')
  const ada = program.browser()
  const home = await ada.signIn(program.baseUrl, { as: 'Ada' })
  return { ...program, ada, home }
}

describe('the example second-account', () => {
  it('adds an account by a button, and removes it again', async () => {
    const { ada, home } = await signedIn()
    expect(home.text).toContain('<ul><li>spotify: account-user-ada</li></ul>')
    const consent = await ada.submit(home, { button: 'Add EXBO' })
    const added = await ada.submit(consent, { button: 'Grace' }) // who she is there is her own affair
    expect(added.text).toContain('<li>spotify: account-user-ada</li><li>exbo: 1002</li>')
    const removed = await ada.submit(added, { button: 'Remove EXBO' })
    expect(removed.text).toContain('<ul><li>spotify: account-user-ada</li></ul>')
  })

  it('leads to the account that a page needs, and calls both APIs there', async () => {
    const { ada, home, baseUrl } = await signedIn()
    const offer = await ada.click(home, 'Characters')
    expect(offer.text).toContain('Add your EXBO account')
    const consent = await ada.submit(offer, { button: 'Continue to EXBO' })
    const page = await ada.submit(consent, { button: 'Ada' })
    expect(page.url).toBe(`${baseUrl}/characters`)
    const { spotify, characters } = JSON.parse(page.text)
    expect(spotify).toMatchObject({ display_name: 'Ada' })
    expect(characters).toMatchObject([{ information: { name: 'Ada' } }, {}])
  })

  it('could do without a route of its own: a form may go to Latchkey’s', async () => {
    const { ada, baseUrl } = await signedIn()
    const consent = await ada.post(`${baseUrl}/login/exbo/link?returnTo=/characters`)
    expect((await ada.submit(consent, { button: 'Ada' })).url).toBe(`${baseUrl}/characters`)
  })

  it('adds nothing when the user says no there', async () => {
    const { ada, home, baseUrl } = await signedIn()
    const consent = await ada.submit(home, { button: 'Add EXBO' })
    const refused = await ada.submit(consent, { button: 'Cancel' })
    expect(refused.text).toContain('Nothing was changed')
    const back = await ada.click(refused, 'Go back')
    expect([back.url, back.text]).toEqual([`${baseUrl}/`, expect.stringContaining('Add EXBO')])
  })
})
