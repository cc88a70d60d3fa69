import { type ErrorDetails, LatchkeyError, type LoginRequiredReason } from '../errors.ts'
import {
  answerDetails,
  type FailedAnswer,
  isOperatorFault,
  misconfiguredError,
  unavailableError,
} from './answer-error.ts'
import type { Provider } from './provider.ts'

/** What a refresh without a token set means to the app. The refresh token lives on unless the grant ended. */
export function refreshError(provider: Provider, answer: FailedAnswer): LatchkeyError {
  switch (answer.kind) {
    case 'retry':
      return unavailableError(
        provider,
        answer,
        'the refresh brought no answer (%). Nothing was lost; try again.',
      )
    case 'client_fault':
      return misconfiguredError(provider, answer, 'and clientAuth; no user lost anything')
    case 'identity_changed':
      return loginRequired(provider, answer, 'grant_ended', 'answered for another user')
    case 'dead':
      return loginRequired(provider, answer, 'grant_ended', 'ended this authorization')
    case 'refused':
      return loginRequired(provider, answer, 'refused', 'refused to refresh the tokens')
  }
}

/** What a client credentials request without a token set means to the app. No user could do anything about it. */
export function mintError(provider: Provider, answer: FailedAnswer): LatchkeyError {
  return clientError(provider, answer, {
    failed: 'the token request brought no answer (%). Try again.',
    places: 'scope and audience, and the grants that are allowed there',
  })
}

/** What a request for device codes without codes means to the app. No user knows of it yet. */
export function deviceCodesError(provider: Provider, answer: FailedAnswer): LatchkeyError {
  return clientError(provider, answer, {
    failed: 'the device got no codes (%). Try again.',
    places: 'scope and audience, and whether the device flow is allowed there',
  })
}

/** What ends the polling of a device. */
export function devicePollError(provider: Provider, answer: FailedAnswer): LatchkeyError {
  if (answer.kind === 'retry') return deviceCodesError(provider, answer)
  if (answer.kind === 'identity_changed')
    return loginRequired(provider, answer, 'refused', 'answered for somebody else')
  if (isOperatorFault(answer)) return deviceCodesError(provider, answer)
  switch (answer.oauth.error) {
    case 'access_denied':
      return new LatchkeyError('access_denied', `${provider.name}: the sign-in on the device was denied.`, {
        ...answerDetails(provider, answer),
        reason: 'access_denied',
      })
    case 'expired_token':
      return deviceExpiredError(provider, answerDetails(provider, answer))
    default:
      return loginRequired(provider, answer, 'refused', 'refused the sign-in of the device')
  }
}

/**
 * The user of a device did not agree in time.
 * @param said what the server said, where it is the server that says so.
 */
export function deviceExpiredError(provider: Provider, said: ErrorDetails = {}): LatchkeyError {
  const reason: LoginRequiredReason = 'expired_token'
  return new LatchkeyError(
    'login_required',
    `Nobody agreed to this sign-in at ${provider.name} in time. Start it again.`,
    { ...said, provider: provider.id, reason },
  )
}

function clientError(
  provider: Provider,
  answer: FailedAnswer,
  texts: { readonly failed: string; readonly places: string },
): LatchkeyError {
  if (answer.kind === 'retry') return unavailableError(provider, answer, texts.failed)
  if (answer.kind === 'identity_changed')
    return loginRequired(provider, answer, 'refused', 'answered for somebody else')
  return misconfiguredError(provider, answer, texts.places)
}

function loginRequired(
  provider: Provider,
  answer: FailedAnswer,
  reason: LoginRequiredReason,
  text: string,
): LatchkeyError {
  return new LatchkeyError('login_required', `${provider.name} ${text}. Sign in again.`, {
    ...answerDetails(provider, answer),
    reason,
  })
}
