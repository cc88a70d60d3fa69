import type { AuthorizationRequest } from '../protocol/authorization.ts'
import type { AuthorizationResponse } from '../protocol/authorization-response.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { User } from '../protocol/user.ts'
import type { TokenSource } from '../vault/grant.ts'

/** What a redeemed code brought. */
export interface RedeemedCode {
  readonly tokens: TokenSet
}

/** The user behind a redeemed code, and all that the server said of them. */
export interface UserProfile {
  readonly user: User
  readonly claims: Readonly<Record<string, unknown>>
}

/** What the flows need of a client at one authorization server; `ProtocolClient` is one. */
export interface SignInClient extends TokenSource {
  authorizationUrl(request: AuthorizationRequest): Promise<string>
  readAuthorizationResponse(
    parameters: URLSearchParams,
    expected: { readonly state: string },
  ): Promise<AuthorizationResponse>
  exchangeCode(request: {
    readonly code: string
    readonly redirectUri: string
    readonly codeVerifier: string
    readonly nonce: string
    readonly scope: readonly string[]
  }): Promise<RedeemedCode>
  /** @param described the user as the authorization response describes them. */
  profile(answer: RedeemedCode, described?: AuthorizationResponse['user']): Promise<UserProfile>
}
