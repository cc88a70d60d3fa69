import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Transport } from '../transport/transport.ts'
import { answerWithin } from './answer-within.ts'
import { clientRequestContext } from './client-request.ts'
import type { MetadataSource, ServerMetadata } from './metadata.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer } from './token.ts'
import { requestTokens } from './token-request.ts'

/** What a token of the client's own is asked for. */
export interface MintRequest {
  /** Empty: whatever the server gives by default. */
  readonly scope: readonly string[]
  /** The API that the token is for, where the server wants to be told (Auth0). */
  readonly audience?: string
  /** Further parameters; they replace none of ours. */
  readonly params?: Readonly<Record<string, string>> | undefined
}

/** What minting works with. */
export interface MintContext {
  readonly provider: Provider
  readonly transport: Transport
  readonly clock: Clock
  readonly metadata: MetadataSource
}

/**
 * Refuses to ask where no client can have tokens of its own, or where this one cannot: it has to prove itself.
 *
 * @throws {LatchkeyError} `not_supported`
 * @see RFC 6749 §4.4
 */
export function requireClientCredentials(provider: Omit<Provider, 'clientSecret'>): void {
  const { id, name, clientAuth, clientCredentials, clientLogin } = provider
  if (clientLogin !== undefined) return
  if (!clientCredentials) {
    const fix = 'If it has them all the same, set clientCredentials: true on the provider.'
    throw noTokens(id, `${name} ("${id}") is not known to have tokens for the client itself. ${fix}`)
  }
  if (clientAuth.method === 'none') {
    const fix = 'Configure clientAuth and clientSecret.'
    throw noTokens(
      id,
      `The client at ${name} ("${id}") has no secret, so it gets no tokens of its own. ${fix}`,
    )
  }
}

function noTokens(provider: string, message: string): LatchkeyError {
  return new LatchkeyError('not_supported', message, { provider, reason: 'client_credentials' })
}

/**
 * Asks once for a token of the client's own and says what came of it. Never throws for server or network.
 * Never `dead`: nothing was there before that could have died.
 *
 * @see RFC 6749 §4.4
 */
export async function mintTokens(
  context: MintContext,
  request: MintRequest,
  deadlineMs: number,
): Promise<TokenAnswer> {
  const answer = await answerWithin(context, deadlineMs, (metadata, remainingMs) => {
    return send(context, metadata, request, remainingMs())
  })
  if (answer.kind === 'dead') return { ...answer, kind: 'refused' }
  return answer.kind === 'token_set' ? withoutIdToken(answer) : answer
}

function send(
  context: MintContext,
  metadata: ServerMetadata,
  { scope, audience, params }: MintRequest,
  deadlineMs: number,
): Promise<TokenAnswer> {
  return requestTokens(clientRequestContext(context, metadata), {
    endpoint: metadata.tokenEndpoint,
    grant: { type: 'client_credentials', scope, ...(audience === undefined ? {} : { audience }) },
    params,
    requestedScope: scope,
    deadlineMs,
  })
}

/** Nobody signed in, so an ID token would be about nobody; and none of these was verified. */
function withoutIdToken(answer: Extract<TokenAnswer, { kind: 'token_set' }>): TokenAnswer {
  const { idToken, ...tokens } = answer.tokens
  return { ...answer, tokens }
}
