import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** What a sealed value is. A value sealed as one kind never opens as another. */
export type SealKind = 'session' | 'grant' | 'user' | 'transaction' | 'form_post' | 'ticket'

/** Why a sealed value did not open. */
export type SealFault =
  /** Sealed under a secret that this process does not have: a deploy is under way, or a secret was removed. */
  | 'unknown_key'
  /** Written by a newer version of Latchkey. */
  | 'unknown_format'
  /** Changed, cut, moved from another record, or never ours. */
  | 'corrupt'

/** Thrown by {@link Sealer.open}. Callers translate it; it never leaves core. */
export class SealError extends Error {
  override readonly name: string = 'SealError'
  readonly fault: SealFault

  constructor(fault: SealFault) {
    super(`A sealed value did not open: ${fault}.`)
    this.fault = fault
  }
}

/** What a sealed value is bound to beside its kind: the record's name, and its version where it has one. */
export interface SealBinding {
  readonly kind: SealKind
  readonly name: string
  readonly version?: string
}

/** Seals and opens records. */
export interface RecordSealer {
  seal(binding: SealBinding, plaintext: Uint8Array): Uint8Array
  /** @throws {SealError} */
  open(binding: SealBinding, sealed: Uint8Array): Uint8Array
}

const format = 1
const keyIdLength = 4
const saltLength = 16
const nonceLength = 12
const tagLength = 16
const headerLength = 1 + keyIdLength
const overhead = headerLength + saltLength + nonceLength + tagLength

/**
 * Authenticated encryption (AES-256-GCM). Each sealed value has its own key, derived from the secret, the kind and a
 * random salt, so that the 96-bit nonce does not limit how many values one secret may seal.
 * The first secret seals, all open.
 *
 * Limit: a key and a nonce together are 224 random bits, so the chance that any pair of them repeats stays below 2^-32,
 * as the standard asks, up to 2^96 values per secret and kind. (Random nonces alone would reach it at 2^32 values: at a
 * thousand a second in 50 days.) Processes need not agree on anything: each draws from the system's generator.
 *
 * Layout: format (1) | key id (4) | salt (16) | nonce (12) | ciphertext | tag (16).
 *
 * @see RFC 5869, NIST SP 800-38D §8 and §8.3
 */
export class Sealer implements RecordSealer {
  readonly #keys: readonly SecretKey[]

  /** @param secrets first the one that seals; at least one. */
  constructor(secrets: readonly [string, ...string[]]) {
    this.#keys = secrets.map((secret) => new SecretKey(secret))
  }

  /** Seals `plaintext`; opens only with the same binding. */
  seal(binding: SealBinding, plaintext: Uint8Array): Uint8Array {
    const key = this.#keys[0] as SecretKey // the constructor takes at least one
    const header = Buffer.concat([Buffer.of(format), key.id])
    const salt = randomBytes(saltLength)
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', key.derive(binding.kind, salt), nonce)
    cipher.setAAD(associatedData(header, binding))
    return Buffer.concat([header, salt, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  /** True for a value under the secret that seals now. One under another is lost when that secret is taken away. */
  isUpToDate(sealed: Uint8Array): boolean {
    return this.#keys[0]?.id.equals(sealed.subarray(1, headerLength)) ?? false
  }

  /** @throws {SealError} when the value was not sealed by one of our secrets for exactly this binding. */
  open(binding: SealBinding, sealed: Uint8Array): Uint8Array {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    if (bytes.length < overhead) throw new SealError('corrupt')
    if (bytes[0] !== format) throw new SealError('unknown_format')
    const header = bytes.subarray(0, headerLength)
    const key = this.#keys.find((candidate) => candidate.id.equals(header.subarray(1)))
    if (key === undefined) throw new SealError('unknown_key')
    const nonceAt = headerLength + saltLength
    const cipherAt = nonceAt + nonceLength
    const salt = bytes.subarray(headerLength, nonceAt)
    const decipher = createDecipheriv(
      'aes-256-gcm',
      key.derive(binding.kind, salt),
      bytes.subarray(nonceAt, cipherAt),
    )
    decipher.setAAD(associatedData(header, binding))
    decipher.setAuthTag(bytes.subarray(bytes.length - tagLength))
    try {
      const head = decipher.update(bytes.subarray(cipherAt, bytes.length - tagLength))
      return Buffer.concat([head, decipher.final()])
    } catch {
      throw new SealError('corrupt')
    }
  }
}

/** One configured secret and the keys derived from it. */
class SecretKey {
  readonly id: Buffer
  readonly #secret: string
  readonly #kindKeys = new Map<SealKind, Buffer>()

  constructor(secret: string) {
    this.#secret = secret
    this.id = createHash('sha256')
      .update('latchkey key id\0')
      .update(secret)
      .digest()
      .subarray(0, keyIdLength)
  }

  derive(kind: SealKind, salt: Uint8Array): Buffer {
    return createHmac('sha256', this.#kindKey(kind)).update(salt).digest()
  }

  #kindKey(kind: SealKind): Buffer {
    const known = this.#kindKeys.get(kind)
    if (known !== undefined) return known
    const key = Buffer.from(hkdfSync('sha256', this.#secret, '', `latchkey seal ${kind}`, 32))
    this.#kindKeys.set(kind, key)
    return key
  }
}

function associatedData(header: Uint8Array, { kind, name, version = '' }: SealBinding): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify([kind, name, version]), 'utf8')])
}
