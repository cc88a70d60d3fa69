import { LatchkeyError, type OAuthErrorFields } from '../errors.ts'
import { credentialVariables } from './credential-variables.ts'
import type { Provider } from './provider.ts'
import type { TokenAnswer } from './token.ts'

/** Refusals of a code exchange that are about the app's registration or scope, not about this code. */
const operatorFaults: ReadonlySet<string> = new Set(['invalid_scope', 'invalid_target'])

/** What a code exchange without a token set means to the app. The code is spent in every case. */
export function exchangeError(
  provider: Provider,
  answer: Exclude<TokenAnswer, { kind: 'token_set' }>,
): LatchkeyError {
  if (answer.kind === 'retry') return unavailable(provider, answer)
  if (answer.kind === 'identity_changed') return idTokenError(provider, 'identity')
  if (answer.kind === 'client_fault' || operatorFaults.has(answer.oauth.error)) {
    return misconfigured(provider, answer.oauth)
  }
  return new LatchkeyError('invalid_callback', `${provider.id} refused the code. Start the sign-in again.`, {
    provider: provider.id,
    reason: 'code_refused',
    oauth: answer.oauth,
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

function unavailable(provider: Provider, answer: Extract<TokenAnswer, { kind: 'retry' }>): LatchkeyError {
  const { reason, retryAfterSeconds } = answer
  return new LatchkeyError(
    'as_unavailable',
    `${provider.id}: the code could not be exchanged (${reason}). Start the sign-in again.`,
    { provider: provider.id, reason, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
  )
}

function misconfigured(provider: Provider, oauth: OAuthErrorFields): LatchkeyError {
  const variables = credentialVariables(provider.id)
  return new LatchkeyError(
    'as_misconfigured',
    `${provider.id} does not accept this app (${oauth.error}). Check clientId, clientSecret (or ${variables.clientId}, ${variables.clientSecret}), ` +
      'the redirect URI registered there, and scope.',
    { provider: provider.id, reason: 'client_fault', oauth },
  )
}
