import { type ErrorDetails, LatchkeyError } from '../errors.ts'
import type { TokenAnswer } from '../protocol/token.ts'
import type { Attempt, AttemptFailure } from '../store/store.ts'

const defaultCoolDownSeconds = 10
/** So far apart may the clocks of two processes be. */
const clockDifferenceSeconds = 60

/** A token answer that brought nothing and ends nothing. */
export type FailedAnswer = Extract<TokenAnswer, { kind: 'refused' | 'client_fault' | 'retry' }>

/** How long nobody sends again after this answer. */
export function coolDownSeconds(answer: FailedAnswer): number {
  const asked = answer.kind === 'retry' ? (answer.retryAfterSeconds ?? 0) : 0
  return Math.max(defaultCoolDownSeconds, asked)
}

/** What a failed answer means to the callers, also to those in other processes. */
export function failureOf(answer: FailedAnswer, manyRefusedAlike: boolean): AttemptFailure {
  if (answer.kind === 'retry') return { code: 'as_unavailable', reason: answer.reason }
  if (answer.kind === 'client_fault') {
    return { code: 'as_misconfigured', reason: 'client_fault', oauth: answer.oauth }
  }
  const code = manyRefusedAlike ? 'as_misconfigured' : 'login_required'
  return { code, reason: 'refused', oauth: answer.oauth }
}

/** The failure of an attempt whose cool-down still runs for this version. */
export function coolingDown(
  attempt: Attempt | undefined,
  version: string,
  now: number,
): AttemptFailure | undefined {
  if (attempt?.version !== version || attempt.coolDownUntil === undefined) return undefined
  const left = attempt.coolDownUntil - now
  // More left than there ever was: a clock was set back, and must not make the outage last that much longer.
  const longest = attempt.coolDownUntil - attempt.startedAt + clockDifferenceSeconds
  return left > 0 && left <= longest ? attempt.failure : undefined
}

/** The error that a failure is thrown as. */
export function failureError(
  failure: AttemptFailure,
  provider: { readonly id: string; readonly name: string },
  retryAfterSeconds?: number,
): LatchkeyError {
  const details: ErrorDetails = {
    provider: provider.id,
    ...(failure.reason === undefined ? {} : { reason: failure.reason }),
    ...(failure.oauth === undefined ? {} : { oauth: failure.oauth }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  }
  return new LatchkeyError(failure.code, message(failure, provider.name), details)
}

function message(failure: AttemptFailure, name: string): string {
  switch (failure.code) {
    case 'as_unavailable':
      return `${name} did not answer the token request. Nothing was lost; try again in a few seconds.`
    case 'as_misconfigured':
      return failure.reason === 'client_fault'
        ? `${name} refuses this client. Check clientId, clientSecret and clientAuth; no user lost anything.`
        : `${name} refuses many users' refresh tokens alike. Check the client's settings there.`
    case 'login_required':
      return `${name} refused to refresh the token. Sign in again to go on.`
  }
}

/** The user must go through the authorization server again. */
export function loginRequired(
  provider: { readonly id: string; readonly name: string },
  reason: 'signed_out' | 'grant_ended',
): LatchkeyError {
  const text = {
    signed_out: `There is no account at ${provider.name} in this session any more. Sign in again.`,
    grant_ended: `${provider.name} ended this authorization. Sign in again.`,
  }[reason]
  return new LatchkeyError('login_required', text, { provider: provider.id, reason })
}
