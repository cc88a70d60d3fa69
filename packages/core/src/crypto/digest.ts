import { createHash } from 'node:crypto'

/**
 * SHA-256 over a label and parts, as base64url. The label keeps digests of different meaning apart, the length
 * prefix of each part keeps ('ab', 'c') and ('a', 'bc') apart.
 */
export function digest(label: string, ...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of [label, ...parts]) {
    const bytes = Buffer.from(part, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return hash.digest('base64url')
}
