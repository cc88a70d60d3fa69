import { inspect } from 'node:util'
import { LatchkeyError } from './errors.ts'
import type { ApiAccess } from './fetch/api-access.ts'
import type { Reply } from './flows/http.ts'
import { type NamesOf, requireKnownKeys } from './input/known-names.ts'
import type { User } from './protocol/user.ts'
import type { Account, AccountParts } from './request-oauth/account.ts'
import { AccountList, accessThrough } from './request-oauth/account-list.ts'
import type { Session } from './session/sessions.ts'

export type { Account, AccountStatus } from './request-oauth/account.ts'
export { type UserAccess, userAccess } from './request-oauth/user-access.ts'

/** Options of {@link RequestAccess.login}. */
export interface LoginOptions<Id extends string = string> {
  /** @default the only provider, or the page with all buttons */
  readonly provider?: Id
  /** Scope beyond the provider's own. Asked of somebody who has the account, it is asked for beside what was granted. */
  readonly scope?: readonly string[]
  /**
   * Adds an account to the session instead of signing in anew. Begun by a form of the app's own pages; a GET shows a
   * page with a button first. Nobody signed in: a sign-in like any other.
   * @default false
   */
  readonly link?: boolean
  /** A path of this app. @default the address of the request, if it is a GET */
  readonly returnTo?: string
  /** OpenID `prompt`, for example `consent` or `select_account`. */
  readonly prompt?: string
  /** Further parameters of the authorization request. */
  readonly params?: Readonly<Record<string, string>>
}

const loginNames: NamesOf<LoginOptions> = {
  provider: true,
  scope: true,
  link: true,
  returnTo: true,
  prompt: true,
  params: true,
}

/** Options of {@link RequestAccess.logout}. */
export interface LogoutOptions {
  /** A path of this app. @default routes.afterLogout */
  readonly returnTo?: string
  /** Ends every session of this user, on all devices. @default false */
  readonly everywhere?: boolean
}

const logoutNames: NamesOf<LogoutOptions> = { returnTo: true, everywhere: true }

/**
 * What everybody may do with `req.oauth`, signed in or not. `fetch` and `request` pick the account by the URL's
 * origin; `accessToken` is that of the account that signed in. Every member works detached.
 */
export interface RequestAccess<Id extends string = string> extends ApiAccess {
  /** The accounts of the session; empty when nobody is signed in. */
  readonly accounts: readonly Account<Id>[]
  /**
   * The account at `provider`.
   * @throws {LatchkeyError} `login_required`: nobody is signed in, or not there.
   * @throws {LatchkeyError} `account_ambiguous`: several, and no `id`.
   */
  readonly account: (provider: Id, id?: string) => Account<Id>
  /** Who is signed in. @throws {LatchkeyError} `login_required` */
  readonly requireUser: () => User
  /** The app's own id of who is signed in: what its own data hangs on. @throws {LatchkeyError} `login_required` */
  readonly requireUserId: () => string
  /** Answers the request by sending the browser to a login. Return after it. */
  readonly login: (options?: LoginOptions<Id>) => Promise<void>
  /** Ends the session and answers the request. Return after it. Ask for proof of same origin before. */
  readonly logout: (options?: LogoutOptions) => Promise<void>
}

/**
 * `req.oauth`: who is signed in, and the providers' APIs in their name. Test `isAuthenticated` first and `user` is
 * there. Every read throws `store_unavailable` when the session could not be read; `login()` works all the same.
 */
export type RequestOAuth<Id extends string = string> = RequestAccess<Id> &
  (
    | { readonly isAuthenticated: true; readonly userId: string; readonly user: User }
    | { readonly isAuthenticated: false; readonly userId?: undefined; readonly user?: undefined }
  )

/** What a request's session turned out to be. */
export type SessionOutcome =
  | { readonly session: Session | undefined }
  /** It could not be read: nobody knows whether somebody is signed in. */
  | { readonly failure: unknown }

/** Writes what `make` makes as the answer of a request. */
export type Answer = (make: () => Promise<Reply>) => Promise<void>

/** What {@link requestOAuth} works with. */
export interface RequestOAuthParts extends AccountParts {
  readonly outcome: SessionOutcome
  /** Called once, when something first asks who is signed in: from then on the answer depends on it. */
  onLook?(): void
  login(options: LoginOptions): Promise<Reply>
  logout(session: Session | undefined, options: LogoutOptions): Promise<Reply>
  /** Makes the answer of the request and writes it; refuses, before anything is made, when the response has begun. */
  readonly answer: Answer
}

/** Makes the `req.oauth` of one request. */
export function requestOAuth<Id extends string>(parts: RequestOAuthParts): RequestOAuth<Id> {
  // The class answers `isAuthenticated`, `user` and `userId` from one session, which is what the union says.
  return new SessionAccess<Id>(parts) as unknown as RequestOAuth<Id>
}

