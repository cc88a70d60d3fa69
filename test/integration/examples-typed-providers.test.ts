import { expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

it('runs as it compiles: the ids lead where they say, and the kept key survives the sign-in', async () => {
  const { baseUrl, browser } = await runExample('typed-providers')
  const ada = browser()
  const home = await ada.get(`${baseUrl}/?theme=dark`)
  const consent = await ada.click(home, 'Sign in with Spotify')
  const me = await ada.submit(consent, { button: 'Ada' })
  expect(JSON.parse(me.text)).toEqual({ state: 'live', scope: ['user-top-read'], theme: 'dark' })
})
