/** Every code a {@link LatchkeyError} can carry. Permanent and temporary failures never share one. */
export type ErrorCode = keyof typeof statusOfCode

/** Why `login_required` was thrown. */
export type LoginRequiredReason =
  | 'signed_out'
  | 'no_account'
  | 'grant_ended'
  | 'refused'
  /** The token set has no refresh token. */
  | 'no_refresh_token'
  /** A device code, or a sign-in that a program waits for, was not used in time. */
  | 'expired_token'

/** The error parameters of an authorization server's answer, cut to a safe length and free of control characters. */
export interface OAuthErrorFields {
  /** `error` of RFC 6749 §4.1.2.1 or §5.2. */
  readonly error: string
  readonly description?: string
}

/** What may accompany an error. Nothing here can hold a token, a code or a secret. */
export interface ErrorDetails {
  readonly provider?: string
  /** The user's id at the provider, of the account that the error is about; the client id for application tokens. */
  readonly accountId?: string
  readonly reason?: string
  /** Seconds; also sent as `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly oauth?: OAuthErrorFields
  /** HTTP status of the authorization server's answer. */
  readonly asStatus?: number
  /** Scope that a login should ask for, so that it does not end here again. */
  readonly scope?: readonly string[]
  /** Replaces the status of the code, for transport faults (405, 413, 415). */
  readonly status?: number
  /** The methods of a 405 answer. */
  readonly allow?: string
}

/** The HTTP status of each code; adapters only read it. */
const statusOfCode = {
  login_required: 401,
  insufficient_scope: 403,
  state_mismatch: 400,
  invalid_callback: 400,
  access_denied: 403,
  cross_site_request: 403,
  account_mismatch: 403,
  account_in_use: 409,
  as_unavailable: 503,
  as_misconfigured: 500,
  store_unavailable: 503,
  account_ambiguous: 500,
  origin_not_allowed: 500,
  not_supported: 500,
  invalid_options: 500,
} as const

/** Seconds that a client is asked to wait when nobody said how long. */
const defaultRetryAfterSeconds = 5
const mark: unique symbol = Symbol.for('latchkey.error')

/**
 * The one error of Latchkey. `code` says what happened, `status` and `headers` answer an HTTP request of the app's own.
 * Use {@link LatchkeyError.is} instead of `instanceof`: it also recognises errors of a second installed copy.
 */
export class LatchkeyError extends Error {
  override readonly name: string = 'LatchkeyError'
  readonly code: ErrorCode
  readonly status: number
  declare readonly headers: Readonly<Record<string, string>>
  declare readonly provider?: string
  /** Not enumerable: it names a person. */
  declare readonly accountId?: string
  declare readonly reason?: string
  declare readonly retryAfterSeconds?: number
  declare readonly oauth?: OAuthErrorFields
  /** HTTP status of the authorization server's answer. Absent: there was none. */
  declare readonly asStatus?: number
  declare readonly scope?: readonly string[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.code = code
    this.status = details.status ?? statusOfCode[code]
    if (details.provider !== undefined) this.provider = details.provider
    if (details.reason !== undefined) this.reason = details.reason
    if (details.oauth !== undefined) this.oauth = details.oauth
    if (details.asStatus !== undefined) this.asStatus = details.asStatus
    if (details.scope !== undefined) this.scope = details.scope
    if (this.status === 503) this.retryAfterSeconds = details.retryAfterSeconds ?? defaultRetryAfterSeconds
    // Frameworks read it; whoever prints the error need not.
    Object.defineProperty(this, 'headers', { value: errorHeaders(this, details.allow) })
    if (details.accountId !== undefined)
      Object.defineProperty(this, 'accountId', { value: details.accountId })
    Object.defineProperty(this, mark, { value: true })
  }

  /** True for every LatchkeyError, whichever installed copy made it. */
  static is(value: unknown): value is LatchkeyError {
    return typeof value === 'object' && value !== null && (value as { [mark]?: unknown })[mark] === true
  }

  /** The public fields, without the stack. */
  toJSON(): Record<string, unknown> {
    const { code, message, status, provider, reason, retryAfterSeconds, oauth, asStatus, scope } = this
    return { code, message, status, provider, reason, retryAfterSeconds, oauth, asStatus, scope }
  }
}

function errorHeaders(error: LatchkeyError, allow: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'cache-control': 'no-store' }
  if (error.retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.ceil(error.retryAfterSeconds))
  if (allow !== undefined) headers.allow = allow
  return headers
}
