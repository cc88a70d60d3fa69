import { type RecordSealer, type SealBinding, SealError, Sealer } from '../crypto/seal.ts'

/** What every record begins with that is not sealed: that of a JSON object. */
const brace = 0x7b

/**
 * For the records of one person's own programs: sealed where there is a secret, and in clear where there is none, with
 * nothing but the rights of the file to guard them. What was stored in clear is still read once there is a secret, and
 * sealed when it changes.
 */
export class OptionalSealer implements RecordSealer {
  readonly #sealer: Sealer | undefined

  /** @param secrets first the one that seals; all open. */
  constructor(secrets: readonly string[]) {
    const [first, ...older] = secrets
    this.#sealer = first === undefined ? undefined : new Sealer([first, ...older])
  }

  seal(binding: SealBinding, plaintext: Uint8Array): Uint8Array {
    return this.#sealer?.seal(binding, plaintext) ?? plaintext
  }

  open(binding: SealBinding, sealed: Uint8Array): Uint8Array {
    if (sealed[0] === brace) return sealed
    if (this.#sealer === undefined) throw new SealError('unknown_key')
    return this.#sealer.open(binding, sealed)
  }
}
