import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DemoProcess } from './demo-process.ts'
import { chromiumPath, startBrowser, Visitor } from './visitor.ts'

const providers = [
  ['Spotify', 'Difference Engine'],
  ['EXBO', 'AdaAlt'],
] as const
const scripts = [
  ['with JavaScript', true],
  ['without JavaScript', false],
] as const

describe.skipIf(chromiumPath === undefined)('the demo in a browser', { timeout: 60_000 }, () => {
  let demo: DemoProcess
  let browser: Browser
  let visitor: Visitor

  beforeAll(async () => {
    demo = await DemoProcess.start({ DEMO_TOKEN_SECONDS: '4' })
    browser = await startBrowser()
  }, 150_000)
  afterEach(() => visitor.leave())
  afterAll(async () => {
    await browser?.close()
    await demo?.stop()
  })

  describe.each(scripts)('%s', (_, script) => {
    const arrive = async (): Promise<void> => {
      visitor = await Visitor.arrive(browser, demo.baseUrl, { script })
    }

    it.each(providers)('signs in with %s and shows live data of its API', async (provider, item) => {
      await arrive()
      await visitor.signIn(provider, 'Ada')
      await visitor.page.getByText(`Signed in with ${provider}`).waitFor()
      await visitor.page.getByText(item, { exact: true }).waitFor()
      expect(visitor.problems).toEqual([])
    })

    it.each(providers)(
      'keeps calling %s past an expiry, 50 at once with one token request',
      async (provider) => {
        await arrive()
        await visitor.signIn(provider, 'Grace')
        await visitor.tokenHasRunOut()
        const result = await visitor.press('Call it 50 times at once')
        expect(result).toBe(`50 of 50 answers were good. ${provider} saw 1 token request.`)
        expect(await visitor.refreshCount()).toBe(1)
        await visitor.tokenHasRunOut()
        expect(await visitor.press('Call the API')).toBe(
          `The answer was good. ${provider} saw 1 token request.`,
        )
        expect(await visitor.refreshCount()).toBe(2)
        expect(visitor.problems).toEqual([])
      },
    )

    it('refreshes once for two tabs', async () => {
      await arrive()
      await visitor.signIn('Spotify', 'Ada')
      const other = await visitor.openTab()
      await visitor.tokenHasRunOut()
      const tabs = [visitor.page, other]
      const results = await Promise.all(tabs.map((tab) => visitor.press('Call the API', tab)))
      for (const result of results) expect(result).toMatch(/^The answer was good\./)
      const counts = await Promise.all(tabs.map((tab) => visitor.refreshCount(tab)))
      expect(counts).toEqual([1, 1])
    })

    it('is still signed in after the Back button and a second answer on the consent page', async () => {
      await arrive()
      await visitor.signIn('Spotify', 'Ada')
      await visitor.page.goBack()
      await visitor.page.getByRole('button', { name: 'Ada', exact: true }).click()
      await visitor.page.waitForLoadState()
      await visitor.page.goto('/')
      await visitor.page.getByText('Signed in with Spotify').waitFor()
    })

    it('offers a new start after "Cancel" on the consent page', async () => {
      await arrive()
      await visitor.page.getByRole('link', { name: 'Sign in with EXBO' }).click()
      await visitor.page.getByRole('button', { name: 'Cancel' }).click()
      await visitor.page.waitForURL(`${demo.baseUrl}/**`)
      expect(await visitor.page.title()).not.toBe('')
      await visitor.page.getByRole('link').first().click()
      await signInFromHere(visitor.page)
      await visitor.page.getByText('Signed in with EXBO').waitFor()
    })

    it('asks a second tab to sign in again after the first one signed out', async () => {
      await arrive()
      await visitor.signIn('Spotify', 'Linus')
      const other = await visitor.openTab()
      await visitor.page.getByRole('button', { name: 'Sign out' }).click()
      await visitor.page.getByRole('link', { name: 'Sign in with Spotify' }).waitFor()
      await other.getByRole('button', { name: 'Call the API' }).click()
      await other
        .getByRole('link', { name: /sign in/i })
        .first()
        .click()
      await signInFromHere(other)
      await other.getByRole('heading', { name: 'Ada', level: 1 }).waitFor()
    })
  })

  it.each([320, 390, 1280])('fits a window of %s pixels, signed out and signed in', async (width) => {
    visitor = await Visitor.arrive(browser, demo.baseUrl, { script: true })
    await visitor.page.setViewportSize({ width, height: 800 })
    const overflow = (): Promise<number> =>
      visitor.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    expect(await overflow()).toBe(0)
    await visitor.signIn('Spotify', 'Ada')
    expect(await overflow()).toBe(0)
  })

  it('counts the token down and says when it has run out', async () => {
    visitor = await Visitor.arrive(browser, demo.baseUrl, { script: true })
    await visitor.signIn('Spotify', 'Ada')
    await visitor.page.getByText(/^[1-4] s left$/).waitFor()
    await visitor.page.getByText('It has run out: the next call refreshes it').waitFor()
    expect(await visitor.page.getByRole('progressbar', { name: 'Time left' }).getAttribute('value')).toBe('0')
  })
})

/** Goes on from a page of ours or a consent page until somebody is signed in. */
async function signInFromHere(page: Page): Promise<void> {
  const user = page.getByRole('button', { name: 'Ada', exact: true })
  const provider = page.getByRole('link', { name: /^Sign in with/ }).first()
  await user.or(provider).waitFor()
  if (await provider.isVisible()) await provider.click()
  await user.click()
}
