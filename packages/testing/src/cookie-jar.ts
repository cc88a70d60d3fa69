import { type Cookie, domainMatches, isSecureContext, parseSetCookie, pathMatches } from './cookie.ts'

/** What decides, beside the URL, which cookies a request carries. */
export interface CookieRequest {
  /** Whether the page that started the request is of the same site. @default true */
  readonly sameSite?: boolean
  /** @default 'GET' */
  readonly method?: string
}

/** A cookie that a browser would not have kept. */
export interface RefusedCookie {
  readonly header: string
  readonly reason: string
}

/** The cookies of one browser, kept and sent by the rules of RFC 6265 and its revision. */
export class CookieJar {
  /** Cookies that were refused, with the reason. */
  readonly refused: RefusedCookie[] = []
  readonly #now: () => number
  #cookies: Cookie[] = []

  /** `now` gives epoch seconds; absent: the system time. */
  constructor(now: () => number = () => Date.now() / 1000) {
    this.#now = now
  }

  /** The live cookies in the order in which they were first set. */
  get all(): readonly Cookie[] {
    return this.#cookies.filter((cookie) => !this.#isExpired(cookie))
  }

  /** The first live cookie with this name. */
  get(name: string): Cookie | undefined {
    return this.all.find((cookie) => cookie.name === name)
  }

  /** Keeps, replaces or deletes what one `Set-Cookie` value received from `url` says. Returns false if it was refused. */
  receive(setCookie: string, url: string | URL): boolean {
    const from = new URL(url)
    const parsed = parseSetCookie(setCookie, from, this.#now())
    const reason = typeof parsed === 'string' ? parsed : this.#overlayProblem(parsed, from)
    if (typeof parsed === 'string' || reason !== undefined) {
      this.refused.push({ header: setCookie, reason: reason ?? '' })
      return false
    }
    this.#put(parsed)
    return true
  }

  /** Puts a cookie in as it is, without any rule, as an attacker on a sibling host or a bug would. Same name, host and path: replaced. */
  plant(cookie: Partial<Cookie> & Pick<Cookie, 'name' | 'value' | 'host'>): void {
    const plain = { hostOnly: true, path: '/', secure: false, httpOnly: false, sameSite: 'lax' } as const
    this.#put({ ...plain, ...cookie })
  }

  /** Forgets every cookie with this name, or all of them. */
  delete(name?: string): void {
    this.#cookies = name === undefined ? [] : this.#cookies.filter((cookie) => cookie.name !== name)
  }

  /** The `Cookie` header of a navigation to `url`: longer paths first, then older cookies. Absent when there is none. */
  header(url: string | URL, request: CookieRequest = {}): string | undefined {
    const target = new URL(url)
    const sent = this.all.filter((cookie) => isSent(cookie, target, request))
    if (sent.length === 0) return undefined
    const ordered = sent.toSorted((a, b) => b.path.length - a.path.length)
    return ordered.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ')
  }

  /** A jar with the same cookies that goes its own way from here. */
  clone(): CookieJar {
    const copy = new CookieJar(this.#now)
    copy.#cookies = [...this.#cookies]
    return copy
  }

  /** An insecure page may not replace or hide a Secure cookie. */
  #overlayProblem(cookie: Cookie, from: URL): string | undefined {
    if (isSecureContext(from)) return undefined
    const hidden = this.all.some(
      (kept) =>
        kept.secure &&
        kept.name === cookie.name &&
        (domainMatches(kept.host, cookie.host) || domainMatches(cookie.host, kept.host)) &&
        pathMatches(cookie.path, kept.path),
    )
    return hidden ? 'would replace a Secure cookie' : undefined
  }

  #put(cookie: Cookie): void {
    const at = this.#cookies.findIndex(
      (kept) => kept.name === cookie.name && kept.host === cookie.host && kept.path === cookie.path,
    )
    if (this.#isExpired(cookie)) this.#cookies.splice(at < 0 ? this.#cookies.length : at, 1)
    else if (at < 0) this.#cookies.push(cookie)
    else this.#cookies[at] = cookie
  }

  #isExpired(cookie: Cookie): boolean {
    return cookie.expiresAt !== undefined && cookie.expiresAt <= this.#now()
  }
}

function isSent(cookie: Cookie, url: URL, request: CookieRequest): boolean {
  const hostFits = cookie.hostOnly ? cookie.host === url.hostname : domainMatches(url.hostname, cookie.host)
  if (!hostFits || !pathMatches(url.pathname, cookie.path)) return false
  if (cookie.secure && !isSecureContext(url)) return false
  if (request.sameSite !== false || cookie.sameSite === 'none') return true
  const safe = ['GET', 'HEAD'].includes(request.method ?? 'GET')
  return cookie.sameSite === 'lax' && safe
}
