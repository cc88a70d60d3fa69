import type { Logger } from '../log.ts'
import { TransportError } from '../transport/transport.ts'
import { type ClientRequestContext, postAsClient } from './client-request.ts'
import { parseJsonObject, valueAt } from './json-object.ts'
import type { TokenSet } from './token.ts'

type Hint = 'refresh_token' | 'access_token'
type Outcome =
  | 'done'
  /** The server cannot revoke this kind of token. */
  | 'unsupported'
  | 'try_again'

/** What servers say about a token that is already dead there. RFC 7009 §2.2 asks for 200 instead. */
const alreadyDead: readonly unknown[] = ['invalid_token', 'invalid_grant', 'token_not_found', 'token_expired']

/**
 * Revokes a token set: the refresh token where there is one, and the access token too when the server ends single
 * tokens only. A kind that the server cannot revoke is replaced by the other.
 *
 * True when nothing is left to do: revoked, unknown there, or refused for good (logged). False when it should be tried
 * again. Never throws.
 *
 * @see RFC 7009 §2
 */
export async function revokeTokens(
  context: ClientRequestContext & { readonly log: Logger },
  request: { readonly endpoint: string; readonly tokens: TokenSet; readonly deadlineMs: number },
): Promise<boolean> {
  const { refreshToken, accessToken } = request.tokens
  const revoke = (hint: Hint, token: string): Promise<Outcome> =>
    revokeToken(context, { ...request, hint, token })
  const first = refreshToken === undefined ? undefined : revoke('refresh_token', refreshToken)
  const both = context.provider.revocation === 'token' || first === undefined
  const second = both ? revoke('access_token', accessToken) : undefined
  const outcomes = await Promise.all([first, second])
  const replaced = first !== undefined && second === undefined && outcomes[0] === 'unsupported'
  if (replaced) outcomes[1] = await revoke('access_token', accessToken)
  return !outcomes.includes('try_again')
}

async function revokeToken(
  context: ClientRequestContext & { readonly log: Logger },
  request: {
    readonly endpoint: string
    readonly deadlineMs: number
    readonly hint: Hint
    readonly token: string
  },
): Promise<Outcome> {
  const { endpoint, deadlineMs, hint, token } = request
  try {
    const parameters = { token, token_type_hint: hint }
    const { status, body } = await postAsClient(context, { endpoint, parameters, deadlineMs })
    if (status >= 200 && status < 300) return 'done'
    if (status < 400 || status >= 500 || [408, 425, 429].includes(status)) return 'try_again'
    const error = valueAt(parseJsonObject(body) ?? {}, 'error')
    if (alreadyDead.includes(error)) return 'done'
    if (error === 'unsupported_token_type') return 'unsupported'
    logRefusal(context, status)
    return 'done'
  } catch (error) {
    if (error instanceof TransportError) return 'try_again'
    logRefusal(context, 0)
    return 'done'
  }
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
