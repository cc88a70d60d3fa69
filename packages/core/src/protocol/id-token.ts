import { createHash } from 'node:crypto'
import { decodeProtectedHeader, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Clock } from '../clock.ts'
import { equalInConstantTime } from '../crypto/constant-time.ts'
import { LatchkeyError } from '../errors.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import type { Provider } from './provider.ts'

/** Claims of an ID token whose signature, issuer, audience and times were verified. `iss` is the issuer as it is configured. */
export interface IdTokenClaims extends JsonObject {
  readonly iss: string
  readonly sub: string
}

/** An ID token that must not be believed. Never leaves `protocol/`; `reason` is one of ours. */
export class IdTokenError extends Error {
  override readonly name: string = 'IdTokenError'
  readonly reason: string

  constructor(reason: string) {
    super(`The ID token was refused: ${reason}.`)
    this.reason = reason
  }
}

const longestJwt = 64 * 1024
const longestSubject = 255
const toleranceSeconds = 30
/** An `iat` further ahead is no clock that runs fast. */
const furthestIssuedAtSeconds = 600

/** What an ID token is verified against. */
export interface IdTokenContext {
  readonly provider: Provider
  readonly issuer: string
  /** Keys for every algorithm but `HS*`, which use the client secret. */
  readonly keys: JWTVerifyGetKey
  readonly clock: Clock
  /** The access token that came with it, for `at_hash`. */
  readonly accessToken: string
  /** What `nonce` must be; at a refresh the one of the previous ID token, and only when the new one has one. */
  readonly nonce: { readonly required: string } | { readonly ifPresent: string | undefined }
}

/**
 * The claims of an ID token, after every check of OpenID Connect Core 1.0 §3.1.3.7.
 *
 * @throws {IdTokenError} when any check fails.
 * @throws {LatchkeyError} `as_unavailable` when no keys can be had.
 */
export async function verifyIdToken(jwt: string, context: IdTokenContext): Promise<IdTokenClaims> {
  const { provider, issuer, clock } = context
  const algorithm = checkHeader(jwt, provider)
  const key = algorithm.startsWith('HS') ? clientSecretKey(provider) : context.keys
  try {
    await jwtVerify(jwt, key, {
      // `none` is not an algorithm to jose, listed or not.
      algorithms: [...provider.idTokenAlgorithms],
      issuer: [issuer, ...(provider.idTokenIssuers ?? [])],
      audience: provider.clientId,
      clockTolerance: toleranceSeconds,
      currentDate: new Date(clock.now() * 1000),
      requiredClaims: ['sub', 'iat', 'exp'],
    })
  } catch (error) {
    if (LatchkeyError.is(error)) throw error
    throw new IdTokenError(reasonOf(error))
  }
  const claims = parseClaims(jwt)
  checkTimes(claims, clock.now())
  checkAudience(claims, provider.clientId)
  checkNonce(claims.nonce, context.nonce)
  checkAccessTokenHash(claims.at_hash, algorithm, context.accessToken)
  return { ...claims, iss: issuer }
}

/** The claims of an ID token that was verified when it was stored; `undefined` when it names nobody. */
export function storedIdentity(jwt: string | undefined): IdTokenClaims | undefined {
  const { iss, sub, ...claims } = storedClaims(jwt) ?? {}
  return typeof iss === 'string' && typeof sub === 'string' ? { ...claims, iss, sub } : undefined
}

/** A claim of an ID token that was verified when it was stored. */
export function storedClaim(jwt: string | undefined, name: string): unknown {
  const claims = storedClaims(jwt)
  return claims !== undefined && Object.hasOwn(claims, name) ? claims[name] : undefined
}

function storedClaims(jwt: string | undefined): JsonObject | undefined {
  const payload = jwt?.split('.')[1]
  return payload === undefined ? undefined : parseJsonObject(Buffer.from(payload, 'base64url'))
}

function checkHeader(jwt: string, provider: Provider): string {
  if (jwt.length > longestJwt) throw new IdTokenError('too_long')
  // Five parts are an encrypted token (JWE), which can be made to cost much and was not asked for.
  if (jwt.split('.', 6).length !== 3) throw new IdTokenError('not_a_jws')
  const header = headerOf(jwt)
  if (header.crit !== undefined) throw new IdTokenError('crit')
  if (header.typ !== undefined && !isIdTokenType(header.typ)) throw new IdTokenError('typ')
  const { alg } = header
  if (typeof alg !== 'string' || !provider.idTokenAlgorithms.includes(alg)) throw new IdTokenError('alg')
  return alg
}

function headerOf(jwt: string): Readonly<Record<string, unknown>> {
  try {
    return decodeProtectedHeader(jwt)
  } catch {
    throw new IdTokenError('header')
  }
}

// Explicitly typed JWTs (`logout+jwt`, `at+jwt`) are something else, signed by the same keys (RFC 8725 §3.11).
function isIdTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && !typ.toLowerCase().endsWith('+jwt')
}

function clientSecretKey({ clientSecret }: Provider): Uint8Array {
  if (clientSecret === undefined || clientSecret === '') throw new IdTokenError('no_secret')
  return new TextEncoder().encode(clientSecret)
}

function parseClaims(jwt: string): IdTokenClaims {
  const claims = parseJsonObject(Buffer.from(jwt.split('.')[1] ?? '', 'base64url'))
  const { iss, sub } = claims ?? {}
  if (claims === undefined || typeof iss !== 'string') throw new IdTokenError('payload')
  if (typeof sub !== 'string' || sub === '' || sub.length > longestSubject) throw new IdTokenError('sub')
  return { ...claims, iss, sub }
}

function checkTimes({ iat, exp }: IdTokenClaims, now: number): void {
  if (typeof iat !== 'number' || typeof exp !== 'number') throw new IdTokenError('times')
  if (iat > now + furthestIssuedAtSeconds || exp <= iat) throw new IdTokenError('iat')
}

function checkAudience({ aud, azp }: IdTokenClaims, clientId: string): void {
  const audiences = Array.isArray(aud) ? aud : [aud]
  const hasOthers = audiences.some((audience) => audience !== clientId)
  if (hasOthers && azp !== clientId) throw new IdTokenError('aud')
  if (azp !== undefined && azp !== clientId) throw new IdTokenError('azp')
}

function checkNonce(nonce: unknown, expected: IdTokenContext['nonce']): void {
  if ('required' in expected) {
    if (typeof nonce !== 'string' || !equalInConstantTime(nonce, expected.required))
      throw new IdTokenError('nonce')
  } else if (nonce !== undefined && expected.ifPresent !== undefined && nonce !== expected.ifPresent) {
    // OpenID Connect Core 1.0 §12.2
    throw new IdTokenError('nonce')
  }
}

/** OpenID Connect Core 1.0 §3.1.3.6: the left half of the hash that the signature algorithm uses. */
function checkAccessTokenHash(atHash: unknown, algorithm: string, accessToken: string): void {
  if (atHash === undefined) return
  const digest = createHash(hashOf(algorithm)).update(accessToken, 'ascii').digest()
  const expected = digest.subarray(0, digest.length / 2).toString('base64url')
  if (atHash !== expected) throw new IdTokenError('at_hash')
}

function hashOf(algorithm: string): string {
  // Ed25519 hashes with SHA-512 inside, and that is what servers use here.
  if (algorithm === 'EdDSA' || algorithm === 'Ed25519') return 'sha512'
  return `sha${algorithm.slice(-3)}`
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'exp'
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.reason === 'missing' ? `${error.claim}_missing` : error.claim
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature'
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_key'
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'ambiguous_key'
  return 'malformed'
}
