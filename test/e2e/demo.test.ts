import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { DemoProcess } from './demo-process.ts'
import { chromiumPath, startBrowser, Visitor } from './visitor.ts'

/** Above the ten seconds below which no token set is refreshed. */
const tokenSeconds = 11
const providers = [
  ['Spotify', 'Grace', 'First Moth'],
  ['EXBO', 'Grace', 'GraceAlt'],
] as const
const scripts = [
  ['with JavaScript', true],
  ['without JavaScript', false],
] as const

describe.skipIf(chromiumPath === undefined)('the demo in a browser', { timeout: 90_000 }, () => {
  const { visit, baseUrl } = startDemo()

  describe.each(scripts)('%s', (_, script) => {
    // The two providers count their token requests apart, so their visitors may wait at the same time.
    it.concurrent.each(providers)('keeps using %s past two expiries, in two tabs', (provider, user, item) =>
      visit(script, async (visitor) => {
        await visitor.signIn(provider, user)
        await visitor.page.getByText(`Signed in with ${provider}`).waitFor()
        await visitor.page.getByText(item, { exact: true }).waitFor()
        const tabs = [visitor.page, await visitor.openTab()]

        await visitor.tokenHasRunOut()
        await visitor.markPage()
        const atOnce = await visitor.press('Call it 50 times at once')
        expect(await visitor.isStillOnTheSamePage()).toBe(script)
        expect(atOnce).toBe(`50 of 50 answers were good. ${provider} saw 1 token request.`)
        expect(await visitor.refreshCount()).toBe(1)

        await visitor.tokenHasRunOut()
        const results = await Promise.all(tabs.map((tab) => visitor.press('Call the API', tab)))
        for (const result of results) expect(result).toMatch(/^The answer was good\./)
        expect(await Promise.all(tabs.map((tab) => visitor.refreshCount(tab)))).toEqual([2, 2])
        expect(visitor.problems).toEqual([])
      }),
    )

    it('is still signed in after the Back button and a second answer on the consent page', () =>
      visit(script, async (visitor) => {
        const { page } = visitor
        await visitor.signIn('Spotify', 'Ada')
        await page.goBack()
        await page.getByRole('button', { name: 'Ada', exact: true }).click()
        await page.waitForLoadState()
        await page.goto('/')
        await page.getByText('Signed in with Spotify').waitFor()
      }))

    it('offers a new start after "Cancel" on the consent page', () =>
      visit(script, async ({ page }) => {
        await page.getByRole('link', { name: 'Sign in with EXBO' }).click()
        await page.getByRole('button', { name: 'Cancel' }).click()
        await page.waitForURL(`${baseUrl()}/callback/exbo**`)
        await page.getByRole('link').first().click()
        await signInFromHere(page)
        await page.getByText('Signed in with EXBO').waitFor()
      }))

    it('asks a second tab to sign in again after the first one signed out', () =>
      visit(script, async (visitor) => {
        await visitor.signIn('Spotify', 'Linus')
        const other = await visitor.openTab()
        await visitor.page.getByRole('button', { name: 'Sign out', exact: true }).click()
        await visitor.page.getByRole('link', { name: 'Sign in with Spotify' }).waitFor()
        await other.getByRole('button', { name: 'Call the API' }).click()
        await other
          .getByRole('link', { name: /sign in/i })
          .first()
          .click()
        await signInFromHere(other)
        await other.getByRole('heading', { name: 'Ada', level: 1 }).waitFor()
      }))
  })

  it.each([320, 390, 1280])('fits a window of %s pixels, signed out and signed in', (width) =>
    visit(true, async (visitor) => {
      await visitor.page.setViewportSize({ width, height: 800 })
      const overflow = (): Promise<number> =>
        visitor.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
      expect(await overflow()).toBe(0)
      await visitor.signIn('Spotify', 'Ada')
      expect(await overflow()).toBe(0)
    }),
  )

  it('counts the token down and says when it has run out', () =>
    visit(true, async (visitor) => {
      const { page } = visitor
      await visitor.signIn('Spotify', 'Ada')
      await page.getByText(/^\d+ s left$/).waitFor()
      await page.getByText('It has run out: the next call refreshes it').waitFor()
      expect(await page.getByRole('progressbar', { name: 'Time left' }).getAttribute('value')).toBe('0')
    }))
})

