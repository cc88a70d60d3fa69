import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { SealError } from '../crypto/seal.ts'

/** Packed scope and returnTo together may have this many bytes, so that the whole cookie stays below 600. */
export const maxTextBytes = 256
/** Packed scope alone: its length is written in one byte. */
export const maxScopeBytes = 255

/** Why a login is made: to replace the session, to add an account to it, or to authorize one of its accounts anew. */
export type Purpose = 'sign-in' | 'link' | 'consent'

/** What a transaction cookie seals. */
export interface SealedTransaction {
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly purpose: Purpose
  /** 16 bytes as base64url. */
  readonly target: string
  /** 16 bytes as base64url: the session that a link or consent belongs to. Empty for a sign-in. */
  readonly session: string
  /** Extra scope, apart by spaces. */
  readonly scope: string
  readonly returnTo: string
}

const format = 2
/** No scope that was packed into 255 bytes is longer. */
const longestScope = 16_384
const purposeOfByte: readonly (Purpose | undefined)[] = [undefined, 'sign-in', 'link', 'consent']
const seedAt = 3
const targetAt = seedAt + 32
const sessionAt = targetAt + 16
const bindingLength = 16

/**
 * Layout: format (1) | purpose (1) | packed scope length (1) | seed (32) | target (16) | session (16, not for a
 * sign-in) | packed scope | returnTo.
 */
export function encodeTransaction(transaction: SealedTransaction): Uint8Array {
  const scope = packScope(transaction.scope)
  return Buffer.concat([
    Buffer.of(format, purposeOfByte.indexOf(transaction.purpose), scope.length),
    transaction.seed,
    Buffer.from(transaction.target, 'base64url'),
    Buffer.from(transaction.session, 'base64url'),
    scope,
    Buffer.from(transaction.returnTo, 'utf8'),
  ])
}

/** @throws {SealError} when these bytes are no transaction. */
export function decodeTransaction(plaintext: Uint8Array): SealedTransaction {
  const bytes = Buffer.from(plaintext)
  const purpose = purposeOfByte[bytes[1] ?? 0]
  const textAt = sessionAt + (purpose === 'sign-in' ? 0 : bindingLength)
  const returnToAt = textAt + (bytes[2] ?? 0)
  if (bytes[0] !== format) throw new SealError('unknown_format')
  if (purpose === undefined || bytes.length < returnToAt) throw new SealError('corrupt')
  return {
    seed: bytes.subarray(seedAt, targetAt),
    purpose,
    target: bytes.subarray(targetAt, sessionAt).toString('base64url'),
    session: bytes.subarray(sessionAt, textAt).toString('base64url'),
    scope: unpackScope(bytes.subarray(textAt, returnToAt)),
    returnTo: bytes.subarray(returnToAt).toString('utf8'),
  }
}

/** Scope in as few bytes as it takes: the names of one provider's scopes are much alike. */
export function packScope(scope: string): Buffer {
  return scope === '' ? Buffer.alloc(0) : deflateRawSync(Buffer.from(scope, 'utf8'), { level: 9 })
}

function unpackScope(packed: Buffer): string {
  if (packed.length === 0) return ''
  try {
    return inflateRawSync(packed, { maxOutputLength: longestScope }).toString('utf8')
  } catch {
    throw new SealError('corrupt')
  }
}
