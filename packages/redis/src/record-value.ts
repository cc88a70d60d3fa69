import type { VersionedRecord } from '@latchkey/core'

/**
 * A record as one value: a byte that says how long the version is, the version, the sealed bytes. Two versions never
 * share a beginning, so a script compares versions by looking at how a value begins.
 */
export function recordValue({ version, sealed }: VersionedRecord): Buffer {
  return Buffer.concat([versionMark(version), sealed])
}

/** How the value of a record of this version begins; empty for no record. */
export function versionMark(version: string | undefined): Buffer {
  if (version === undefined) return Buffer.alloc(0)
  const bytes = Buffer.from(version, 'utf8')
  if (bytes.length > 255) throw new RangeError('A version has at most 255 bytes.')
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** The record in a value. What nobody of ours wrote becomes a record that does not open. */
export function recordIn(value: Buffer): VersionedRecord {
  const end = 1 + (value[0] ?? 0)
  return { version: value.toString('utf8', 1, end), sealed: value.subarray(end) }
}
