import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { IdTokenClaims } from '../protocol/id-token.ts'
import type { Provider } from '../protocol/provider.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import type { TokenSet } from '../protocol/token.ts'

/** Tokens from the authorization server. Secret: keep it encrypted, and never log it. */
export interface TokenResponse {
  readonly tokens: TokenSet
  /** Claims of the verified ID token. Absent: the server has no issuer, sent none, or nobody signed in just now. */
  readonly claims?: IdTokenClaims
  /** The answer as the server sent it, unknown fields included. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** As much of a token set as there is; a refresh token alone will do for a refresh. */
export type KnownTokens = Partial<TokenSet>

/** A token set from what the app has kept of it, or from the text of an access token. */
export function tokenSetOf(tokens: KnownTokens | string): TokenSet {
  if (typeof tokens === 'string') return tokenSetOf({ accessToken: tokens })
  if (!isOptionsObject(tokens)) {
    throw invalidOption(`tokens must be a token set, as this client returned it, not ${kindOf(tokens)}.`)
  }
  // Databases give `null` for what was never there.
  const known: KnownTokens = Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== null))
  return { accessToken: '', tokenType: 'Bearer', receivedAt: 0, scope: [], ...known }
}

/** The response of a new authorization: the preset's lifetime of refresh tokens counts from now. */
export function firstResponse(provider: Provider, response: TokenResponse): TokenResponse {
  const { tokens } = response
  return { ...response, tokens: withExpiry(tokens, refreshTokenExpiry(provider, tokens, tokens.receivedAt)) }
}

/** The tokens of a refresh. Where the preset says that refreshing extends nothing, what was known holds on. */
export function refreshedTokens(provider: Provider, tokens: TokenSet, previous: TokenSet): TokenSet {
  if (provider.refreshTokenLifetime === undefined) return tokens
  const known = [tokens.refreshTokenExpiresAt, previous.refreshTokenExpiresAt].filter(
    (at) => at !== undefined,
  )
  return withExpiry(tokens, known.length === 0 ? undefined : Math.min(...known))
}

function withExpiry(tokens: TokenSet, refreshTokenExpiresAt: number | undefined): TokenSet {
  return refreshTokenExpiresAt === undefined ? tokens : { ...tokens, refreshTokenExpiresAt }
}
