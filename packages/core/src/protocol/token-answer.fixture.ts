import { oauthProvider, tokenSet } from './provider.fixture.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer, TokenSet } from './token.ts'
import { readTokenAnswer } from './token-answer.ts'

export const receivedAt = 1_800_000_000

/** A complete token answer. */
export const good = '{"access_token":"at2","refresh_token":"rt2","token_type":"Bearer","expires_in":3600}'

export interface Given {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array | object
  readonly provider?: Partial<Provider>
  readonly previous?: TokenSet
}

/** What the reader makes of an answer to a refresh. */
export function read({
  status = 200,
  headers = {},
  body = '',
  provider,
  previous = tokenSet(),
}: Given): TokenAnswer {
  const isBytes = body instanceof Uint8Array
  const bytes = isBytes ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return readTokenAnswer(
    { status, headers, body: bytes },
    { provider: oauthProvider(provider), previous, requestedScope: ['asked'], receivedAt },
  )
}

/** The token set of an answer that must have one. */
export function tokensOf(answer: TokenAnswer): TokenSet {
  if (answer.kind !== 'token_set') throw new Error(`expected a token set, got ${answer.kind}`)
  return answer.tokens
}
