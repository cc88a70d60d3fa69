import { isSecureContext } from './cookie.ts'
import { CookieJar } from './cookie-jar.ts'
import { formsOf, linksOf, refreshOf } from './page-form.ts'
import { type PageResponse, send } from './page-request.ts'
import { type SiteRelation, siteRelation } from './site.ts'

/** How a `UserAgent` is set up. */
export interface UserAgentOptions {
  /** Clock for cookie lifetimes. Absent: the system time. */
  readonly clock?: { now(): number }
  /**
   * Public origins that a reverse proxy would serve, and where the server really listens:
   * `{ 'https://app.example': 'http://127.0.0.1:3000' }`. The agent behaves as on the public one.
   */
  readonly origins?: Readonly<Record<string, string>>
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Redirects followed before giving up. @default 20 */
  readonly maxRedirects?: number
}

/** One navigation. */
export interface NavigationOptions {
  /** `manual` returns the first answer. @default 'follow' */
  readonly redirect?: 'manual' | 'follow'
  /** Headers that are added or, with `undefined`, left out, the agent's own and `Sec-Fetch-*` too. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Absolute URL of the page with the link or form. Absent: typed into the address bar for `get`, the same origin for `post`. */
  readonly from?: string
}

/** What the user does on the consent page. */
export type ConsentChoice = { readonly as: string } | { readonly deny: true }

/** Form fields as an object, as pairs when names repeat, or a raw body. */
export type FormBody = Readonly<Record<string, string>> | readonly (readonly [string, string])[] | string

/** What `submit` presses and fills in. */
export interface SubmitOptions extends NavigationOptions {
  /** Label of the button. Absent: the first form is sent without a button. */
  readonly button?: string
  /** Values that replace or add to the fields of the form. */
  readonly fields?: Readonly<Record<string, string>>
}

interface Step {
  readonly method: string
  readonly url: URL
  readonly body?: string
  readonly initiator: string | undefined
  /** Of the redirects before this step. */
  readonly earlier?: SiteRelation
}

/**
 * A browser without a window: keeps cookies by the browsers' rules, sends `Sec-Fetch-*`, follows redirects across
 * hosts and pages that lead on by themselves, presses buttons. It runs no script. Every host name leads to 127.0.0.1, so it can never leave the machine.
 */
export class UserAgent {
  /** The cookies, for a look or to plant one. */
  readonly cookies: CookieJar
  readonly #options: UserAgentOptions

  /** A new browser with an empty jar, unless one is given. */
  constructor(options: UserAgentOptions = {}, cookies?: CookieJar) {
    this.#options = options
    const clock = options.clock
    this.cookies = cookies ?? new CookieJar(clock === undefined ? undefined : () => clock.now())
  }

  /** Another browser with a copy of these cookies. */
  clone(): UserAgent {
    return new UserAgent(this.#options, this.cookies.clone())
  }

  /** Opens a URL. @throws Error on a refused connection or too many redirects */
  get(url: string | URL, options: NavigationOptions = {}): Promise<PageResponse> {
    return this.#navigate({ method: 'GET', url: new URL(url), initiator: options.from }, options)
  }

  /** Sends a form. @throws Error as `get` */
  post(url: string | URL, form: FormBody = {}, options: NavigationOptions = {}): Promise<PageResponse> {
    const target = new URL(url)
    const body =
      typeof form === 'string' ? form : encodeForm(Array.isArray(form) ? form : Object.entries(form))
    return this.#navigate(
      { method: 'POST', url: target, body, initiator: options.from ?? target.href },
      options,
    )
  }

  /** Presses a button of a page and returns where it leads. @throws Error when no form has that button */
  submit(page: PageResponse, options: SubmitOptions = {}): Promise<PageResponse> {
    const forms = formsOf(page.text, page.url)
    const wanted = options.button
    const form = forms.find(
      (one) => wanted === undefined || one.buttons.some((button) => button.label === wanted),
    )
    if (form === undefined)
      throw new Error(`No button "${wanted ?? ''}" at ${pathOnly(page.url)} (${page.status})`)
    const pressed = form.buttons.find((button) => button.label === wanted)?.field
    const replaced = options.fields ?? {}
    const fields = [
      ...form.fields.filter(([name]) => !(name in replaced)),
      ...Object.entries(replaced),
      ...(pressed === undefined ? [] : [pressed]),
    ]
    const target = { from: page.url, ...options }
    if (form.method === 'POST') return this.post(form.action, fields, target)
    const url = new URL(form.action)
    url.search = encodeForm(fields)
    return this.get(url, target)
  }

  /** Follows the link of a page with this label. @throws Error when there is none */
  click(page: PageResponse, label: string, options: NavigationOptions = {}): Promise<PageResponse> {
    const link = linksOf(page.text, page.url).find((one) => one.label === label)
    if (link === undefined) throw new Error(`No link "${label}" at ${pathOnly(page.url)} (${page.status})`)
    return this.get(link.url, { from: page.url, ...options })
  }

