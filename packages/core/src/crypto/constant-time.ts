import { createHash, timingSafeEqual } from 'node:crypto'

/** Compares two strings in a time that says nothing about where they differ. */
export function equalInConstantTime(a: string, b: string): boolean {
  const digestOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()
  return timingSafeEqual(digestOf(a), digestOf(b))
}
