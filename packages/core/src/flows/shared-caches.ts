/** Headers of a response about to be sent, names in lower case, as Node's `getHeaders()` hands them out. */
export type ResponseHeaders = Readonly<Record<string, number | string | readonly string[] | undefined>>

/** What most answers need: nothing was said about caches yet. */
const unsaid = { 'cache-control': 'no-store', vary: 'Cookie' } as const

/**
 * The headers to set on an answer that sets a cookie of ours or depends on who asked, so that no shared cache gives it
 * to somebody else. What the app said stands where it is as strict: `no-store` or `private`. Headers that speak to
 * CDNs alone (`CDN-Cache-Control`, `Surrogate-Control`) are replaced only where the app sent them.
 * @see RFC 9111 §5.2.2, RFC 9110 §12.5.5, RFC 9213 §3
 */
export function sharedCacheHeaders(headers: ResponseHeaders): Readonly<Record<string, string>> {
  const names = Object.keys(headers)
  if (!names.some((name) => name === 'vary' || name.endsWith('-control'))) return unsaid
  const controls = names.filter((name) => /(?:^|-)(?:cache|surrogate)-control$/.test(name))
  const loose = ['cache-control', ...controls].filter((name) => !keepsOut(textOf(headers[name])))
  return {
    ...Object.fromEntries(loose.map((name) => [name, 'no-store'])),
    vary: withCookie(textOf(headers.vary)),
  }
}

/** True when no shared cache may store what carries this value. `private="name"` holds back one header, not the rest. */
function keepsOut(control: string): boolean {
  const directives = control
    .replace(/"[^"]*"/g, '""')
    .toLowerCase()
    .split(',')
  return directives.some((directive) => ['no-store', 'private'].includes(directive.trim()))
}

function withCookie(vary: string): string {
  const names = vary
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.some((name) => name === '*' || name.toLowerCase() === 'cookie')) return vary
  return [...names, 'Cookie'].join(', ')
}

function textOf(value: ResponseHeaders[string]): string {
  return value === undefined ? '' : [value].flat().join(', ')
}
