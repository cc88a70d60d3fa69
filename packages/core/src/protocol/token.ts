import type { OAuthErrorFields } from '../errors.ts'

/** Everything one authorization gave us. Sealed wherever it is stored. */
export interface TokenSet {
  readonly accessToken: string
  /** As the server spelled it; `Bearer` when it said nothing. Compare case-insensitively. */
  readonly tokenType: string
  /** Epoch seconds, counted from the receipt of the answer. Absent when unknown: used until a 401. */
  readonly expiresAt?: number
  /** Epoch seconds, where the server says it: from then on the token is renewed, while it is used on. */
  readonly refreshAfter?: number
  /** Epoch seconds of the receipt of the answer that brought the access token. */
  readonly receivedAt: number
  /** Granted scope; the requested scope when the server says nothing (RFC 6749 §5.1). */
  readonly scope: readonly string[]
  readonly refreshToken?: string
  /** Epoch seconds, where the server or the preset says it. */
  readonly refreshTokenExpiresAt?: number
  /** The last ID token received. */
  readonly idToken?: string
  /** `iss` and `sub` of the first ID token: a refresh that brings others ends the grant. */
  readonly identity?: { readonly issuer: string; readonly subject: string }
}

/** Why a token request brought no usable answer. */
export type RetryReason = 'network' | 'timeout' | 'server_error' | 'rate_limited' | 'garbage'

/** The error of a token answer. */
export interface AnsweredError {
  readonly oauth: OAuthErrorFields
  /** HTTP status; absent: nothing was sent. */
  readonly status?: number
}

/** What a token answer means, decided from its body. */
export type TokenAnswer =
  | { readonly kind: 'token_set'; readonly tokens: TokenSet; readonly raw: Readonly<Record<string, unknown>> }
  /** The refresh token is dead: the preset's `deadRefresh`. At a code exchange: the code was refused. */
  | ({ readonly kind: 'dead' } & AnsweredError)
  /** A well-formed 4xx that is about this request, not about the client. */
  | ({ readonly kind: 'refused' } & AnsweredError)
  /** `invalid_client`, `unauthorized_client` and the like: the operator's fault, no user loses anything. */
  | ({ readonly kind: 'client_fault' } & AnsweredError)
  /** The ID token of a refresh names another issuer or subject. */
  | { readonly kind: 'identity_changed' }
  | {
      readonly kind: 'retry'
      readonly reason: RetryReason
      /** `unknown`: sent and perhaps carried out (cut, timed out, 5xx). `not_processed`: surely not carried out. */
      readonly outcome: 'unknown' | 'not_processed'
      readonly retryAfterSeconds?: number
      /** HTTP status; absent: there was no answer. */
      readonly status?: number
      /** The error that the answer named. */
      readonly oauth?: OAuthErrorFields
      /** A refresh token that stood in an otherwise unusable 2xx answer: it must be saved. */
      readonly refreshToken?: string
    }
