import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

/** Ada has subscribed, signed out and gone. */
async function subscribed() {
  const program = await runExample('background-job', { environment: { JOB_MINUTES: '0.001' } })
  const { baseUrl, browser, emulators } = program
  const ada = browser()
  const home = await ada.signIn(baseUrl, { as: 'Ada' })
  const signOut = await ada.submit(home, { button: 'Subscribe' })
  await ada.submit(signOut, { button: 'Sign out' })
  const calls = () => emulators.spotify.api.calls.topTracks
  const nextRuns = async () => {
    const before = calls()
    await expect.poll(() => calls() - before).toBeGreaterThan(1)
  }
  return { ...program, ada, nextRuns }
}

describe('the example background-job', () => {
  it('goes on for a user who is not there, with new tokens', async () => {
    const { ada, baseUrl, advance, nextRuns, emulators } = await subscribed()
    await nextRuns()
    await advance(3600)
    await nextRuns()
    expect(emulators.spotify.as.mints).toMatchObject({ authorization_code: 1, refresh_token: 1 })
    const home = await ada.signIn(baseUrl, { as: 'Ada' })
    expect(home.text).toMatch(/Your favourite: [A-Z0-9]/)
  })

  it('stops when the user wants to be forgotten', async () => {
    const { ada, baseUrl, nextRuns, browser, emulators } = await subscribed()
    await nextRuns()
    const home = await ada.signIn(baseUrl, { as: 'Ada' })
    await ada.submit(home, { button: 'Forget me' })
    const before = emulators.spotify.api.calls.topTracks // nobody else has subscribed
    const again = await browser().signIn(baseUrl, { as: 'Ada' })
    expect(again.text).toContain('not looked up yet')
    expect(emulators.spotify.api.calls.topTracks).toBe(before)
  })

  it('says so when only the user can help', async () => {
    const { ada, baseUrl, advance, emulators } = await subscribed()
    emulators.spotify.as.killRefreshToken('user-ada')
    await advance(3600)
    await expect.poll(() => emulators.spotify.as.calls.token).toBeGreaterThan(1)
    // The next run would find it again once she has signed in.
    emulators.spotify.api.faults.always('topTracks', { status: 503 })
    const home = await ada.signIn(baseUrl, { as: 'Ada' })
    expect(home.text).toContain('unknown until you sign in again')
  })

  it('keeps what it knows while the provider is down', async () => {
    const { ada, baseUrl, advance, nextRuns, emulators, output } = await subscribed()
    await nextRuns()
    emulators.spotify.as.faults.always('token', { status: 503 })
    await advance(3600)
    await expect.poll(output).toContain('job: spotify:account-user-ada: as_unavailable')
    emulators.spotify.as.faults.clear()
    const home = await ada.signIn(baseUrl, { as: 'Ada' })
    expect(home.text).toMatch(/Your favourite: [A-Z0-9]/)
  })
})
