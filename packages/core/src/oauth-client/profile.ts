import { LatchkeyError } from '../errors.ts'
import { storedIdentity } from '../protocol/id-token.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { User } from '../protocol/user.ts'
import { requireText } from './request-checks.ts'
import { type KnownTokens, tokenSetOf } from './token-response.ts'

/** Who a token belongs to. */
export interface Profile extends User {
  /** Every claim of userinfo and, where userinfo lacks it, of the ID token. Untrusted text. */
  readonly raw: Readonly<Record<string, unknown>>
}

/**
 * The user behind an access token.
 * @throws {LatchkeyError} `login_required`: the token is not accepted any more. Else as `ProtocolClient.profile`.
 */
export async function profileOf(client: ProtocolClient, known: KnownTokens | string): Promise<Profile> {
  const tokens = tokenSetOf(known)
  requireText('accessToken', tokens.accessToken, 'in the tokens')
  const { identity } = tokens
  const named = identity && { iss: identity.issuer, sub: identity.subject }
  const claims = storedIdentity(tokens.idToken) ?? named
  try {
    const profile = await client.profile({ tokens, ...(claims === undefined ? {} : { claims }) })
    return { ...profile.user, raw: profile.claims }
  } catch (error) {
    // In a sign-in the token is brand new, and the fault is the server's. Here it may be old.
    if (LatchkeyError.is(error) && error.reason === 'userinfo_unauthorized') throw expired(client.provider)
    throw error
  }
}

function expired({ id, name }: ProtocolClient['provider']): LatchkeyError {
  return new LatchkeyError(
    'login_required',
    `${name} does not accept the access token. Refresh it, or sign in again.`,
    { provider: id, reason: 'refused', asStatus: 401 },
  )
}
