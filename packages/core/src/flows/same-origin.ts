import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { PlainRequest } from './http.ts'
import { headerOf } from './request-headers.ts'

/** Methods that change nothing, and so need no proof (RFC 9110 §9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** True when a request with this method may change something. */
export function isUnsafe(method: string): boolean {
  return !safeMethods.has(method)
}

/**
 * Lets a request through that provably comes from our own pages: `Sec-Fetch-Site: same-origin`, or, from a browser
 * that does not send it, an `Origin` among `origins`. A present `Sec-Fetch-Site` decides alone.
 * @throws {LatchkeyError} `cross_site_request`
 */
export function requireSameOrigin(request: PlainRequest, origins: readonly string[], log: Logger): void {
  const site = headerOf(request, 'sec-fetch-site')
  const origin = headerOf(request, 'origin')
  const proved =
    site === undefined ? origin !== undefined && origins.includes(origin) : site === 'same-origin'
  if (proved) return
  const reason = site !== undefined ? 'fetch_site' : origin !== undefined ? 'origin' : 'no_evidence'
  log.warn({ event: 'csrf.rejected', reason }, 'A request without proof of same origin was refused.')
  const message =
    'The request does not prove that it comes from this site. Send it from one of its own pages.'
  throw new LatchkeyError('cross_site_request', message, { reason })
}
