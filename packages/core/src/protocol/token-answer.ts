import type { TransportResponse } from '../transport/transport.ts'
import type { JsonObject } from './json-object.ts'
import type { Provider } from './provider.ts'
import { retryAfterSeconds } from './retry-after.ts'
import { timingReason } from './retry-reason.ts'
import type { RetryReason, TokenAnswer, TokenSet } from './token.ts'
import { readBody } from './token-body.ts'
import { type AnswerError, classifyError, readError } from './token-error.ts'
import { isAccessToken, TokenFields } from './token-fields.ts'
import { salvageRefreshToken } from './token-salvage.ts'
import { tokenTimes } from './token-times.ts'

/** What a token answer is read against. */
export interface TokenAnswerContext {
  readonly provider: Provider
  /** The token set that was refreshed; absent at a code exchange. */
  readonly previous?: TokenSet
  /** What the answer means when it names no scope (RFC 6749 §5.1). */
  readonly requestedScope: readonly string[]
  /** Epoch seconds. */
  readonly receivedAt: number
  /** What we sent and no error text may repeat. */
  readonly secrets?: readonly (string | undefined)[]
}

/**
 * Says what an answer of the token endpoint means. The body decides, whatever status and content type say: GitHub
 * sends errors with 200, Auth0 with 403, and a dead refresh token is what the preset's `deadRefresh` says at any status.
 * A refresh token in a 2xx answer is handed back even when the rest of it cannot be used.
 * ID tokens are not verified here.
 *
 * @see RFC 6749 §5
 */
export function readTokenAnswer(response: TransportResponse, context: TokenAnswerContext): TokenAnswer {
  const { status, headers } = response
  const retryAfter = retryAfterSeconds(headers, context.receivedAt)
  const answered: Answered = {
    status,
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  }
  if (status >= 300 && status < 400) return retry('garbage', 'not_processed', answered)
  const body = readBody(response)
  const error = body === undefined ? undefined : readError(body, context)
  if (error !== undefined) return readErrorAnswer(response, error, context, answered)
  if (status >= 200 && status < 300) return readTokenSet(response, body, context)
  return readStatus(answered)
}

/** What is known of an answer that brings no tokens. */
type Answered = { readonly status: number } & Pick<Retry, 'retryAfterSeconds' | 'oauth' | 'refreshToken'>
type Retry = Extract<TokenAnswer, { kind: 'retry' }>

function readErrorAnswer(
  response: TransportResponse,
  error: AnswerError,
  context: TokenAnswerContext,
  answered: Answered,
): TokenAnswer {
  const { status } = response
  const named = { ...answered, oauth: error.fields }
  // An error beside a new refresh token contradicts itself; what can be lost is saved, the rest is not believed.
  const saved = status < 300 ? salvageRefreshToken(response, context) : undefined
  if (saved !== undefined) return retry('garbage', 'unknown', { ...named, refreshToken: saved })
  const kind = classifyError(error, status, context.provider)
  if (kind !== 'retry') return { kind, oauth: error.fields, status }
  if (timingReason(status) !== undefined || status >= 500) return readStatus(named)
  return retry('server_error', error.code === 'server_error' ? 'unknown' : 'not_processed', named)
}

/** An answer that no body explains. */
function readStatus(answered: Answered): TokenAnswer {
  const { status, retryAfterSeconds: retryAfter } = answered
  if (status >= 500) {
    // With Retry-After the server itself says that it did nothing and wants to be asked again.
    return retry('server_error', retryAfter === undefined ? 'unknown' : 'not_processed', answered)
  }
  const timing = timingReason(status)
  if (timing !== undefined) return retry(timing, 'not_processed', answered)
  // What a token endpoint authenticates is the client (RFC 6749 §5.2).
  if (status === 401) return { kind: 'client_fault', oauth: { error: 'invalid_client' }, status }
  return retry('garbage', 'not_processed', answered)
}

function readTokenSet(
  response: TransportResponse,
  body: JsonObject | undefined,
  context: TokenAnswerContext,
): TokenAnswer {
  const tokens = body === undefined ? undefined : tokenSetOf(new TokenFields(body, context.provider), context)
  if (tokens !== undefined && body !== undefined) return { kind: 'token_set', tokens, raw: body }
  // It arrived and was carried out, as far as anybody can tell: so the outcome is not known.
  const saved = salvageRefreshToken(response, context)
  const { status } = response
  return retry('garbage', 'unknown', { status, ...(saved === undefined ? {} : { refreshToken: saved }) })
}

function tokenSetOf(fields: TokenFields, context: TokenAnswerContext): TokenSet | undefined {
  const { provider, previous, receivedAt, requestedScope } = context
  const accessToken = fields.get('accessToken')
  const tokenType = fields.get('tokenType') ?? 'Bearer'
  const refreshToken = fields.refreshToken()
  const idToken = fields.get('idToken')
  if (!isAccessToken(accessToken) || !isKnownType(tokenType, provider)) return undefined
  if (refreshToken === null || (idToken !== undefined && typeof idToken !== 'string')) return undefined
  const times = tokenTimes(provider, accessToken, receivedAt)
  const expiresAt = fields.expiresAt(receivedAt) ?? times.expiresAt
  const { refreshAfter } = times
  return {
    accessToken,
    tokenType,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(refreshAfter === undefined ? {} : { refreshAfter }),
    receivedAt,
    scope: fields.scope() ?? previous?.scope ?? requestedScope,
    ...keptRefreshToken(fields, refreshToken, context),
    ...keptIdentity(idToken, context),
  }
}

/** A missing refresh token keeps the old one; a lifetime belongs to the token that it came with. */
function keptRefreshToken(
  fields: TokenFields,
  refreshToken: string | undefined,
  { provider, previous, receivedAt }: TokenAnswerContext,
): Pick<TokenSet, 'refreshToken' | 'refreshTokenExpiresAt'> {
  const kept = refreshToken ?? previous?.refreshToken
  if (kept === undefined) return {}
  const lifetime = fields.lifetime('refreshTokenExpiresIn')
  const isPrevious = kept === previous?.refreshToken
  const known = isPrevious
    ? previous?.refreshTokenExpiresAt
    : tokenTimes(provider, kept, receivedAt).expiresAt
  const refreshTokenExpiresAt = lifetime === undefined ? known : Math.floor(receivedAt + lifetime)
  return { refreshToken: kept, ...(refreshTokenExpiresAt === undefined ? {} : { refreshTokenExpiresAt }) }
}

/** ID tokens mean nothing without an issuer to verify them against. */
function keptIdentity(
  idToken: string | undefined,
  { provider, previous }: TokenAnswerContext,
): Pick<TokenSet, 'idToken' | 'identity'> {
  const kept = provider.issuer === undefined ? undefined : (idToken ?? previous?.idToken)
  return {
    ...(kept === undefined ? {} : { idToken: kept }),
    ...(previous?.identity === undefined ? {} : { identity: previous.identity }),
  }
}

/** `Bearer`, or what the preset sends to the API; compared case-insensitively (RFC 6749 §5.1). */
function isKnownType(tokenType: unknown, { credentials }: Provider): tokenType is string {
  if (typeof tokenType !== 'string') return false
  const type = tokenType.toLowerCase()
  return type === 'bearer' || ('scheme' in credentials && type === credentials.scheme.toLowerCase())
}

function retry(reason: RetryReason, outcome: Retry['outcome'], answered: Answered): TokenAnswer {
  return { kind: 'retry', reason, outcome, ...answered }
}
