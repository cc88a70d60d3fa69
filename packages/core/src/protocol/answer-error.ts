import { type ErrorDetails, LatchkeyError } from '../errors.ts'
import { credentialVariables } from './credential-variables.ts'
import type { Provider } from './provider.ts'
import type { AnsweredError, TokenAnswer } from './token.ts'

/** A token answer that brought no tokens. */
export type FailedAnswer = Exclude<TokenAnswer, { kind: 'token_set' }>

/** Refusals that are about the app's registration or scope, not about a code, token or user. */
const operatorFaults: ReadonlySet<string> = new Set(['invalid_scope', 'invalid_target'])

/** True when the operator of the app has to do something about an answer, and no user can. */
export function isOperatorFault(answer: Extract<FailedAnswer, AnsweredError>): boolean {
  return answer.kind === 'client_fault' || operatorFaults.has(answer.oauth.error)
}

/** What every error about an answer says of it. */
export function answerDetails(provider: Provider, answer: FailedAnswer): ErrorDetails {
  if (answer.kind === 'identity_changed') return { provider: provider.id }
  const { status, oauth } = answer
  const wait = answer.kind === 'retry' ? answer.retryAfterSeconds : undefined
  return {
    provider: provider.id,
    ...(answer.kind === 'retry' ? { reason: answer.reason } : {}),
    ...(oauth === undefined ? {} : { oauth }),
    ...(status === undefined ? {} : { asStatus: status }),
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
  }
}

/** The server did not say what became of a request. */
export function unavailableError(
  provider: Provider,
  answer: Extract<FailedAnswer, { kind: 'retry' }>,
  text: string,
): LatchkeyError {
  const message = `${provider.id}: ${text.replace('%', answer.reason)}`
  return new LatchkeyError('as_unavailable', message, answerDetails(provider, answer))
}

/** The server does not accept this client, or what it asks for. */
export function misconfiguredError(
  provider: Provider,
  answer: Extract<FailedAnswer, AnsweredError>,
  places = 'the redirect URI registered there, and scope',
): LatchkeyError {
  const { status, oauth } = answer
  if (status === undefined && oauth.description !== undefined) {
    // Nothing was sent: the description is our own and names what is wrong here.
    return new LatchkeyError('as_misconfigured', oauth.description, {
      provider: provider.id,
      reason: oauth.error,
    })
  }
  const { clientId, clientSecret } = credentialVariables(provider.id)
  return new LatchkeyError(
    'as_misconfigured',
    `${provider.id} does not accept this app (${oauth.error}). ` +
      `Check clientId, clientSecret (or ${clientId}, ${clientSecret}), ${places}.`,
    { ...answerDetails(provider, answer), reason: 'client_fault' },
  )
}
