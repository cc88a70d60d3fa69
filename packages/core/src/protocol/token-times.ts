import { decodeJwtUnverified } from './jwt.ts'
import type { Provider } from './provider.ts'
import { readNumber } from './token-fields.ts'

/** When a token ends, and from when on it should be renewed: epoch seconds, counted from its receipt. */
export interface TokenTimes {
  readonly expiresAt?: number
  readonly refreshAfter?: number
}

const longestLifetimeSeconds = 10 * 365 * 24 * 3600

/**
 * Reads the times of a token that is a JWT, by the claims that the preset names. They are counted from the receipt, as
 * distances from `iat`: the server's clock and ours need not agree.
 */
export function tokenTimes(
  { tokenTimeClaims: names }: Provider,
  token: string,
  receivedAt: number,
): TokenTimes {
  const claims = names === undefined ? undefined : decodeJwtUnverified(token)?.payload
  if (names === undefined || claims === undefined) return {}
  const issuedAt = readNumber(claims.iat) ?? receivedAt
  const after = (name: string | undefined): number | undefined => {
    const at = name !== undefined && Object.hasOwn(claims, name) ? readNumber(claims[name]) : undefined
    const distance = at === undefined ? 0 : at - issuedAt
    return distance < 1 ? undefined : Math.floor(receivedAt + Math.min(distance, longestLifetimeSeconds))
  }
  const [expiresAt, refreshAfter] = [after(names.expiresAt), after(names.refreshAfter)]
  return {
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(refreshAfter === undefined ? {} : { refreshAfter }),
  }
}
