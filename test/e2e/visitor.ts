import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** The browser to drive, given by `npm test`; without it the suite is skipped. */
export const chromiumPath: string | undefined = process.env.CHROMIUM_PATH || undefined

/** Starts the browser with nothing of its own going on in the background. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(chromiumPath !== undefined && { executablePath: chromiumPath }),
    headless: true,
    chromiumSandbox: false,
    args: [
      ...['--disable-gpu', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  })
}

/** A person with an empty browser profile, looking at the demo. */
export class Visitor {
  readonly page: Page
  readonly #context: BrowserContext
  /** Errors in the page's console, broken scripts and violations of its content security policy included. */
  readonly problems: string[] = []

  constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
    context.on('page', (opened) => this.#watch(opened))
    this.#watch(page)
  }

  /** Opens the demo in a new profile. */
  static async arrive(
    browser: Browser,
    url: string,
    options: { readonly script: boolean },
  ): Promise<Visitor> {
    const context = await browser.newContext({ javaScriptEnabled: options.script, baseURL: url })
    context.setDefaultTimeout(15_000)
    const visitor = new Visitor(context, await context.newPage())
    await visitor.page.goto('/')
    return visitor
  }

  /** Opens the demo in a second tab. */
  async openTab(): Promise<Page> {
    const tab = await this.#context.newPage()
    await tab.goto('/')
    return tab
  }

  /** Clicks "Sign in with …" and chooses `user` on the consent page. */
  async signIn(provider: string, user: string): Promise<void> {
    await this.page.getByRole('link', { name: `Sign in with ${provider}` }).click()
    await this.page.getByRole('button', { name: user, exact: true }).click()
    await this.page.getByRole('heading', { name: user, level: 1 }).waitFor()
  }

  /** Resolves when the access token that the page speaks of has run out. */
  async tokenHasRunOut(page: Page = this.page): Promise<void> {
    const expiresAt = Number(await page.locator('[data-expires-at]').getAttribute('data-expires-at'))
    await new Promise<void>((resolve) => {
      const look = (): unknown => (Date.now() / 1000 > expiresAt ? resolve() : setTimeout(look, 50))
      look()
    })
  }

  /** Clicks a button and resolves to the sentence that tells what it brought. */
  async press(name: string, page: Page = this.page): Promise<string> {
    await page.evaluate(`document.querySelector("[data-result]")?.removeAttribute("data-result")`)
    await page.getByRole('button', { name, exact: true }).click()
    return (await page.locator('[data-result]').textContent()) ?? ''
  }

  /** Leaves a mark that is gone as soon as another page, or the same one anew, is loaded. */
  async markPage(): Promise<void> {
    await this.page.evaluate('globalThis.marked = true')
  }

  /** True while the marked page was not left or loaded anew. */
  async isStillOnTheSamePage(): Promise<boolean> {
    return this.page.evaluate('globalThis.marked === true')
  }

  /** How often the page says that the token was refreshed. */
  async refreshCount(page: Page = this.page): Promise<number> {
    return Number(await page.locator('[data-refreshed]').textContent())
  }

  leave(): Promise<void> {
    return this.#context.close()
  }

  #watch(page: Page): void {
    page.on('pageerror', (error) => this.problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text())
    })
  }
}
