import type { Logger } from '../log.ts'
import type { Provider } from '../protocol/provider.ts'
import type { BaseUrl } from '../session/base-url.ts'
import { safeReturnTo } from '../session/return-to.ts'
import type { PlainRequest } from './http.ts'
import { hostOf } from './request-headers.ts'
import type { FlowSettings } from './settings.ts'

type Addressing = Pick<FlowSettings, 'baseUrls' | 'routes'>
type AddressingWithProviders = Addressing & Pick<FlowSettings, 'providers'>

/** The configured base URL whose host the browser used; the first one when it used another. */
export function baseUrlOf(request: PlainRequest, { baseUrls }: Addressing): BaseUrl {
  return matchingBaseUrl(request, baseUrls) ?? baseUrls[0]
}

/** True for text that could be the id of a provider. */
export function isProviderId(text: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(text)
}

/** Path of the route that begins a login; without an id, of the sign-in page. */
export function loginPath({ routes }: Addressing, providerId?: string): string {
  const page = routes.prefix + routes.login
  return providerId === undefined ? page : `${page}/${providerId}`
}

/** Path of the route that an authorization server sends the browser back to. */
export function callbackPath(
  { routes }: Addressing,
  provider: Pick<Provider, 'id' | 'callbackPath'>,
): string {
  return provider.callbackPath ?? `${routes.prefix}${routes.callback}/${provider.id}`
}

/** The redirect URI to register at the authorization server. */
export function redirectUri(
  settings: Addressing,
  provider: Pick<Provider, 'id' | 'callbackPath'>,
  baseUrl: BaseUrl = settings.baseUrls[0],
): string {
  return baseUrl.origin + baseUrl.path + callbackPath(settings, provider)
}

/** A login link as it stands in pages and `Location` headers. */
export function loginLink(
  settings: Addressing,
  baseUrl: BaseUrl,
  {
    providerId,
    returnTo,
  }: { readonly providerId?: string | undefined; readonly returnTo?: string | undefined },
): string {
  const query = returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`
  return baseUrl.path + loginPath(settings, providerId) + query
}

/**
 * Where a login leads in the end: `wanted` if it is safe, `afterLogin` if nothing is wanted. Our own routes are refused
 * as well: a return address among them would send the browser in circles.
 */
export function returnToOf(
  wanted: string | undefined,
  settings: AddressingWithProviders,
  baseUrl: BaseUrl,
  log: Logger,
): string {
  if (wanted === undefined) return settings.routes.afterLogin
  const returnTo = safeReturnTo(wanted, { baseUrl, log })
  const path = new URL(returnTo, baseUrl.origin).pathname
  const { prefix, login, callback, logout } = settings.routes
  const callbacks = settings.providers.listed.map((client) => callbackPath(settings, client.provider))
  const isRoute = [prefix + login, prefix + callback, prefix + logout, ...callbacks].some(
    (own) => path === own || path.startsWith(`${own}/`),
  )
  if (!isRoute) return returnTo
  log.warn(
    { event: 'returnto.rejected', reason: 'own_route', length: wanted.length },
    'A return address was replaced by /.',
  )
  return '/'
}

/** Marks a request that was sent here from another host, so that a proxy that rewrites `Host` causes no loop. */
const movedMark = 'latchkey-host=1'

/**
 * The same address under the first `baseUrl`, for a GET that came in under a host that is none of ours: cookies and
 * redirect URI belong to `baseUrl`. `undefined` when the request is where it belongs, or was moved already.
 */
export function addressUnderBaseUrl(request: PlainRequest, { baseUrls }: Addressing): string | undefined {
  const { url, method } = request
  if (method !== 'GET' || hostOf(request) === undefined) return undefined
  if (matchingBaseUrl(request, baseUrls) !== undefined || url.includes(movedMark)) return undefined
  if (!/^\/[\x21-\x7e]*$/.test(url)) return undefined
  const [{ origin, path }] = baseUrls
  return `${origin}${path}${url}${url.includes('?') ? '&' : '?'}${movedMark}`
}

/** The address that the browser asked for, as the app's own routes see it. */
export function requestedAddress({ url }: PlainRequest): string {
  const end = url.length - movedMark.length - 1
  return url.endsWith(movedMark) && /[?&]/.test(url.charAt(end)) ? url.slice(0, end) : url
}

function matchingBaseUrl(request: PlainRequest, baseUrls: readonly BaseUrl[]): BaseUrl | undefined {
  const host = hostOf(request)
  return baseUrls.find((baseUrl) => {
    const address = `${new URL(baseUrl.origin).protocol}//${host}`
    return URL.canParse(address) && new URL(address).host === baseUrl.host
  })
}

/** Origins whose pages count as ours. */
export function ownOrigins({ baseUrls, trustedOrigins }: FlowSettings): readonly string[] {
  return [...baseUrls.map((baseUrl) => baseUrl.origin), ...trustedOrigins]
}
