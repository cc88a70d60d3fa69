import { expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

it('shows a button for each provider, says who is signed in, and signs out', async () => {
  const { baseUrl, browser } = await runExample('two-buttons')
  const visitor = browser()
  const welcome = await visitor.get(baseUrl)
  const consent = await visitor.click(welcome, 'Sign in with EXBO')
  const grace = await visitor.submit(consent, { button: 'Grace' })
  expect([grace.url, grace.text]).toEqual([`${baseUrl}/`, expect.stringContaining('Hello Grace')])
  expect(grace.text).toContain('Signed in with exbo.')
  const after = await visitor.submit(grace, { button: 'Sign out' })
  expect(after.text).toContain('Sign in with Spotify')
  expect(after.text).not.toContain('Grace')
})

it('shows a name as text, whatever is in it', async () => {
  const { baseUrl, browser, emulators } = await runExample('two-buttons')
  emulators.spotify.api.faults.always('me', { fields: { display_name: '<b>Ada</b>' } })
  const page = await browser().signIn(`${baseUrl}/login/spotify`, { as: 'Ada' })
  expect(page.text).toContain('Hello &#60;b&#62;Ada&#60;/b&#62;')
})
