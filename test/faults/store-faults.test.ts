import type { PageResponse, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { type Harness, startHarness, startServers } from '../integration/harness.fixture.ts'
import { FailingStore, type Outage } from './failing-store.fixture.ts'

const outages: readonly Outage[] = ['one refused', 'one lost', 'refused from here on', 'lost from here on']
/** No story here needs as many store commands. */
const mostCommands = 40

interface Story {
  readonly title: string
  readonly signedInBefore: boolean
  readonly act: (harness: Harness, browser: UserAgent) => Promise<PageResponse>
  /** What must hold once the store is well again. */
  readonly check: (run: Run) => Promise<void>
}

interface Run {
  readonly harness: Harness
  readonly browser: UserAgent
  /** The browser as it was before the story. */
  readonly before: UserAgent
  readonly answer: PageResponse
  readonly outage: Outage
}

async function whoami(harness: Harness, browser: UserAgent): Promise<string | null> {
  const page = await browser.get(`${harness.origin}/whoami`)
  expect(page.status).toBe(200)
  return JSON.parse(page.text).user
}

/** The API's answer is about the user that req.oauth names. */
async function expectOwnToken(harness: Harness, browser: UserAgent): Promise<void> {
  const page = await browser.get(`${harness.origin}/me`)
  expect(page.status).toBe(200)
  const { user, answer } = JSON.parse(page.text)
  expect(answer).toContain(user)
}

const stories: readonly Story[] = [
  {
    title: 'a sign-in',
    signedInBefore: false,
    act: (harness, browser) => browser.signIn(`${harness.origin}/login/example`, { as: 'Ada' }),
    check: async ({ harness, browser, answer }) => {
      expect([200, 503]).toContain(answer.status)
      if (answer.status === 200) expect(await whoami(harness, browser)).toBe('user-ada')
      await browser.signIn(`${harness.origin}/login/example`, { as: 'Ada' })
      await expectOwnToken(harness, browser)
    },
  },
  {
    title: 'a sign-in as somebody else over a session',
    signedInBefore: true,
    act: (harness, browser) => browser.signIn(`${harness.origin}/login/example`, { as: 'Grace' }),
    check: async ({ harness, browser, answer, outage }) => {
      expect([200, 503]).toContain(answer.status)
      const user = await whoami(harness, browser)
      // An outage that begins between the write and its confirmation can keep the new cookie from being sent.
      if (outage.startsWith('one')) expect(user).not.toBeNull()
      if (user !== null) await expectOwnToken(harness, browser)
    },
  },
  {
    title: 'a page of a signed-in user',
    signedInBefore: true,
    act: (harness, browser) => browser.get(`${harness.origin}/whoami`),
    check: async ({ harness, browser, answer }) => {
      expect([200, 503]).toContain(answer.status)
      expect(await whoami(harness, browser)).toBe('user-ada')
    },
  },
  {
    title: 'a refresh',
    signedInBefore: true,
    act: async (harness, browser) => {
      await harness.clock.advance(3_601)
      return browser.get(`${harness.origin}/me`)
    },
    check: async ({ harness, browser, answer }) => {
      expect([200, 503]).toContain(answer.status)
      for (const seconds of [12, 3_601]) {
        await harness.clock.advance(seconds)
        await expectOwnToken(harness, browser)
      }
      const live = harness.as.liveFor('user-ada')
      expect(live).toMatchObject({ familyRevoked: false, revoked: false })
      const calls = harness.as.refreshCallsByGeneration(live?.grantId ?? '')
      expect(Math.max(...calls)).toBe(1)
    },
  },
  {
    title: 'a sign-out',
    signedInBefore: true,
    act: (harness, browser) => browser.post(`${harness.origin}/logout`),
    check: async ({ harness, browser, before, answer }) => {
      expect([200, 503]).toContain(answer.status)
      if (answer.status === 503) await browser.post(`${harness.origin}/logout`)
      expect(await whoami(harness, before)).toBeNull()
    },
  },
]

describe.each(stories)('the store fails at each command of $title', (story) => {
  it.each(outages)('%s: nothing is lost, nobody is somebody else', async (outage) => {
    let runs = 0
    const servers = await startServers()
    servers.as.policy.reuseKillsFamily = true
    for (; runs < mostCommands; runs += 1) {
      const failing = new FailingStore(servers.clock)
      const harness = await startHarness({ servers, options: { store: failing.store } })
      const browser = story.signedInBefore ? await harness.signedIn('Ada') : harness.newBrowser()
      const before = browser.clone()
      failing.begin(outage, runs)
      const answer = await story.act(harness, browser)
      if (failing.end() === undefined) break
      await story.check({ harness, browser, before, answer, outage })
    }
    console.log(`${story.title}, ${outage}: ${runs} commands`)
    expect(runs).toBeGreaterThan(0)
    expect(runs).toBeLessThan(mostCommands)
  })
})
