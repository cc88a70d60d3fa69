import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import { answerWithin } from './answer-within.ts'
import { clientRequestContext } from './client-request.ts'
import { IdTokenError, storedClaim, verifyIdToken } from './id-token.ts'
import type { KeySource } from './jwks.ts'
import type { MetadataSource, ServerMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer, TokenSet } from './token.ts'
import { requestTokens } from './token-request.ts'
import { within } from './within.ts'

/** What a refresh works with. */
export interface RefreshContext {
  readonly provider: Provider
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Logger
  readonly metadata: MetadataSource
  readonly keys: KeySource
}

/** How one refresh is sent. */
export interface RefreshOptions {
  /** For everything. */
  readonly deadlineMs: number
  /** Less than was granted; absent: all of it (RFC 6749 §6). */
  readonly scope?: readonly string[] | undefined
  /** Further parameters; they replace none of ours. */
  readonly params?: Readonly<Record<string, string>> | undefined
}

/** Sends the refresh token once and says what came of it, ID token verified. Never throws for server or network. */
export async function refreshTokens(
  context: RefreshContext,
  tokens: TokenSet,
  { deadlineMs, ...asked }: RefreshOptions,
): Promise<TokenAnswer> {
  return answerWithin(context, deadlineMs, async (metadata, remainingMs) => {
    const answer = await send(context, metadata, tokens, { ...asked, deadlineMs: remainingMs() })
    if (answer.kind !== 'token_set' || metadata.issuer === undefined) return answer
    return withVerifiedIdToken(context, { metadata, previous: tokens, answer, remainingMs })
  })
}

async function send(
  context: RefreshContext,
  metadata: ServerMetadata,
  tokens: TokenSet,
  { scope, params, deadlineMs }: RefreshOptions,
): Promise<TokenAnswer> {
  const { refreshToken } = tokens
  if (refreshToken === undefined) return { kind: 'dead', oauth: { error: 'no_refresh_token' } }
  return requestTokens(clientRequestContext(context, metadata), {
    endpoint: metadata.tokenEndpoint,
    grant: { type: 'refresh_token', refreshToken, ...(scope === undefined ? {} : { scope }) },
    params,
    // What an answer without scope means (RFC 6749 §5.1).
    previous: scope === undefined ? tokens : { ...tokens, scope },
    requestedScope: scope ?? tokens.scope,
    deadlineMs,
  })
}

/**
 * Another issuer or subject ends the grant; an ID token that cannot be believed spoils the answer, but its refresh
 * token is handed back. When no keys can be had the new ID token is left out: the tokens came straight from the token
 * endpoint over TLS (OpenID Connect Core 1.0 §3.1.3.7, point 6), and losing them would sign the user out.
 */
async function withVerifiedIdToken(
  context: RefreshContext,
  refreshed: {
    readonly metadata: ServerMetadata
    readonly previous: TokenSet
    readonly answer: Extract<TokenAnswer, { kind: 'token_set' }>
    readonly remainingMs: () => number
  },
): Promise<TokenAnswer> {
  const { metadata, previous, answer, remainingMs } = refreshed
  const { idToken } = answer.tokens
  if (idToken === undefined || idToken === previous.idToken) return answer
  try {
    const claims = await within(
      context.clock,
      Math.max(remainingMs(), 0),
      verifyIdToken(idToken, {
        provider: context.provider,
        issuer: metadata.issuer ?? '',
        keys: context.keys.resolver(metadata.jwksUri ?? ''),
        clock: context.clock,
        accessToken: answer.tokens.accessToken,
        nonce: { ifPresent: previousNonce(previous) },
      }),
    )
    if (claims === undefined) return withPreviousIdToken(context, refreshed)
    const { identity } = previous
    const same = identity === undefined || (identity.issuer === claims.iss && identity.subject === claims.sub)
    if (!same) return { kind: 'identity_changed' }
    return { ...answer, tokens: { ...answer.tokens, identity: { issuer: claims.iss, subject: claims.sub } } }
  } catch (error) {
    if (LatchkeyError.is(error)) return withPreviousIdToken(context, refreshed)
    if (!(error instanceof IdTokenError)) throw error
    // The signature is checked before the claims: these keys really signed another issuer's name.
    if (error.reason === 'iss') return { kind: 'identity_changed' }
    return spoiled(context, error.reason, refreshed)
  }
}

function withPreviousIdToken(
  context: RefreshContext,
  { previous, answer }: Pick<Parameters<typeof withVerifiedIdToken>[1], 'previous' | 'answer'>,
): TokenAnswer {
  const { idToken: unverified, ...tokens } = answer.tokens
  const { identity } = previous
  // Unverified claims prove nothing, but an answer that is openly about somebody else is not taken on trust.
  if (identity !== undefined && storedClaim(unverified, 'sub') !== identity.subject) {
    return spoiled(context, 'unverified_subject', { previous, answer })
  }
  const kept = previous.idToken === undefined ? {} : { idToken: previous.idToken }
  return { ...answer, tokens: { ...tokens, ...kept } }
}

function spoiled(
  { log, provider }: RefreshContext,
  reason: string,
  { previous, answer }: Pick<Parameters<typeof withVerifiedIdToken>[1], 'previous' | 'answer'>,
): TokenAnswer {
  log.error(
    { event: 'refresh.id_token_refused', provider: provider.id, reason },
    'A refresh brought a bad ID token.',
  )
  const { refreshToken } = answer.tokens
  const isNew = refreshToken !== undefined && refreshToken !== previous.refreshToken
  return { kind: 'retry', reason: 'garbage', outcome: 'unknown', ...(isNew ? { refreshToken } : {}) }
}

function previousNonce({ idToken }: TokenSet): string | undefined {
  const nonce = storedClaim(idToken, 'nonce')
  return typeof nonce === 'string' ? nonce : undefined
}
