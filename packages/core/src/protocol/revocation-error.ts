import { type ErrorCode, LatchkeyError } from '../errors.ts'
import type { Provider } from './provider.ts'
import type { RevocationOutcome } from './revocation.ts'

type FailedRevocation = Exclude<RevocationOutcome, { kind: 'done' }>

/**
 * What keeps a token set from being revoked; `undefined`: nothing. A kind of token that the server cannot revoke is no
 * failure when the other kind was.
 */
export function revocationError(
  provider: Provider,
  outcomes: readonly RevocationOutcome[],
): LatchkeyError | undefined {
  const failed = outcomes.filter((outcome): outcome is FailedRevocation => outcome.kind !== 'done')
  const hard = failed.find(({ kind }) => kind !== 'unsupported')
  const soft = failed.length === outcomes.length ? failed[0] : undefined
  const failure = hard ?? soft
  return failure === undefined ? undefined : errorOf(provider, failure)
}

function errorOf(provider: Provider, outcome: FailedRevocation): LatchkeyError {
  const { code, reason, text } = meanings[outcome.kind]
  const { status } = outcome
  return new LatchkeyError(code, `${provider.id}: ${text}`, {
    provider: provider.id,
    reason: outcome.kind === 'try_again' ? outcome.reason : reason,
    ...(status === undefined ? {} : { asStatus: status }),
    ...('oauth' in outcome ? { oauth: outcome.oauth } : {}),
    ...('retryAfterSeconds' in outcome ? { retryAfterSeconds: outcome.retryAfterSeconds } : {}),
  })
}

const meanings: Readonly<
  Record<
    FailedRevocation['kind'],
    { readonly code: ErrorCode; readonly reason: string; readonly text: string }
  >
> = {
  try_again: {
    code: 'as_unavailable',
    reason: 'network',
    text: 'the revocation brought no answer. The token may still be valid; try again.',
  },
  unsupported: {
    code: 'not_supported',
    reason: 'unsupported_token_type',
    text: 'the server cannot revoke this kind of token. It lives until it expires.',
  },
  refused: {
    code: 'as_misconfigured',
    reason: 'revocation_refused',
    text: 'the server refused to revoke the token. Check clientId, clientSecret and revocationClientAuth.',
  },
}
