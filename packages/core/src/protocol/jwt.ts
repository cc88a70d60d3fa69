import { type JsonObject, parseJsonObject } from './json-object.ts'

/** What a JWT says, believed by nobody yet. */
export interface UnverifiedJwt {
  readonly header: JsonObject
  readonly payload: JsonObject
}

const longestJwt = 64 * 1024

/**
 * What a signed JWT says, without looking at its signature: for showing it, never for deciding whom to trust. An
 * authorization scheme before it (`Bearer `, `nadeo_v1 t=`) is left out. `undefined` for anything else. Never throws.
 *
 * @see RFC 7519 §7.2
 */
export function decodeJwtUnverified(token: string): UnverifiedJwt | undefined {
  if (typeof token !== 'string' || token.length > longestJwt) return undefined
  const jwt = token.replace(/^[A-Za-z0-9_-]+ (?:t=)?/, '')
  const parts = jwt.split('.', 4)
  if (parts.length !== 3) return undefined
  const [header, payload] = parts.map(decoded)
  return header === undefined || payload === undefined ? undefined : { header, payload }
}

function decoded(part: string): JsonObject | undefined {
  return /^[A-Za-z0-9_-]+$/.test(part) ? parseJsonObject(Buffer.from(part, 'base64url')) : undefined
}
