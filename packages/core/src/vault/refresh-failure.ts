import { type ErrorDetails, LatchkeyError } from '../errors.ts'
import type { TokenAnswer } from '../protocol/token.ts'
import type { Attempt, AttemptFailure } from '../store/store.ts'

const defaultCoolDownSeconds = 10
/** How long a sign-in elsewhere may take from its code exchange to its commit before nobody waits for it. */
export const waitForSignInSeconds: number = 3
/** So long the note of such a wait holds. A little longer: what comes of it is told before anybody else tries. */
export const settlingSeconds: number = waitForSignInSeconds + 1
/** So far apart may the clocks of two processes be. */
const clockDifferenceSeconds = 60

/** A token answer that brought nothing and ends nothing. */
export type FailedAnswer = Extract<TokenAnswer, { kind: 'refused' | 'client_fault' | 'retry' }>

/** How long nobody sends again after this answer. */
export function coolDownSeconds(answer: FailedAnswer): number {
  const asked = answer.kind === 'retry' ? (answer.retryAfterSeconds ?? 0) : 0
  return Math.max(defaultCoolDownSeconds, asked)
}

/** True when the request may have been carried out, whatever became of the answer. */
export function isUnknown(answer: TokenAnswer): boolean {
  return answer.kind === 'retry' && answer.outcome === 'unknown'
}

/**
 * True when the same question may bring an answer. Garbage arrived whole: it would come again, and may hold a refresh
 * token to save first.
 */
export function isCutOff(answer: TokenAnswer): boolean {
  return answer.kind === 'retry' && answer.outcome === 'unknown' && answer.reason !== 'garbage'
}

/** Who a refusal is about: one user, many users alike, or the client, whose own grant it is. */
export type Refused = 'user' | 'many_users' | 'client'

/** What a failed answer means to the callers, also to those in other processes. */
export function failureOf(answer: FailedAnswer, refused: Refused): AttemptFailure {
  if (answer.kind === 'retry') return { code: 'as_unavailable', reason: answer.reason }
  if (answer.kind === 'client_fault') {
    return { code: 'as_misconfigured', reason: 'client_fault', oauth: answer.oauth }
  }
  const { oauth } = answer
  if (refused === 'client') return { code: 'as_misconfigured', reason: 'application_refused', oauth }
  return { code: refused === 'user' ? 'login_required' : 'as_misconfigured', reason: 'refused', oauth }
}

/** The attempt of this version, while nobody may send again. */
export function coolingDown(attempt: Attempt | undefined, version: string, now: number): Attempt | undefined {
  if (attempt?.version !== version || attempt.coolDownUntil === undefined) return undefined
  const left = attempt.coolDownUntil - now
  // More left than there ever was: a clock was set back, and must not make the outage last that much longer.
  const longest = attempt.coolDownUntil - attempt.startedAt + clockDifferenceSeconds
  return left > 0 && left <= longest ? attempt : undefined
}

/** True while the owner of the attempt waits to see whether a sign-in elsewhere replaces the dead token set. */
export function isBeingSettled(attempt: Attempt | undefined, version: string, now: number): boolean {
  const cooling = coolingDown(attempt, version, now)
  return cooling !== undefined && cooling.failure === undefined
}

/** The error that a failure is thrown as. */
export function failureError(
  failure: AttemptFailure,
  provider: { readonly id: string; readonly name: string },
  {
    retryAfterSeconds,
    account,
  }: { readonly retryAfterSeconds?: number; readonly account?: { readonly id: string } } = {},
): LatchkeyError {
  const details: ErrorDetails = {
    provider: provider.id,
    ...(account === undefined ? {} : { accountId: account.id }),
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
      return misconfiguration(failure.reason, name)
    case 'login_required':
      return `${name} refused to refresh the token. Sign in again to go on.`
  }
}

function misconfiguration(reason: string | undefined, name: string): string {
  if (reason === 'client_fault')
    return `${name} refuses this client. Check clientId, clientSecret and clientAuth; no user lost anything.`
  if (reason === 'application_refused')
    return `${name} issues no application token for this request. Check scope and audience, and the client's settings there.`
  return `${name} refuses many users' refresh tokens alike. Check the client's settings there.`
}

/** The user must go through the authorization server again. */
export function loginRequired(
  provider: { readonly id: string; readonly name: string },
  reason: 'signed_out' | 'grant_ended',
  account?: { readonly id: string },
): LatchkeyError {
  const text = {
    signed_out: `This account at ${provider.name} is not signed in any more. Sign in again.`,
    grant_ended: `${provider.name} ended this authorization. Sign in again.`,
  }[reason]
  const details = account === undefined ? {} : { accountId: account.id }
  return new LatchkeyError('login_required', text, { provider: provider.id, reason, ...details })
}
