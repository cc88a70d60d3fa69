import { expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

it('leads a visitor straight to the provider and back to the page', async () => {
  const { baseUrl, browser } = await runExample('single-provider')
  const page = await browser().signIn(baseUrl, { as: 'Ada' })
  expect(page.url).toBe(`${baseUrl}/`)
  const { user, tracks } = JSON.parse(page.text)
  expect(user).toMatchObject({ provider: 'spotify', name: 'Ada' })
  expect(tracks.items).toHaveLength(5)
})

it('calls the API with a new token when the hour of the first is over', async () => {
  const { baseUrl, browser, advance, emulators } = await runExample('single-provider')
  const ada = browser()
  await ada.signIn(baseUrl, { as: 'Ada' })
  await advance(3600)
  expect(JSON.parse((await ada.get(baseUrl)).text).tracks.items).toHaveLength(5)
  expect(emulators.spotify.as.mints).toMatchObject({ authorization_code: 1, refresh_token: 1 })
})
