/** One cookie as a browser keeps it. */
export interface Cookie {
  readonly name: string
  readonly value: string
  /** Host that set it, or the `Domain` that it is for. Ports do not matter: they share their cookies. */
  readonly host: string
  /** True when no `Domain` was given: only this very host gets it. */
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly httpOnly: boolean
  /** `lax` also when none was given. */
  readonly sameSite: 'strict' | 'lax' | 'none'
  /** Epoch seconds. Absent: kept until the browser ends. */
  readonly expiresAt?: number
}

const MAX_PAIR_BYTES = 4096
const MAX_AGE_SECONDS = 400 * 24 * 60 * 60

/**
 * Reads a `Set-Cookie` value as a browser at `url` does; returns the reason as text when a browser refuses it.
 *
 * @see RFC 6265 §5, and the prefix and SameSite rules of its revision
 */
export function parseSetCookie(header: string, url: URL, now: number): Cookie | string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers refuse exactly these
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(header)) return 'control character'
  const [pair = '', ...rest] = header.split(';')
  const equals = pair.indexOf('=')
  const name = equals < 0 ? '' : pair.slice(0, equals).trim()
  const value = (equals < 0 ? pair : pair.slice(equals + 1)).trim()
  if (name === '' && value === '') return 'empty'
  if (Buffer.byteLength(name + value) > MAX_PAIR_BYTES) return 'longer than 4096 bytes'
  const attributes = readAttributes(rest)
  const cookie = cookieOf(name, value, attributes, url, now)
  return refusal(cookie, attributes, url) ?? cookie
}

/** Whether a browser treats the URL as secure: https, or http on the machine itself. */
export function isSecureContext(url: URL): boolean {
  const host = url.hostname
  const loopback =
    host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host)
  return url.protocol === 'https:' || loopback
}

/** Whether `host` is `domain` or lies under it. An IP address lies under nothing. */
export function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !isAddress(host))
}

/** Whether a request path lies under a cookie path (RFC 6265 §5.1.4). */
export function pathMatches(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/')
}

/** Whether a host is an IP address. */
export function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d+(\.\d+){3}$/.test(host)
}

function readAttributes(parts: readonly string[]): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const part of parts) {
    const equals = part.indexOf('=')
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
    attributes.set(name, equals < 0 ? '' : part.slice(equals + 1).trim())
  }
  return attributes
}

function cookieOf(
  name: string,
  value: string,
  attributes: ReadonlyMap<string, string>,
  url: URL,
  now: number,
): Cookie {
  const domain = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase()
  const path = attributes.get('path') ?? ''
  const sameSite = (attributes.get('samesite') ?? '').toLowerCase()
  const expiresAt = expiryOf(attributes, now)
  return {
    name,
    value,
    host: domain === '' ? url.hostname : domain,
    hostOnly: domain === '' || (domain === url.hostname && isAddress(domain)),
    path: path.startsWith('/') ? path : defaultPath(url.pathname),
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: sameSite === 'strict' || sameSite === 'none' ? sameSite : 'lax',
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

function refusal(cookie: Cookie, attributes: ReadonlyMap<string, string>, url: URL): string | undefined {
  if (!domainMatches(url.hostname, cookie.host)) return 'Domain of another host'
  if (!cookie.hostOnly && !cookie.host.includes('.') && cookie.host !== url.hostname)
    return 'Domain is a public suffix'
  if (cookie.secure && !isSecureContext(url)) return 'Secure over plain http'
  if (cookie.sameSite === 'none' && !cookie.secure) return 'SameSite=None without Secure'
  // A nameless cookie is sent as its bare value, so a prefix hidden in the value counts too.
  const prefixed = (cookie.name === '' ? cookie.value : cookie.name).toLowerCase()
  if (cookie.name === '' && /^__(host|secure)-/.test(prefixed)) return 'prefix in a nameless cookie'
  if (prefixed.startsWith('__secure-') && !cookie.secure) return '__Secure- without Secure'
  if (!prefixed.startsWith('__host-')) return undefined
  if (!cookie.secure) return '__Host- without Secure'
  if (attributes.get('path') !== '/') return '__Host- without Path=/'
  return (attributes.get('domain') ?? '') === '' ? undefined : '__Host- with Domain'
}

function expiryOf(attributes: ReadonlyMap<string, string>, now: number): number | undefined {
  const maxAge = attributes.get('max-age')
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) {
    const seconds = Number(maxAge)
    return seconds <= 0 ? 0 : now + Math.min(seconds, MAX_AGE_SECONDS)
  }
  const expires = Date.parse(attributes.get('expires') ?? '') / 1000
  return Number.isNaN(expires) ? undefined : Math.min(expires, now + MAX_AGE_SECONDS)
}

function defaultPath(path: string): string {
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}
