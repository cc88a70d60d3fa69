import type { TransportResponse } from '../transport/transport.ts'
import { type ClientRequestContext, postAsClient } from './client-request.ts'

/** What is exchanged for tokens. */
export type TokenGrant =
  | {
      readonly type: 'authorization_code'
      readonly code: string
      readonly redirectUri: string
      readonly codeVerifier: string
    }
  | { readonly type: 'refresh_token'; readonly refreshToken: string }

/**
 * Sends one token request and returns the answer unread.
 *
 * @throws {TransportError}
 * @see RFC 6749 §4.1.3 and §6, RFC 7636 §4.5
 */
export function sendTokenRequest(
  context: ClientRequestContext,
  request: { readonly endpoint: string; readonly grant: TokenGrant; readonly deadlineMs: number },
): Promise<TransportResponse> {
  const { endpoint, deadlineMs } = request
  const parameters = grantParameters(request.grant, context.provider.pkce !== 'never')
  return postAsClient(context, { endpoint, parameters, deadlineMs })
}

function grantParameters(grant: TokenGrant, pkce: boolean): Record<string, string> {
  if (grant.type === 'refresh_token') return { grant_type: grant.type, refresh_token: grant.refreshToken }
  return {
    grant_type: grant.type,
    code: grant.code,
    redirect_uri: grant.redirectUri,
    ...(pkce ? { code_verifier: grant.codeVerifier } : {}),
  }
}
