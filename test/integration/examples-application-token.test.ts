import { expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

it('serves visitors who are not signed in, with one token for all of them', async () => {
  const { baseUrl, browser, advance, emulators } = await runExample('application-token')
  const visits = () => Promise.all(Array.from({ length: 20 }, () => browser().get(baseUrl)))
  for (const page of await visits()) expect(JSON.parse(page.text).albums.items).toHaveLength(4)
  expect(emulators.spotify.as.mints).toMatchObject({ authorization_code: 0, client_credentials: 1 })
  await advance(3600)
  expect((await visits()).map(({ status }) => status)).toEqual(Array(20).fill(200))
  expect(emulators.spotify.as.mints).toMatchObject({ client_credentials: 2 })
})

it('shows a page to come back to while the provider is down', async () => {
  const { baseUrl, browser, emulators } = await runExample('application-token')
  emulators.spotify.as.faults.always('token', { status: 503 })
  const page = await browser().get(baseUrl)
  expect([page.status, page.text]).toEqual([503, expect.stringContaining('Please try again in a moment')])
  expect(page.headers['retry-after']).toMatch(/^\d+$/)
})
