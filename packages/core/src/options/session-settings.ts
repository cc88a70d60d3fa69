import type { NamesOf } from '../input/known-names.ts'
import type { BaseUrl } from '../session/base-url.ts'
import type { CookieSettings } from '../session/cookie.ts'
import type { SessionSettings } from '../session/sessions.ts'
import { schemeOf } from './base-urls.ts'
import { invalidOption } from './invalid-option.ts'
import { requireOptionsObject } from './option-shapes.ts'

/** The option `signIn`: how long sign-in sessions last, and their cookie. */
export interface SignInOptions {
  /** Seconds without a request after which a session ends. @default 604800 (7 days) */
  readonly idleSeconds?: number
  /** Seconds after the sign-in at which a session ends whatever happens. @default 2592000 (30 days) */
  readonly absoluteSeconds?: number
  /** Base name of the cookie; on https it becomes `__Host-<name>`. @default 'latchkey' */
  readonly cookieName?: string
  /** Shares the cookie with all sub-domains of this domain; it becomes `__Secure-<name>`. @default none */
  readonly domain?: string
  /**
   * `strict` is not offered: browsers leave such a cookie out when an authorization server sends them back, so nobody
   * would arrive signed in.
   * @default 'lax'
   */
  readonly sameSite?: 'lax' | 'none'
}

const names: NamesOf<SignInOptions> = {
  idleSeconds: true,
  absoluteSeconds: true,
  cookieName: true,
  domain: true,
  sameSite: true,
}

const day = 86_400
const sameSites = { lax: 'Lax', none: 'None' } as const
/** A token of RFC 6265 §4.1.1, without the characters that separate the parts of our own cookie names. */
const cookieNameShape = /^[\w-]{1,64}$/

/** The option `signIn`, checked and complete. */
export function sessionSettings(
  options: SignInOptions,
  baseUrls: readonly [BaseUrl, ...BaseUrl[]],
): SessionSettings {
  requireOptionsObject('signIn', options, names, 'an object like { idleSeconds: 3600 }')
  const { idleSeconds = 7 * day, absoluteSeconds = 30 * day } = options
  checkSeconds('signIn.idleSeconds', idleSeconds)
  checkSeconds('signIn.absoluteSeconds', absoluteSeconds)
  if (absoluteSeconds > 400 * day) {
    throw invalidOption(
      'The option signIn.absoluteSeconds is above 400 days, which no browser keeps a cookie for.',
    )
  }
  return { idleSeconds, absoluteSeconds, cookie: cookieSettings(options, baseUrls) }
}

/** Refuses anything but a positive whole number of seconds. */
export function checkSeconds(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw invalidOption(`The option ${option} must be a positive whole number of seconds.`)
}

/** Refuses a cookie name that could not stand in a header. */
export function checkCookieName(option: string, name: string): void {
  if (cookieNameShape.test(name)) return
  throw invalidOption(`The option ${option} may hold only letters, digits, "-" and "_" (at most 64).`)
}

function cookieSettings(options: SignInOptions, baseUrls: readonly [BaseUrl, ...BaseUrl[]]): CookieSettings {
  const { cookieName = 'latchkey', sameSite = 'lax', domain } = options
  const [first] = baseUrls
  const secure = schemeOf(first) === 'https:'
  checkCookieName('signIn.cookieName', cookieName)
  if (!Object.hasOwn(sameSites, sameSite)) {
    throw invalidOption(
      "The option signIn.sameSite must be 'lax' or 'none': with 'strict' nobody comes back signed in.",
    )
  }
  if (sameSite === 'none' && !secure) {
    throw invalidOption("The option signIn.sameSite is 'none', which browsers accept on https only.")
  }
  if (domain !== undefined) checkDomain(domain, baseUrls)
  const port = new URL(first.origin).port || (secure ? '443' : '80')
  return { secure, port, name: cookieName, sameSite: sameSites[sameSite], ...(domain && { domain }) }
}

function checkDomain(domain: string, baseUrls: readonly BaseUrl[]): void {
  const covers = (host: string): boolean => host === domain || host.endsWith(`.${domain}`)
  const shaped = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(domain) && !/^[\d.]+$/.test(domain)
  if (shaped && baseUrls.every(({ origin }) => covers(new URL(origin).hostname))) return
  throw invalidOption(
    'The option signIn.domain must be a domain that every baseUrl lies in, like example.com.',
  )
}
