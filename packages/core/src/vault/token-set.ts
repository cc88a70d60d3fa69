import type { TokenSet } from '../protocol/token.ts'

/** What a caller wants of a token set. */
export interface Need {
  /** Seconds that the access token must still be valid for. */
  readonly minTtlSeconds: number
  /** An access token that a resource server has just refused. */
  readonly rejectedToken?: string
}

/** What to do about a token set. */
export type Verdict =
  /** Good as it is. */
  | 'use'
  /** Good, and close enough to its end that a refresh should begin. */
  | 'use_and_refresh_ahead'
  | 'refresh'
  /** Not good, and a refresh is out of the question: the caller gets the token as it is. */
  | 'use_as_it_is'
  /** Expired without a refresh token. */
  | 'dead'

/** A token set younger than this is not refreshed before it expires, whatever callers and resource servers say. */
const youngestRefreshSeconds = 10
const floorSeconds = 5
const shortLifetimeSeconds = 30
const refreshAheadSeconds = 60

/**
 * Decides about a token set at the time `now` (epoch seconds).
 * @param canRefresh whether there is any way to a newer one without the user.
 * @param jitter 0.8 to 1.2: spreads the refresh-ahead windows of many grants and processes.
 */
export function assess(
  tokens: TokenSet,
  need: Need,
  now: number,
  { canRefresh, jitter }: { readonly canRefresh: boolean; readonly jitter: number },
): Verdict {
  const ageSeconds = now - tokens.receivedAt
  // A clock that was set back makes the age negative: such a token set is not young, its age is unknown.
  const isYoung = ageSeconds >= 0 && ageSeconds < youngestRefreshSeconds
  if (tokens.accessToken === need.rejectedToken) return isYoung || !canRefresh ? 'use_as_it_is' : 'refresh'

  const remainingSeconds = remaining(tokens, now)
  if (remainingSeconds >= Math.max(need.minTtlSeconds, floor(tokens))) {
    const isNearEnd =
      remainingSeconds < refreshAhead(tokens) * jitter ||
      now >= (tokens.refreshAfter ?? Number.POSITIVE_INFINITY)
    return isNearEnd && canRefresh && !isYoung ? 'use_and_refresh_ahead' : 'use'
  }
  const isExpired = remainingSeconds <= 0
  if (!canRefresh) return isExpired ? 'dead' : 'use_as_it_is'
  return isYoung && !isExpired ? 'use_as_it_is' : 'refresh'
}

/** True while the access token has not expired and no resource server has refused it. */
export function isUsable(tokens: TokenSet, need: Need, now: number): boolean {
  return tokens.accessToken !== need.rejectedToken && remaining(tokens, now) > 0
}

/** True for two token sets of which revoking one would end the other. */
export function isSameGrant(a: TokenSet, b: TokenSet): boolean {
  return (
    a.accessToken === b.accessToken || (a.refreshToken !== undefined && a.refreshToken === b.refreshToken)
  )
}

function remaining(tokens: TokenSet, now: number): number {
  return tokens.expiresAt === undefined ? Number.POSITIVE_INFINITY : tokens.expiresAt - now
}

function lifetime(tokens: TokenSet): number {
  return tokens.expiresAt === undefined ? Number.POSITIVE_INFINITY : tokens.expiresAt - tokens.receivedAt
}

/** Below this a token is not handed out: it could expire on its way. */
function floor(tokens: TokenSet): number {
  return lifetime(tokens) < shortLifetimeSeconds ? lifetime(tokens) / 6 : floorSeconds
}

function refreshAhead(tokens: TokenSet): number {
  return Math.min(refreshAheadSeconds, lifetime(tokens) / 3)
}
