import type { RequestParams } from './request-checks.ts'

/** What a code exchange sends besides the code. */
export interface ExchangeOptions {
  readonly params?: RequestParams | undefined
}

/** How tokens are refreshed. */
export interface RefreshTokensOptions {
  /** Less than was granted; left out: all of it. */
  readonly scope?: readonly string[] | undefined
  readonly params?: RequestParams | undefined
}

/** What a token of the client's own is asked for. */
export interface ClientCredentialsRequest {
  /** Left out: none, which means whatever the server gives by default. The provider's scope is for users. */
  readonly scope?: readonly string[] | undefined
  /** The API that the token is for, where the server wants to be told (Auth0). */
  readonly audience?: string | undefined
  readonly params?: RequestParams | undefined
}

/** What a device asks for. */
export interface DeviceAuthorizationRequest {
  /** Left out: the provider's. `[]`: none. */
  readonly scope?: readonly string[] | undefined
  /** The API that the tokens are for, where the server wants to be told (Auth0). Left out: the provider's, if it names one. */
  readonly audience?: string | undefined
  readonly params?: RequestParams | undefined
  /** Stops waiting for the codes. */
  readonly signal?: AbortSignal | undefined
}
