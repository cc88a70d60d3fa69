import { LatchkeyError } from '../errors.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { TokenTypeHint } from '../protocol/revocation.ts'
import { revocationError } from '../protocol/revocation-error.ts'
import { requireText } from './request-checks.ts'
import { type KnownTokens, tokenSetOf } from './token-response.ts'

/**
 * Revokes a token set, or one token.
 * @param hint what a text is; of a token set, which of the two to revoke alone.
 * @throws {LatchkeyError} `not_supported`, `as_unavailable`, `as_misconfigured`, `invalid_options`
 */
export async function revoke(
  client: ProtocolClient,
  what: KnownTokens | string,
  hint: TokenTypeHint | undefined,
): Promise<void> {
  const outcomes = await client.sendRevocations(revocable(what, hint))
  const { id } = client.provider
  if (outcomes === undefined) {
    throw new LatchkeyError(
      'not_supported',
      `${id}: nothing says where tokens are revoked. Set revocationEndpoint, if the server has one.`,
      { provider: id, reason: 'no_revocation_endpoint' },
    )
  }
  const error = revocationError(client.provider, outcomes)
  if (error !== undefined) throw error
}

function revocable(
  what: KnownTokens | string,
  hint: TokenTypeHint | undefined,
): Parameters<ProtocolClient['sendRevocations']>[0] {
  if (typeof what === 'string') return { token: requireText('token', what, 'a token'), hint }
  const { accessToken, refreshToken } = tokenSetOf(what)
  const kind = hint ?? (accessToken === '' ? 'refresh_token' : undefined)
  if (kind === undefined) return { accessToken, ...(refreshToken === undefined ? {} : { refreshToken }) }
  const token = kind === 'refresh_token' ? refreshToken : accessToken
  return { token: requireText(kind, token, 'in the tokens that are to be revoked'), hint: kind }
}