/** The session behind a `req.oauth` of ours. @throws {LatchkeyError} `store_unavailable`: it could not be read. */
export function sessionOf(oauth: object): Session | undefined {
  return SessionAccess.sessionOf(oauth)
}

/**
 * The session that a login is made in. Whoever cannot be read can still sign in anew; but a link or a consent belongs to
 * the session that is there, and a sign-in in its place would end it.
 * @throws {LatchkeyError} `store_unavailable`
 */
export function sessionForLogin(
  outcome: SessionOutcome,
  { link = false, scope = [] }: Pick<LoginOptions, 'link' | 'scope'>,
): Session | undefined {
  if ('session' in outcome) return outcome.session
  if (link || scope.length > 0) throw outcome.failure
  return undefined
}

// Most requests use one of these members or none, so each is made when it is read.
class SessionAccess<Id extends string> implements RequestAccess<Id> {
  readonly #parts: RequestOAuthParts
  #outcome: SessionOutcome
  #isLookedAt = false
  #list: AccountList<Id> | undefined
  #api: ApiAccess | undefined

  constructor(parts: RequestOAuthParts) {
    this.#parts = parts
    this.#outcome = parts.outcome
  }

  get fetch(): ApiAccess['fetch'] {
    return this.#apiAccess.fetch
  }

  get request(): ApiAccess['request'] {
    return this.#apiAccess.request
  }

  get accessToken(): ApiAccess['accessToken'] {
    return this.#apiAccess.accessToken
  }

  get account(): RequestAccess<Id>['account'] {
    return (provider, id) => this.#accounts().at(provider, id)
  }

  get requireUser(): () => User {
    return () => this.#requireSession().record.user
  }

  get requireUserId(): () => string {
    return () => this.#requireSession().record.userId
  }

  get login(): RequestAccess<Id>['login'] {
    return async (options = {}) => {
      requireKnownKeys<LoginOptions>('login()', options, loginNames)
      await this.#parts.answer(() => this.#parts.login(options))
    }
  }

  get logout(): RequestAccess['logout'] {
    return async (options = {}) => {
      requireKnownKeys<LogoutOptions>('logout()', options, logoutNames)
      const session = this.#session
      await this.#parts.answer(async () => {
        const reply = await this.#parts.logout(session, options)
        this.#outcome = { session: undefined }
        this.#list = undefined
        return reply
      })
    }
  }

  static sessionOf(oauth: object): Session | undefined {
    return #outcome in oauth ? oauth.#session : undefined
  }

  get #apiAccess(): ApiAccess {
    this.#api ??= accessThrough(() => this.#accounts())
    return this.#api
  }

  get isAuthenticated(): boolean {
    return this.#session !== undefined
  }

  get userId(): string | undefined {
    return this.#session?.record.userId
  }

  get user(): User | undefined {
    return this.#session?.record.user
  }

  get accounts(): readonly Account<Id>[] {
    return this.#accounts().all
  }

  /** Who is signed in and where, nothing else. Never throws. */
  toJSON(): Record<string, unknown> {
    this.#look()
    return this.#description()
  }

  /** The same, for logs: it does not count as a look. */
  [inspect.custom](): unknown {
    return this.#description()
  }

  #description(): Record<string, unknown> {
    if ('failure' in this.#outcome) return { isAuthenticated: 'unknown' }
    const { session } = this.#outcome
    const accounts = (session?.record.accounts ?? []).map(({ provider, id }) => ({ provider, id }))
    const { userId, user } = session?.record ?? {}
    return { isAuthenticated: session !== undefined, userId, user, accounts }
  }

  #look(): void {
    if (this.#isLookedAt) return
    this.#isLookedAt = true
    this.#parts.onLook?.()
  }

  get #session(): Session | undefined {
    this.#look()
    if ('failure' in this.#outcome) throw this.#outcome.failure
    return this.#outcome.session
  }

  #requireSession(): Session {
    const session = this.#session
    if (session !== undefined) return session
    throw new LatchkeyError('login_required', 'Nobody is signed in.', { reason: 'signed_out' })
  }

  #accounts(): AccountList<Id> {
    const session = this.#session
    this.#list ??= new AccountList<Id>(this.#parts, {
      pointers: (session?.record.accounts ?? []).map((account) => ({
        account,
        locator: session?.locator ?? '',
        userId: session?.record.userId ?? '',
      })),
      user: session?.record.user,
      requireSomebody: () => void this.#requireSession(),
      advice: () => 'Send the browser through req.oauth.login({ provider, link: true }).',
    })
    return this.#list
  }
}
