import { hash } from 'node:crypto'

const lengthBytes = 4

/**
 * SHA-256 over a label and parts, as base64url. The label keeps digests of different meaning apart, the length
 * prefix of each part keeps ('ab', 'c') and ('a', 'bc') apart.
 */
export function digest(label: string, ...parts: readonly string[]): string {
  const fields = [label, ...parts]
  const size = fields.reduce((sum, field) => sum + lengthBytes + Buffer.byteLength(field, 'utf8'), 0)
  // Every signed-in request makes a digest: one call over all bytes costs a fraction of a hash that is fed field by field.
  const bytes = Buffer.allocUnsafe(size)
  let end = 0
  for (const field of fields) {
    const length = bytes.write(field, end + lengthBytes, 'utf8')
    bytes.writeUInt32BE(length, end)
    end += lengthBytes + length
  }
  return hash('sha256', bytes, 'base64url')
}
