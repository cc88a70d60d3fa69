import {
  type AccountStatus,
  type ErrorCode,
  type ErrorDetails,
  LatchkeyError,
  type Provider,
} from '@latchkey/core'

/** Why a stored account will not do, for a program that may not ask for another. */
export function wouldHaveToAsk(
  { id, name }: Pick<Provider, 'id' | 'name'>,
  profile: string,
  found: {
    readonly status: AccountStatus | undefined
    readonly isTheirs: boolean
    readonly missing: readonly string[]
  },
): LatchkeyError {
  const { status, isTheirs, missing } = found
  const error = (code: ErrorCode, text: string, details: ErrorDetails): LatchkeyError =>
    new LatchkeyError(code, `${name}, profile "${profile}": ${text}`, { provider: id, ...details })
  if (status === undefined) return error('login_required', 'nobody is signed in.', { reason: 'signed_out' })
  if (status.state === 'ended')
    return error('login_required', `${name} has ended the authorization.`, { reason: 'grant_ended' })
  if (!isTheirs)
    return error('account_mismatch', 'somebody else is signed in than the user that is wanted.', {})
  if (missing.length > 0)
    return error('insufficient_scope', `was never asked for ${missing.join(' ')}.`, { scope: missing })
  return error('login_required', 'the stored tokens are not accepted.', { reason: 'refused' })
}
