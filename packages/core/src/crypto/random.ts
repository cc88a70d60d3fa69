import { randomBytes } from 'node:crypto'

/** A fresh random value of `bits` bits as base64url. */
export function randomId(bits: 128 | 256): string {
  return randomBytes(bits / 8).toString('base64url')
}
