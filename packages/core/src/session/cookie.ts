/** What the names and attributes of our cookies follow from. Made from the options once, at start. */
export interface CookieSettings {
  /** True on https: `Secure`, and a name prefix that browsers enforce. */
  readonly secure: boolean
  /** The port of `baseUrl`; on http it stands in the names, because cookies do not keep ports apart. */
  readonly port: string
  /** Shares the sign-in cookie with sub-domains. */
  readonly domain?: string
  /** Of the sign-in cookie; transaction cookies are always `Lax`. */
  readonly sameSite: 'Lax' | 'None'
  /** Base name of the sign-in cookie, without prefix. */
  readonly name: string
}

/** A cookie's name and everything of its attributes that does not change from one `Set-Cookie` to the next. */
export interface CookieShape {
  readonly name: string
  readonly secure: boolean
  readonly sameSite: 'Lax' | 'None'
  readonly domain?: string
}

/** The sign-in cookie: `__Host-latchkey` on https, `__Secure-latchkey` with a domain, `latchkey-<port>` on http. */
export function sessionCookie(settings: CookieSettings): CookieShape {
  const { secure, sameSite, domain, name, port } = settings
  if (!secure) return { name: `${name}-${port}`, secure, sameSite, ...(domain && { domain }) }
  if (domain) return { name: `__Secure-${name}`, secure, sameSite, domain }
  return { name: `__Host-${name}`, secure, sameSite }
}

/** What the names of all transaction cookies begin with. */
export function transactionCookiePrefix({ secure, port }: CookieSettings): string {
  return secure ? '__Host-lk.t.' : `lk.t.${port}.`
}

/** One pair of a `Cookie` header, byte for byte. */
export interface CookiePair {
  readonly name: string
  readonly value: string
}

/**
 * Splits a raw `Cookie` header as browsers write it: pairs apart by `;` and spaces, name up to the first `=`.
 * Nothing else is interpreted: no quotes, no `$Version`, no other white space, so that nothing can pass for our name
 * that a browser would not have stored under it.
 * @see RFC 6265 §5.4
 */
export function parseCookies(header: string | undefined): readonly CookiePair[] {
  const pairs: CookiePair[] = []
  for (const part of header?.split(';') ?? []) {
    let start = 0
    while (part.charCodeAt(start) === 0x20) start += 1
    const equals = part.indexOf('=', start)
    if (equals > start) pairs.push({ name: part.slice(start, equals), value: part.slice(equals + 1) })
  }
  return pairs
}

/** The values of one cookie, split as {@link parseCookies} does. Several where the browser sent several. */
export function cookieValues(header: string, name: string): readonly string[] {
  const values: string[] = []
  for (const pair of parseCookies(header)) if (pair.name === name) values.push(pair.value)
  return values
}

/** A complete `Set-Cookie` value. `maxAgeSeconds` 0 deletes the cookie, with the attributes it was set with. */
export function serializeCookie(shape: CookieShape, value: string, maxAgeSeconds: number): string {
  const domain = shape.domain === undefined ? '' : `; Domain=${shape.domain}`
  const secure = shape.secure ? '; Secure' : ''
  const fixed = `; Path=/; HttpOnly${secure}; SameSite=${shape.sameSite}`
  return `${shape.name}=${value}; Max-Age=${maxAgeSeconds}${domain}${fixed}`
}
