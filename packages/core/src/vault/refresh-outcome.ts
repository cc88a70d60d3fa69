import type { LatchkeyError } from '../errors.ts'
import type { EmptyGrant, GrantHandle, LiveGrant } from './grant.ts'
import type { ObservedGrant, OpenedGrant } from './grant-records.ts'
import { coolingDown, failureError, loginRequired } from './refresh-failure.ts'

/** How a refresh ended for everybody who waited for it. */
export type RefreshOutcome =
  | { readonly kind: 'grant'; readonly opened: OpenedGrant }
  /** `sent` is false while a cool-down runs: nothing was tried. */
  | { readonly kind: 'failed'; readonly error: LatchkeyError; readonly sent: boolean }

/** What an observation says already: another version, or a failure whose cool-down runs. */
export function settledBy(
  handle: GrantHandle,
  seen: OpenedGrant,
  { opened, attempt }: ObservedGrant,
  now: number,
): RefreshOutcome | undefined {
  if (opened.version !== seen.version) return { kind: 'grant', opened }
  const cooling = coolingDown(attempt, seen.version, now)
  if (cooling?.failure === undefined) return undefined
  const retryAfterSeconds = (cooling.coolDownUntil ?? now) - now
  const { client, account } = handle
  const error = failureError(cooling.failure, client.provider, { account, retryAfterSeconds })
  return { kind: 'failed', error, sent: false }
}

/** @throws {LatchkeyError} `login_required`: the grant ended. */
export function renewableGrant(handle: GrantHandle, opened: OpenedGrant): LiveGrant | EmptyGrant {
  if (opened.grant.state !== 'ended') return opened.grant
  throw loginRequired(handle.client.provider, 'grant_ended', handle.account)
}
