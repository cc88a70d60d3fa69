import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'

/**
 * Epoch seconds at which the refresh token dies: the earlier of the preset's policy, in days or calendar months (UTC) from
 * `authorizedAt`, and what the server said. `undefined`: unknown, or no refresh token. Refreshing never extends the
 * policy (Spotify: six months from the user's authorization).
 */
export function refreshTokenExpiry(
  provider: Pick<Provider, 'refreshTokenLifetime'>,
  tokens: Pick<TokenSet, 'refreshToken' | 'refreshTokenExpiresAt'>,
  authorizedAt: number,
): number | undefined {
  if (tokens.refreshToken === undefined) return undefined
  const { refreshTokenLifetime: lifetime } = provider
  const policy = lifetime && endOf(lifetime, authorizedAt)
  const said = tokens.refreshTokenExpiresAt
  if (policy === undefined || said === undefined) return policy ?? said
  return Math.min(policy, said)
}

function endOf(lifetime: NonNullable<Provider['refreshTokenLifetime']>, authorizedAt: number): number {
  if ('days' in lifetime) return authorizedAt + lifetime.days * 86_400
  return addMonths(authorizedAt, lifetime.months)
}

function addMonths(epochSeconds: number, months: number): number {
  const date = new Date(epochSeconds * 1000)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  // 31 August and six months is the last of February, not the third of March.
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, lastDay))
  return Math.floor(date.getTime() / 1000)
}
