import type { PlainRequest } from './http.ts'

/** A request header as one string; several lines of it are joined as HTTP allows. */
export function headerOf({ headers }: PlainRequest, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'object' ? value.join(', ') : value
}

/** The host that the browser asked for, with its port where it said one. HTTP/2 has a field of its own for it. */
export function hostOf(request: PlainRequest): string | undefined {
  return headerOf(request, 'host') ?? headerOf(request, ':authority')
}

/** Where browsers past and present say what a request is for; the last one is Safari's, for its page previews. */
const purposeHeaders = ['sec-purpose', 'purpose', 'x-moz', 'x-purpose']

/** True when the browser only guesses that the user may want this page: nothing may be spent on it. */
export function isPrefetch(request: PlainRequest): boolean {
  return purposeHeaders.some((name) => /prefetch|prerender|preview/i.test(headerOf(request, name) ?? ''))
}

/** False when the browser says that the answer is not for a page of its own: an image, a frame, a script's fetch. */
export function isForDocument(request: PlainRequest): boolean {
  const destination = headerOf(request, 'sec-fetch-dest')
  return destination === undefined || destination === 'document'
}

/** True when somebody looks at the answer, false when a script reads it. */
export function isNavigation(request: PlainRequest): boolean {
  const mode = headerOf(request, 'sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return (headerOf(request, 'accept') ?? '').includes('text/html')
}

/** True when a script asks: it cannot follow a redirect to another page and wants JSON. */
export function isFromScript(request: PlainRequest): boolean {
  const accept = headerOf(request, 'accept') ?? ''
  if (accept.includes('text/html')) return false
  return accept.includes('application/json') || headerOf(request, 'sec-fetch-mode') === 'cors'
}
