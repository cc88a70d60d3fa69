import type { TokenSet } from '../protocol/token.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { GrantHandle } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'
import type { AllowedOrigins } from './allowed-origins.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import { authorizedRequest, type RequestOptions, type ResponseData } from './authorized-request.ts'
import type { Credentials } from './credentials.ts'
import type { TokenBearer } from './token-bearer.ts'

/** A token to hand to something that makes its own requests. Prefer `fetch`, which also refreshes it. */
export interface AccessToken {
  readonly value: string
  /** As the server spelled it, usually `Bearer`. */
  readonly tokenType: string
  /** Epoch seconds. Absent when the server did not say. */
  readonly expiresAt?: number
  /** Granted scope. */
  readonly scope: readonly string[]
}

/** A provider's API in somebody's name: requests that carry a fresh token. Every member works detached. */
export interface ApiAccess {
  /**
   * The platform's `fetch` with a fresh token: takes and returns the platform's classes, can be handed to any SDK. A
   * `globalThis.fetch` that a tracer or a test put in the place of Node's own is what makes the requests then.
   * The URL must be absolute and lie on one of the provider's `resourceOrigins`. Redirects are returned, not followed.
   * A 401 is answered by one refresh and one replay, if the body is no stream.
   *
   * @throws {LatchkeyError} `origin_not_allowed`, before anything is resolved or opened.
   * @throws {LatchkeyError} `login_required`: the user must sign in again. `as_unavailable`: later it may work.
   * @throws {LatchkeyError} `as_misconfigured`: the server refuses this client. `store_unavailable`
   * @throws {TypeError} `authorization`, `host`, a dispatcher or `redirect: 'follow'` was passed in.
   */
  readonly fetch: typeof globalThis.fetch
  /** undici's lean `request` under the same rules, for hot paths. Its body must be read or dumped. */
  readonly request: (url: string | URL, options?: RequestOptions) => Promise<ResponseData>
  /**
   * The access token itself, valid for at least `minTtlSeconds` (default 0) where its lifetime allows.
   *
   * @throws {LatchkeyError} `login_required`, `as_unavailable`, `as_misconfigured`, `store_unavailable`
   */
  readonly accessToken: (options?: AccessTokenOptions) => Promise<AccessToken>
}

/** Options of {@link ApiAccess.accessToken}. */
export interface AccessTokenOptions {
  /** @default 0 */
  readonly minTtlSeconds?: number
}

/** What {@link AuthorizedAccess} works with. */
export interface AuthorizedAccessParts {
  readonly vault: Pick<Vault, 'fresh'>
  readonly handle: GrantHandle
  readonly origins: AllowedOrigins
  readonly credentials: Credentials
  readonly dispatcher: Dispatcher
}

/** {@link ApiAccess} for one grant. */
export class AuthorizedAccess implements ApiAccess {
  readonly #parts: AuthorizedAccessParts
  /** What its requests go out with. */
  readonly bearer: TokenBearer

  constructor(parts: AuthorizedAccessParts) {
    this.#parts = parts
    const { vault, handle, origins, credentials, dispatcher } = parts
    const fresh = (rejectedToken?: string): Promise<TokenSet> =>
      vault.fresh(handle, rejectedToken === undefined ? anyTtl : { ...anyTtl, rejectedToken })
    this.bearer = { origins, credentials, dispatcher, fresh }
  }

  get fetch(): typeof globalThis.fetch {
    return (input, init) => authorizedFetch(this.bearer, input, init)
  }

  get request(): ApiAccess['request'] {
    return (url, options) => authorizedRequest(() => this.bearer, url, options)
  }

  get accessToken(): ApiAccess['accessToken'] {
    const { vault, handle } = this.#parts
    return async (options) =>
      accessToken(await vault.fresh(handle, { minTtlSeconds: options?.minTtlSeconds ?? 0 }))
  }
}

const anyTtl = { minTtlSeconds: 0 } as const

function accessToken({ accessToken: value, tokenType, expiresAt, scope }: TokenSet): AccessToken {
  return { value, tokenType, scope, ...(expiresAt !== undefined && { expiresAt }) }
}
