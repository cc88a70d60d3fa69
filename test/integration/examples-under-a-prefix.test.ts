import { expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

it('serves its part of the app, sign-in and sign-out included, and leaves the rest alone', async () => {
  const { baseUrl, browser } = await runExample('under-a-prefix')
  const ada = browser()
  const home = await ada.get(baseUrl)
  expect((await ada.click(home, 'Old login')).text).toBe('This login was here before.')
  const consent = await ada.click(home, 'Members')
  const redirectUri = `${baseUrl}/members/callback/spotify`
  expect(new URL(consent.url).searchParams.get('redirect_uri')).toBe(redirectUri)
  const members = await ada.submit(consent, { button: 'Ada' })
  expect([members.url, members.text]).toEqual([`${baseUrl}/members`, 'Hello Ada'])
  const me = await ada.get(`${baseUrl}/members/me`)
  expect(JSON.parse(me.text)).toMatchObject({ display_name: 'Ada' })
  const after = await ada.post(`${baseUrl}/members/logout`)
  expect(after.url).toBe(`${baseUrl}/`)
  expect((await ada.get(`${baseUrl}/members`, { redirect: 'manual' })).status).toBe(302)
})
