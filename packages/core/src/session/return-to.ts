import type { Logger } from '../log.ts'
import type { BaseUrl } from './base-url.ts'

/** Where a browser goes when the address it asked for may not be used. */
const fallback = '/'

/** What {@link safeReturnTo} checks against, and where it says so when it refuses. */
export interface ReturnToCheck {
  readonly baseUrl: BaseUrl
  readonly log: Logger
}

/**
 * A path below `baseUrl` that may stand in a `Location` header: `value` byte for byte, or `/` when it could lead
 * anywhere but to our origin. Characters outside ASCII come back percent-encoded. Never throws.
 */
export function safeReturnTo(value: unknown, { baseUrl, log }: ReturnToCheck): string {
  if (value === undefined) return fallback
  const candidate = typeof value === 'string' ? percentEncoded(value) : undefined
  const reason = candidate === undefined ? 'malformed' : fault(candidate, baseUrl)
  if (candidate !== undefined && reason === undefined) return candidate
  const length = typeof value === 'string' ? value.length : 0
  log.warn({ event: 'returnto.rejected', reason, length }, 'A return address was replaced by /.')
  return fallback
}

/** Longest address that is looked at. Node's own limit for a whole request head is 16 KB. */
const longest = 8_192

/** What is wrong with a return address; `undefined` when it leads to our origin whoever reads it. */
function fault(path: string, baseUrl: BaseUrl): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(path)) return 'control_character'
  if (path.includes('\\')) return 'backslash'
  // What goes into the header is checked byte for byte, as the app writes it and with the prefix of `baseUrl`.
  return locationFault(path, { ...baseUrl, path: '' }) ?? locationFault(baseUrl.path + path, baseUrl)
}

function locationFault(
  location: string,
  { origin, path: prefix }: Pick<BaseUrl, 'origin' | 'path'>,
): string | undefined {
  if (!staysOnHost(location)) return 'not_a_path'
  if (!URL.canParse(location, origin)) return 'malformed'
  const parsed = new URL(location, origin)
  if (parsed.origin !== origin) return 'foreign_origin'
  // `/.//evil` is ours to a browser, but `//evil` to anything that removes dot segments before it looks.
  if (!staysOnHost(parsed.pathname)) return 'dot_segments'
  return `${parsed.pathname}/`.startsWith(`${prefix}/`) ? undefined : 'outside_base_url'
}

function staysOnHost(path: string): boolean {
  return path.startsWith('/') && path[1] !== '/' && path[1] !== '\\'
}

function percentEncoded(value: string): string | undefined {
  if (value.length > longest || /\p{Surrogate}/u.test(value)) return undefined
  return value.replace(/[\u0080-\u{10ffff}]+/gu, encodeURIComponent)
}
