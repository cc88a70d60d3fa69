import type { Clock } from '../clock.ts'
import type { Transport, TransportRequest, TransportResponse } from '../transport/transport.ts'
import { clientCredentials } from './client-auth.ts'
import type { ServerMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import { lowerCaseNames } from './resource-headers.ts'

/** Cap of token and revocation answers. */
export const maxAnswerBytes: number = 256 * 1024

/** Ours at the token, revocation and device authorization endpoints. */
export const reservedTokenParams: ReadonlySet<string> = new Set([
  'grant_type',
  'code',
  'redirect_uri',
  'code_verifier',
  'refresh_token',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'token',
  'token_type_hint',
  'device_code',
])

/** What a request in the client's name needs. */
export interface ClientRequestContext {
  readonly provider: Provider
  /** Who a client assertion is for: the issuer, or the token endpoint. */
  readonly audience: string
  readonly transport: Transport
  readonly clock: Clock
}

/** What requests in the client's name need, at the server that `metadata` describes. */
export function clientRequestContext(
  { provider, transport, clock }: Omit<ClientRequestContext, 'audience'>,
  { issuer, tokenEndpoint }: ServerMetadata,
): ClientRequestContext {
  return { provider, audience: issuer ?? tokenEndpoint, transport, clock }
}

/**
 * One POST to the token, revocation or device authorization endpoint, authenticated as the client. Secrets stand in the body or the
 * `Authorization` header, never in the URL. The preset's extra parameters and headers never replace ours.
 *
 * @throws {TransportError}
 */
export async function postAsClient(
  { provider, audience, transport, clock }: ClientRequestContext,
  request: {
    readonly endpoint: string
    readonly parameters: Readonly<Record<string, string>>
    readonly deadlineMs: number
    /** See {@link TransportRequest.keepReceived}. */
    readonly keepReceived?: boolean
  },
): Promise<TransportResponse> {
  const credentials = await clientCredentials(provider, audience, clock)
  const parameters = { ...provider.tokenParams, ...request.parameters, ...credentials.parameters }
  const json = provider.tokenBodyFormat === 'json'
  return transport.send({
    method: 'POST',
    url: request.endpoint,
    headers: {
      accept: 'application/json',
      ...lowerCaseNames(provider.tokenHeaders),
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      ...credentials.headers,
    },
    body: json ? JSON.stringify(parameters) : new URLSearchParams(parameters).toString(),
    deadlineMs: request.deadlineMs,
    maxBytes: maxAnswerBytes,
    keepReceived: request.keepReceived ?? false,
  })
}