// A demo of their own: an account that somebody has signed in with before is theirs.
describe.skipIf(chromiumPath === undefined)('several accounts in a browser', { timeout: 90_000 }, () => {
  const { visit } = startDemo()

  describe.each(scripts)('%s', (_, script) => {
    it('adds the other account, asks for one more scope, and disconnects again', () =>
      visit(script, async (visitor) => {
        const { page } = visitor
        // What was granted is kept, so each visit is somebody else's.
        const user = script ? 'Grace' : 'Ada'
        await visitor.signIn('Spotify', user)
        await page.getByRole('button', { name: 'Add EXBO' }).click()
        await page.getByRole('button', { name: user, exact: true }).click()
        await page.getByText(`${user}Alt`, { exact: true }).waitFor()
        // Still the same person, with both accounts.
        await page.getByText('Signed in with Spotify').waitFor()
        await page.getByText('Bernoulli Waltz', { exact: true }).waitFor()

        await page.getByRole('button', { name: 'Show what I played last' }).click()
        await page.getByRole('button', { name: user, exact: true }).click()
        await page.getByRole('heading', { name: 'Played last' }).waitFor()
        expect(await page.getByRole('button', { name: 'Show what I played last' }).count()).toBe(0)

        await page.getByRole('button', { name: 'Disconnect EXBO' }).click()
        await page.getByRole('button', { name: 'Add EXBO' }).waitFor()
        expect(await page.getByText(`${user}Alt`, { exact: true }).count()).toBe(0)
        expect(visitor.problems).toEqual([])
      }))

    it('changes nothing when another account answers a consent, and leads back', () =>
      visit(script, async (visitor) => {
        const { page } = visitor
        await visitor.signIn('Spotify', 'Linus')
        await page.getByRole('button', { name: 'Show what I played last' }).click()
        await page.getByRole('button', { name: 'Ada', exact: true }).click()
        await page.getByRole('heading', { name: 'This is another account' }).waitFor()
        await page.getByRole('link', { name: 'Go back' }).click()
        await page.getByRole('heading', { name: 'Linus', level: 1 }).waitFor()
        await page.getByRole('button', { name: 'Show what I played last' }).waitFor()
      }))

    it('signs out everywhere, and the nightly job goes on with nobody signed in', () =>
      visit(script, async (visitor) => {
        await visitor.signIn('EXBO', 'Linus')
        await visit(script, async (other) => {
          await other.signIn('EXBO', 'Linus')
          await other.page.getByRole('button', { name: 'Sign out everywhere' }).click()
          await other.page.getByRole('link', { name: 'Sign in with EXBO' }).waitFor()
        })
        const { page } = visitor
        await page.reload()
        await page.getByRole('link', { name: 'Sign in with EXBO' }).waitFor()
        await page.getByRole('button', { name: 'Run the nightly job now' }).click()
        const lines = page.locator('[data-job] + ul li', { hasText: 'exbo:1003' })
        expect(await lines.allInnerTexts()).toEqual([expect.stringMatching(/exbo:1003\s+EXBO: 2 entries/)])
      }))
  })
})

describe.skipIf(chromiumPath === undefined || redisIsMissing)(
  'two processes in a browser',
  { timeout: 90_000 },
  () => {
    const { visit } = startDemo(['--processes', '2'])

    it.each(scripts)('take turns page by page, past an expiry and a sign-out, %s', (_, script) =>
      visit(script, async (visitor) => {
        const { page } = visitor
        const place = (): Promise<string | null> => page.locator('.place').textContent()
        const user = script ? 'Grace' : 'Ada'
        await visitor.signIn('Spotify', user)
        const places = [await place()]
        for (let turn = 0; turn < 3; turn += 1) {
          await page.reload()
          places.push(await place())
          await page.getByRole('heading', { name: user, level: 1 }).waitFor()
        }
        expect(new Set(places.slice(0, 2))).toEqual(new Set([1, 2].map(placeOf)))
        expect(places.slice(2)).toEqual(places.slice(0, 2))

        await visitor.tokenHasRunOut()
        const atOnce = await visitor.press('Call it 50 times at once')
        expect(atOnce).toMatch(
          /^50 of 50 answers were good\. Spotify saw 1 token request\. Process \d made the calls\.$/,
        )
        expect(await visitor.refreshCount()).toBe(1)
        // One process made the calls, the other one this page.
        expect(await place()).toBe(placeOf(atOnce.includes('Process 1') ? 2 : 1))

        await page.getByRole('button', { name: 'Sign out', exact: true }).click()
        for (let turn = 0; turn < 2; turn += 1) {
          await page.getByRole('link', { name: 'Sign in with Spotify' }).waitFor()
          await page.reload()
        }
        expect(visitor.problems).toEqual([])
      }),
    )
  },
)

/** The line at the top of a page that this process made. */
function placeOf(number: number): string {
  return `Answered by process ${number} of 2 · store: Redis`
}

/** A demo and a browser for all tests of a suite. */
function startDemo(options: readonly string[] = []) {
  let demo: DemoProcess
  let browser: Browser
  beforeAll(async () => {
    demo = await DemoProcess.start({ DEMO_TOKEN_SECONDS: String(tokenSeconds) }, options)
    browser = await startBrowser()
  }, 150_000)
  afterAll(async () => {
    await browser?.close()
    await demo?.stop()
  })
  /** Somebody with a new browser profile does something on the demo. */
  const visit = async (script: boolean, story: (visitor: Visitor) => Promise<void>): Promise<void> => {
    const visitor = await Visitor.arrive(browser, demo.baseUrl, { script })
    try {
      await story(visitor)
    } finally {
      await visitor.leave()
    }
  }
  return { visit, baseUrl: () => demo.baseUrl }
}

/** Goes on from a page of ours or a consent page until somebody is signed in. */
async function signInFromHere(page: Page): Promise<void> {
  const user = page.getByRole('button', { name: 'Ada', exact: true })
  const provider = page.getByRole('link', { name: /^Sign in with/ }).first()
  await user.or(provider).waitFor()
  if (await provider.isVisible()) await provider.click()
  await user.click()
}
