import { isAddress } from './cookie.ts'

/** The value of `Sec-Fetch-Site`. */
export type SiteRelation = 'none' | 'same-origin' | 'same-site' | 'cross-site'

/**
 * How the page that starts a navigation relates to its target. A redirect cannot bring it closer again: the result is
 * never nearer than `earlier`. A site is the scheme with the last two labels of the host; there is no list of public suffixes.
 */
export function siteRelation(
  target: URL,
  initiator: string | undefined,
  earlier?: SiteRelation,
): SiteRelation {
  if (initiator === undefined) return 'none'
  const from = new URL(initiator)
  const sameSite = from.origin === target.origin ? 'same-origin' : 'same-site'
  const direct = siteOf(from) === siteOf(target) ? sameSite : 'cross-site'
  const nearestFirst: readonly SiteRelation[] = ['none', 'same-origin', 'same-site', 'cross-site']
  return earlier !== undefined && nearestFirst.indexOf(earlier) > nearestFirst.indexOf(direct)
    ? earlier
    : direct
}

function siteOf(url: URL): string {
  const host = isAddress(url.hostname) ? url.hostname : url.hostname.split('.').slice(-2).join('.')
  return `${url.protocol}//${host}`
}
