import { LatchkeyError } from '../errors.ts'
import {
  answerDetails,
  type FailedAnswer,
  isOperatorFault,
  misconfiguredError,
  unavailableError,
} from './answer-error.ts'
import type { Provider } from './provider.ts'

/** What a code exchange without a token set means to the app. The code is spent in every case. */
export function exchangeError(provider: Provider, answer: FailedAnswer): LatchkeyError {
  if (answer.kind === 'identity_changed') return idTokenError(provider, 'identity')
  if (answer.kind === 'retry') {
    return unavailableError(provider, answer, 'the code could not be exchanged (%). Start the sign-in again.')
  }
  if (isOperatorFault(answer)) return misconfiguredError(provider, answer)
  return new LatchkeyError('invalid_callback', `${provider.id} refused the code. Start the sign-in again.`, {
    ...answerDetails(provider, answer),
    reason: 'code_refused',
  })
}

/** An ID token that is missing or not to be believed ends the sign-in. */
export function idTokenError(provider: Provider, reason: string): LatchkeyError {
  return new LatchkeyError(
    'invalid_callback',
    `${provider.id}: the ID token was refused (${reason}). Start the sign-in again.`,
    { provider: provider.id, reason: `id_token_${reason}` },
  )
}
