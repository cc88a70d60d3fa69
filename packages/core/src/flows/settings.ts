import type { BaseUrl } from '../session/base-url.ts'
import type { CookieSettings } from '../session/cookie.ts'
import type { SignInClient } from './sign-in-client.ts'

/** Paths below `baseUrl`. */
export interface Routes {
  /** Before `login`, `callback` and `logout`; empty or `/auth`. */
  readonly prefix: string
  readonly login: string
  readonly callback: string
  readonly logout: string
  /** Where a sign-in leads that was not on its way to anything. Not prefixed. */
  readonly afterLogin: string
  /** Not prefixed. */
  readonly afterLogout: string
}

/** The clients of the configured providers. */
export interface ProviderDirectory {
  /** Those that the sign-in page offers, in its order. */
  readonly listed: readonly SignInClient[]
  /** Any by its id, those included that are only known when asked for. */
  find(id: string): Promise<SignInClient | undefined>
}

/** Everything about the flows that the app's author decides. */
export interface FlowSettings {
  /** The first one is where a login begun under any other host is sent. */
  readonly baseUrls: readonly [BaseUrl, ...BaseUrl[]]
  readonly routes: Routes
  /** Further origins whose `Origin` header proves a request of our own pages. */
  readonly trustedOrigins: readonly string[]
  readonly cookie: CookieSettings
  readonly providers: ProviderDirectory
}
