import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { TokenSet } from '../protocol/token.ts'

/** Tokens that came from elsewhere: another session library, an export, a test's emulator. Secret. */
export interface Tokens {
  readonly accessToken: string
  readonly refreshToken?: string
  /** @default 'Bearer' */
  readonly tokenType?: string
  /** Epoch seconds. Absent: unknown, used until a 401. */
  readonly expiresAt?: number
  /** Granted scope. @default the provider's own */
  readonly scope?: readonly string[]
  readonly idToken?: string
  /** Epoch seconds of the user's authorization, for providers whose refresh tokens die of age. @default now */
  readonly authorizedAt?: number
  /** Epoch seconds. */
  readonly refreshTokenExpiresAt?: number
}

/**
 * The token set of tokens from elsewhere.
 * @param defaults what the tokens do not say.
 * @throws {LatchkeyError} `invalid_options` that names the field.
 */
export function tokenSetFrom(
  call: string,
  tokens: Tokens,
  { receivedAt, scope }: { readonly receivedAt: number; readonly scope: readonly string[] },
): TokenSet {
  if (!isOptionsObject(tokens))
    throw invalidOption(`${call}: tokens must be an object, not ${kindOf(tokens)}.`)
  requireOurNames(call, tokens)
  const {
    accessToken,
    refreshToken,
    tokenType = 'Bearer',
    expiresAt,
    idToken,
    refreshTokenExpiresAt,
  } = tokens
  requireText(call, 'accessToken', accessToken)
  requireText(call, 'tokenType', tokenType)
  if (refreshToken !== undefined) requireText(call, 'refreshToken', refreshToken)
  if (idToken !== undefined) requireText(call, 'idToken', idToken)
  if (expiresAt !== undefined) requireEpochSeconds(call, 'expiresAt', expiresAt)
  if (refreshTokenExpiresAt !== undefined)
    requireEpochSeconds(call, 'refreshTokenExpiresAt', refreshTokenExpiresAt)
  if (tokens.authorizedAt !== undefined) requireEpochSeconds(call, 'authorizedAt', tokens.authorizedAt)
  if (tokens.scope !== undefined && !isTextList(tokens.scope))
    throw invalidOption(`${call}: tokens.scope must be a list of strings, not ${kindOf(tokens.scope)}.`)
  return {
    accessToken,
    tokenType,
    receivedAt,
    scope: tokens.scope ?? scope,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(refreshTokenExpiresAt === undefined ? {} : { refreshTokenExpiresAt }),
    ...(idToken === undefined ? {} : { idToken }),
  }
}

/** A refresh token under the wire's name would be lost in silence. */
function requireOurNames(call: string, tokens: object): void {
  const wire = Object.keys(tokens).find((name) => name.includes('_'))
  if (wire === undefined) return
  const ours = wire.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const hint = wire === 'expires_in' ? 'expiresAt, in epoch seconds' : ours
  throw invalidOption(`${call}: tokens has ${wire}, a name of the wire. Here it is ${hint}.`)
}

/** Visible ASCII: what a header can carry (RFC 6750 §2.1). The value itself is not repeated. */
function requireText(call: string, field: string, value: unknown): void {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return
  const what = typeof value === 'string' ? 'text with characters that no token has' : kindOf(value)
  throw invalidOption(`${call}: tokens.${field} must be a token as text, not ${what}.`)
}

function requireEpochSeconds(call: string, field: string, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < longestEpochSeconds) return
  const hint = typeof value === 'number' ? 'it looks like milliseconds' : `it is ${kindOf(value)}`
  throw invalidOption(`${call}: tokens.${field} must be epoch seconds; ${hint}.`)
}

/** The year 5138; as milliseconds it was in March 1973. */
const longestEpochSeconds = 100_000_000_000
