import type { Clock } from '../clock.ts'
import { idTokenError } from './exchange-error.ts'
import { type IdTokenClaims, IdTokenError, verifyIdToken } from './id-token.ts'
import type { JsonObject } from './json-object.ts'
import type { KeySource } from './jwks.ts'
import type { ServerMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer, TokenSet } from './token.ts'

/** What a completed code exchange brought. Secret. */
export interface SignInAnswer {
  readonly tokens: TokenSet
  /** Claims of the verified ID token; absent for providers without an issuer. */
  readonly claims?: IdTokenClaims
  /** The token answer as the server sent it, unknown fields included. */
  readonly raw: JsonObject
}

/** What a first ID token is verified with. */
export interface SignInContext {
  readonly provider: Provider
  readonly metadata: ServerMetadata
  readonly keys: KeySource
  readonly clock: Clock
}

/**
 * The sign-in behind a first token set, its ID token verified. Of a provider without an issuer it has no ID token.
 *
 * @param nonce of our authorization request; then there must be an ID token. Absent where a flow has neither (RFC 8628).
 * @throws {LatchkeyError} `invalid_callback`: the ID token is missing or not to be believed. `as_unavailable`: no keys
 *   can be had.
 */
export async function signInAnswer(
  { provider, metadata, keys, clock }: SignInContext,
  { tokens, raw }: Omit<Extract<TokenAnswer, { kind: 'token_set' }>, 'kind'>,
  nonce?: string,
): Promise<SignInAnswer> {
  const { issuer, jwksUri = '' } = metadata
  if (issuer === undefined || (tokens.idToken === undefined && nonce === undefined)) return { tokens, raw }
  if (tokens.idToken === undefined) throw idTokenError(provider, 'missing')
  try {
    const claims = await verifyIdToken(tokens.idToken, {
      provider,
      issuer,
      keys: keys.resolver(jwksUri),
      clock,
      accessToken: tokens.accessToken,
      nonce: nonce === undefined ? { ifPresent: undefined } : { required: nonce },
    })
    const identity = { issuer: claims.iss, subject: claims.sub }
    return { tokens: { ...tokens, identity }, claims, raw }
  } catch (error) {
    throw error instanceof IdTokenError ? idTokenError(provider, error.reason) : error
  }
}
