import type { User } from '../protocol/user.ts'
import type { BaseUrl } from '../session/base-url.ts'
import type { CookieSettings } from '../session/cookie.ts'
import type { Session } from '../session/sessions.ts'
import type { PlainRequest } from './http.ts'
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
  /** True when `find` knows more than are listed. */
  readonly resolvesMore: boolean
  /** Any by its id, those included that are only known when asked for. */
  find(id: string): Promise<SignInClient | undefined>
}

/** Somebody who has just proved at a provider who they are. */
export interface LoginDetails {
  readonly provider: string
  readonly user: User
  /** Everything the provider said of the user: the claims of ID token and userinfo. Untrusted text. */
  readonly raw: Readonly<Record<string, unknown>>
  /** The user id that keeps this account already, by an earlier sign-in or by linking it. */
  readonly keptBy?: string
}

/**
 * The app's own word on a sign-in: its user id, or `undefined` for the default. What it throws refuses the sign-in.
 * @param session who was signed in before.
 */
export type OnLogin = (
  login: LoginDetails,
  request: PlainRequest,
  session: Session | undefined,
) => Promise<string | undefined>

/** Everything about the flows that the app's author decides. */
export interface FlowSettings {
  /** The first one is where a login begun under any other host is sent. */
  readonly baseUrls: readonly [BaseUrl, ...BaseUrl[]]
  readonly routes: Routes
  /** Further origins whose `Origin` header proves a request of our own pages. */
  readonly trustedOrigins: readonly string[]
  readonly cookie: CookieSettings
  readonly providers: ProviderDirectory
  /** Absent: every user id is `<provider>:<id>`. */
  readonly onLogin: OnLogin | undefined
}
