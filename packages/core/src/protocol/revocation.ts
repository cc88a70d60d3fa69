import type { OAuthErrorFields } from '../errors.ts'
import type { Logger } from '../log.ts'
import { TransportError, type TransportResponse } from '../transport/transport.ts'
import { type ClientRequestContext, postAsClient } from './client-request.ts'
import { parseJsonObject } from './json-object.ts'
import { retryAfterSeconds } from './retry-after.ts'
import { reasonOfFault, timingReason } from './retry-reason.ts'
import type { RetryReason, TokenSet } from './token.ts'
import { readError } from './token-error.ts'

/** `token_type_hint` of RFC 7009 §2.1. */
export type TokenTypeHint = 'refresh_token' | 'access_token'

/** What became of one revocation request. */
export type RevocationOutcome =
  /** Revoked, or not known there any more. */
  | { readonly kind: 'done' }
  /** `unsupported`: the server cannot revoke this kind of token. `refused`: for good. */
  | {
      readonly kind: 'unsupported' | 'refused'
      /** HTTP status. */
      readonly status: number
      readonly oauth?: OAuthErrorFields
    }
  | {
      readonly kind: 'try_again'
      readonly reason: RetryReason
      readonly status?: number
      readonly retryAfterSeconds?: number
    }

/** What servers say about a token that is already dead there. RFC 7009 §2.2 asks for 200 instead. */
const alreadyDead: readonly unknown[] = ['invalid_token', 'invalid_grant', 'token_not_found', 'token_expired']

/**
 * Revokes a token set like {@link revokeTokenSet}. True when nothing is left to do: revoked, unknown there, or refused
 * for good (logged). False when it should be tried again. Never throws.
 */
export async function revokeTokens(
  context: ClientRequestContext & { readonly log: Logger },
  request: { readonly endpoint: string; readonly tokens: TokenSet; readonly deadlineMs: number },
): Promise<boolean> {
  try {
    const outcomes = await revokeTokenSet(context, request)
    for (const outcome of outcomes) if (outcome.kind === 'refused') logRefusal(context, outcome.status)
    return outcomes.every(({ kind }) => kind !== 'try_again')
  } catch {
    logRefusal(context, 0)
    return true
  }
}

/**
 * Revokes a token set: the refresh token where there is one, and the access token too when the server ends single
 * tokens only. A kind that the server cannot revoke is replaced by the other.
 *
 * @throws {LatchkeyError} `invalid_options` when the client cannot prove itself.
 * @see RFC 7009 §2
 */
export async function revokeTokenSet(
  context: ClientRequestContext,
  request: {
    readonly endpoint: string
    readonly tokens: Pick<TokenSet, 'accessToken' | 'refreshToken'>
    readonly deadlineMs: number
  },
): Promise<readonly RevocationOutcome[]> {
  const { refreshToken, accessToken } = request.tokens
  const revoke = (hint: TokenTypeHint, token: string): Promise<RevocationOutcome> =>
    revokeToken(context, { ...request, hint, token })
  if (refreshToken === undefined) return [await revoke('access_token', accessToken)]
  // One after the other: some servers end both with either, and are asked to end the same grant twice at once otherwise.
  const outcome = await revoke('refresh_token', refreshToken)
  const endsSingleTokens = context.provider.revocation === 'token'
  if (!endsSingleTokens && outcome.kind !== 'unsupported') return [outcome]
  return [outcome, await revoke('access_token', accessToken)]
}

/**
 * Revokes one token, by the provider's `revocationClientAuth`.
 *
 * @throws {LatchkeyError} `invalid_options` when the client cannot prove itself.
 */
export async function revokeToken(
  context: ClientRequestContext,
  request: {
    readonly endpoint: string
    readonly deadlineMs: number
    readonly token: string
    readonly hint?: TokenTypeHint | undefined
  },
): Promise<RevocationOutcome> {
  const { clientAuth, revocationClientAuth = clientAuth } = context.provider
  const provider = { ...context.provider, clientAuth: revocationClientAuth }
  const { endpoint, deadlineMs, hint, token } = request
  const parameters = { token, ...(hint === undefined ? {} : { token_type_hint: hint }) }
  try {
    const response = await postAsClient({ ...context, provider }, { endpoint, parameters, deadlineMs })
    return readOutcome(response, context, token)
  } catch (error) {
    if (error instanceof TransportError) return { kind: 'try_again', reason: reasonOfFault[error.fault] }
    throw error
  }
}

function readOutcome(
  { status, headers, body }: TransportResponse,
  { provider, clock }: ClientRequestContext,
  token: string,
): RevocationOutcome {
  const reason = retryReason(status)
  if (reason !== undefined) {
    const wait = retryAfterSeconds(headers, clock.now())
    return { kind: 'try_again', reason, status, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) }
  }
  const error = readError(parseJsonObject(body) ?? {}, { provider, secrets: [token, provider.clientSecret] })
  if (error === undefined ? status < 300 : alreadyDead.includes(error.code)) return { kind: 'done' }
  const kind = error?.code === 'unsupported_token_type' ? 'unsupported' : 'refused'
  return { kind, status, ...(error === undefined ? {} : { oauth: error.fields }) }
}

function retryReason(status: number): RetryReason | undefined {
  if (status >= 500) return 'server_error'
  return status >= 300 && status < 400 ? 'garbage' : timingReason(status)
}

function logRefusal(
  { log, provider }: ClientRequestContext & { readonly log: Logger },
  status: number,
): void {
  log.warn(
    { event: 'revocation.refused', provider: provider.id, status },
    'The authorization server refused to revoke a token; it lives until it expires.',
  )
}
