import type { AuthorizationRequest } from '../protocol/authorization.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { User } from '../protocol/user.ts'
import type { RefreshingClient } from '../vault/grant.ts'

/** What a redeemed code brought. */
export interface RedeemedCode {
  readonly tokens: TokenSet
}

/** What the flows need of a client at one authorization server; `ProtocolClient` is one. */
export interface SignInClient extends RefreshingClient {
  authorizationUrl(request: AuthorizationRequest): Promise<string>
  readAuthorizationResponse(
    parameters: URLSearchParams,
    expected: { readonly state: string },
  ): Promise<{ readonly code: string }>
  exchangeCode(request: {
    readonly code: string
    readonly redirectUri: string
    readonly codeVerifier: string
    readonly nonce: string
    readonly scope: readonly string[]
  }): Promise<RedeemedCode>
  user(answer: RedeemedCode): Promise<User>
}