  /**
   * The whole sign-in: opens `startUrl`, chooses on the consent page, follows back to the application.
   *
   * @throws Error when no consent page came up, nor an authorization response without one
   */
  async signIn(
    startUrl: string | URL,
    choice: ConsentChoice,
    options: NavigationOptions = {},
  ): Promise<PageResponse> {
    const page = await this.get(startUrl, options)
    const button = 'deny' in choice ? 'Cancel' : choice.as
    if (page.text.includes('data-consent-page')) return this.submit(page, { button })
    const answered = page.history.some((hop) => /[?&](code|error)=/.test(hop.location ?? ''))
    if (answered) return page
    throw new Error(`No consent page: ${pathOnly(page.url)} answered ${page.status}${firstLine(page)}`)
  }

  async #navigate(first: Step, options: NavigationOptions): Promise<PageResponse> {
    requirePageUrl(options.from)
    const history: PageResponse[] = []
    let step = first
    for (;;) {
      const response = await this.#request(step, options, history)
      const next = options.redirect === 'manual' ? undefined : redirected(step, response)
      if (next === undefined) return response
      if (history.length >= (this.#options.maxRedirects ?? 20)) throw new Error('Too many redirects')
      history.push(response)
      step = next
    }
  }

  async #request(
    step: Step,
    options: NavigationOptions,
    history: readonly PageResponse[],
  ): Promise<PageResponse> {
    const relation = siteRelation(step.url, step.initiator, step.earlier)
    const cookie = this.cookies.header(step.url, { method: step.method, sameSite: relation !== 'cross-site' })
    const headers: Record<string, string | undefined> = {
      ...navigationHeaders(step, relation),
      ...(cookie === undefined ? {} : { cookie }),
      ...this.#options.headers,
      ...options.headers,
    }
    const origin = this.#options.origins?.[step.url.origin]
    const response = await send({ ...step, headers, origin, history })
    for (const header of response.setCookies) this.cookies.receive(header, step.url)
    return response
  }
}

function redirected(step: Step, response: PageResponse): Step | undefined {
  if (response.location === undefined || ![301, 302, 303, 307, 308].includes(response.status)) {
    const refresh = refreshOf(response.text, step.url.href)
    return refresh === undefined
      ? undefined
      : { method: 'GET', url: new URL(refresh), initiator: step.url.href }
  }
  const url = new URL(response.location, step.url)
  if (url.hash === '') url.hash = step.url.hash
  const earlier = siteRelation(step.url, step.initiator, step.earlier)
  const keeps = response.status >= 307 || step.method === 'GET'
  const initiator = step.initiator
  if (!keeps) return { method: 'GET', url, initiator, earlier }
  return { ...step, url, earlier }
}

function navigationHeaders(step: Step, relation: string): Record<string, string> {
  const headers: Record<string, string> = {
    accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
    'accept-language': 'en',
    'user-agent': 'Mozilla/5.0 (compatible; LatchkeyTesting)',
    'upgrade-insecure-requests': '1',
  }
  if (isSecureContext(step.url)) {
    Object.assign(headers, {
      'sec-fetch-site': relation,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-user': '?1',
    })
  }
  if (step.method !== 'POST') return headers
  const origin =
    step.initiator === undefined || step.earlier === 'cross-site' ? 'null' : new URL(step.initiator).origin
  return { ...headers, origin, 'content-type': 'application/x-www-form-urlencoded' }
}

function encodeForm(fields: readonly (readonly [string, string])[]): string {
  const form = new URLSearchParams()
  for (const [name, value] of fields) form.append(name, value)
  return form.toString()
}

/** A program without types may pass a `URL` or a whole page, which would make every request a cross-site one or fail later. */
function requirePageUrl(from: unknown): void {
  if (from === undefined || (typeof from === 'string' && URL.canParse(from))) return
  const given = typeof from === 'string' ? 'a text that is none' : `a value of type ${typeof from}`
  throw new TypeError(
    `The option "from" is the absolute URL of a page as a string, such as page.url; it is ${given}`,
  )
}

/** What a page says first, for the end of a message. JSON errors speak by their description. */
function firstLine({ text, headers }: PageResponse): string {
  const isPage = /html/.test(headers['content-type'] ?? '')
  const said = isPage
    ? text.replace(/<(style|script|title)\b.*?<\/\1>/gis, '').replace(/<[^>]*>/g, '\n')
    : text
  const description = /"error_description":\s*"([^"]+)"/.exec(said)?.[1]
  const line = description ?? said.split('\n').find((one) => one.trim() !== '')
  if (line === undefined) return ''
  const short = line.trim().replace(/\?\S*=\S*/g, '?…')
  return `: ${short.length > 120 ? `${short.slice(0, 120)}…` : short}`
}

/** Queries carry codes; messages leave them out. */
function pathOnly(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
