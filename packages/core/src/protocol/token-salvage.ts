import { decodeLeniently } from '../transport/decode-body.ts'
import type { TransportError, TransportResponse } from '../transport/transport.ts'
import { maxAnswerBytes } from './client-request.ts'
import { salvageString } from './json-object.ts'
import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'
import { isForm, readBody } from './token-body.ts'
import { isRefreshToken, TokenFields } from './token-fields.ts'

interface SalvageContext {
  readonly provider: Provider
  /** The token set that was refreshed. */
  readonly previous?: TokenSet
}

/** The new refresh token of an answer that is otherwise no good, as far as one stands there in one piece. */
export function salvageRefreshToken(
  response: TransportResponse,
  context: SalvageContext,
): string | undefined {
  const body = readBody(response)
  const name = context.provider.tokenAnswer.refreshToken?.split('.').at(-1) ?? 'refresh_token'
  const found =
    body === undefined
      ? salvageString(response.body, name)
      : new TokenFields(body, context.provider).refreshToken()
  return isRefreshToken(found) && found !== context.previous?.refreshToken ? found : undefined
}

/** The new refresh token among what came of a 2xx answer before the transport gave it up. */
export async function salvageReceived(
  { fault, received }: TransportError,
  context: SalvageContext,
): Promise<string | undefined> {
  if (received === undefined) return undefined
  // A wrong label is the commonest fault, so the bytes are also tried as they are. Those behind it came in whole.
  const raw = fault === 'encoding' ? received : withoutOpenEnd(received)
  const found = salvageRefreshToken(raw, context)
  const encoding = received.headers['content-encoding']
  if (found !== undefined || encoding === undefined) return found
  const body = await decodeLeniently(received.body, encoding, maxAnswerBytes)
  return body && salvageRefreshToken(withoutOpenEnd({ ...received, body }), context)
}

/** Without the last field of a form, which may be cut. JSON closes its strings itself. */
function withoutOpenEnd(answer: TransportResponse): TransportResponse {
  if (!isForm(answer.headers)) return answer
  return { ...answer, body: answer.body.subarray(0, Math.max(answer.body.lastIndexOf(0x26), 0)) }
}
