import { TransportError, type TransportResponse } from '../transport/transport.ts'
import { type ClientRequestContext, postAsClient } from './client-request.ts'
import type { Provider } from './provider.ts'
import { reasonOfFault } from './retry-reason.ts'
import { scopeParameter } from './scope-parameter.ts'
import type { TokenAnswer, TokenSet } from './token.ts'
import { readTokenAnswer } from './token-answer.ts'
import { salvageReceived } from './token-salvage.ts'

const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'

/** What is exchanged for tokens. */
export type TokenGrant =
  | {
      readonly type: 'authorization_code'
      readonly code: string
      readonly redirectUri: string
      readonly codeVerifier: string
    }
  | {
      readonly type: 'refresh_token'
      readonly refreshToken: string
      /** Less than was granted; absent: all of it (RFC 6749 §6). */
      readonly scope?: readonly string[]
    }
  | {
      readonly type: 'client_credentials'
      readonly scope: readonly string[]
      readonly audience?: string
    }
  | { readonly type: 'device_code'; readonly deviceCode: string }

/** One token request. */
export interface TokenRequest {
  readonly endpoint: string
  readonly grant: TokenGrant
  /** Further parameters of this one request; they replace none of ours. */
  readonly params?: Readonly<Record<string, string>> | undefined
  /** What the answer means when it names no scope. */
  readonly requestedScope: readonly string[]
  /** The token set that is being refreshed. */
  readonly previous?: TokenSet
  readonly deadlineMs: number
}

/**
 * Sends one token request and says what came of it. Never throws for what the server or the network does.
 *
 * @see RFC 6749 §4.1.3, §4.4.2 and §6, RFC 7636 §4.5, RFC 8628 §3.4
 */
export async function requestTokens(
  context: ClientRequestContext,
  request: TokenRequest,
): Promise<TokenAnswer> {
  const { provider, clock } = context
  const { endpoint, grant, params, deadlineMs, ...expected } = request
  const parameters = { ...params, ...grantParameters(grant, provider) }
  const keepReceived = grant.type === 'refresh_token'
  const secrets = [...secretsOf(grant), provider.clientSecret]
  return receiveTokens({ provider, clock, secrets }, expected, () =>
    postAsClient(context, { endpoint, parameters, deadlineMs, keepReceived }),
  )
}

/**
 * Sends what asks for tokens, and says what came of it. Never throws for what the server or the network does.
 *
 * @param context.secrets cut out of what the server says.
 */
export async function receiveTokens(
  context: Pick<ClientRequestContext, 'provider' | 'clock'> & {
    readonly secrets: readonly (string | undefined)[]
  },
  expected: Pick<TokenRequest, 'requestedScope' | 'previous'>,
  send: () => Promise<TransportResponse>,
): Promise<TokenAnswer> {
  const { provider, clock, secrets } = context
  try {
    const response = await send()
    return readTokenAnswer(response, { provider, ...expected, receivedAt: clock.now(), secrets })
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    const refreshToken = await salvageReceived(error, { provider, ...expected })
    if (refreshToken !== undefined) {
      return { kind: 'retry', reason: 'garbage', outcome: 'unknown', refreshToken }
    }
    const outcome = error.fault === 'connect' ? 'not_processed' : 'unknown'
    return { kind: 'retry', reason: reasonOfFault[error.fault], outcome }
  }
}

function secretsOf(grant: TokenGrant): readonly string[] {
  switch (grant.type) {
    case 'authorization_code':
      return [grant.code, grant.codeVerifier]
    case 'refresh_token':
      return [grant.refreshToken]
    case 'client_credentials':
      return []
    case 'device_code':
      return [grant.deviceCode]
  }
}

function grantParameters(grant: TokenGrant, provider: Provider): Record<string, string> {
  switch (grant.type) {
    case 'authorization_code':
      return {
        grant_type: grant.type,
        code: grant.code,
        redirect_uri: grant.redirectUri,
        ...(provider.pkce === 'never' ? {} : { code_verifier: grant.codeVerifier }),
      }
    case 'refresh_token':
      return {
        grant_type: grant.type,
        refresh_token: grant.refreshToken,
        ...(grant.scope === undefined ? {} : scopeParameter(provider, grant.scope)),
      }
    case 'client_credentials':
      return {
        grant_type: grant.type,
        ...scopeParameter(provider, grant.scope),
        ...(grant.audience === undefined ? {} : { audience: grant.audience }),
      }
    case 'device_code':
      return { grant_type: deviceGrantType, device_code: grant.deviceCode }
  }
}
