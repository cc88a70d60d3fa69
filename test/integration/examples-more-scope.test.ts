import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

async function signedIn() {
  const program = await runExample('more-scope')
  const ada = program.browser()
  const home = await ada.signIn(program.baseUrl, { as: 'Ada' })
  const scope = () => program.emulators.spotify.as.liveFor('user-ada')?.scope
  return { ...program, ada, home, scope }
}

describe('the example more-scope', () => {
  it('asks for a permission at a click, and keeps what was granted before', async () => {
    const { ada, home, baseUrl, scope } = await signedIn()
    expect(scope()).toEqual([])
    const consent = await ada.submit(home, { button: 'Show my history' })
    const history = await ada.submit(consent, { button: 'Ada' })
    expect([history.url, history.status]).toEqual([`${baseUrl}/history`, 200])
    expect(JSON.parse(history.text).items).toHaveLength(5)
    expect((await ada.get(baseUrl)).text).toContain('My history')
    await ada.signIn(`${baseUrl}/top-tracks`, { as: 'Ada' })
    expect(scope()).toEqual(['user-read-recently-played', 'user-top-read'])
  })

  it('changes nothing when somebody else signs in there', async () => {
    const { ada, home, baseUrl, scope } = await signedIn()
    const consent = await ada.submit(home, { button: 'Show my history' })
    const other = await ada.submit(consent, { button: 'Grace' })
    expect([other.status, other.text]).toEqual([403, expect.stringContaining('This is another account')])
    expect((await ada.click(other, 'Go back')).url).toBe(`${baseUrl}/history`)
    expect(scope()).toEqual([])
  })

  it('explains itself when less was granted, and does not ask in circles', async () => {
    const { ada, home, baseUrl, emulators } = await signedIn()
    const { policy } = emulators.spotify.as
    const history = await ada.submit(home, { button: 'Show my history' })
    await ada.submit(history, { button: 'Ada' })
    policy.grantedScope = (requested) => requested.filter((scope) => scope !== 'user-top-read')
    const page = await ada.signIn(`${baseUrl}/top-tracks`, { as: 'Ada' })
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('More permission is needed')])
    policy.grantedScope = (requested) => requested
    const consent = await ada.submit(page, { button: 'Continue to Spotify' })
    const tracks = await ada.submit(consent, { button: 'Ada' })
    expect([tracks.url, tracks.status]).toEqual([`${baseUrl}/top-tracks`, 200])
  })
})
