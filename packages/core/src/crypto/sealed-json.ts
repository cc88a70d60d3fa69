import { SealError } from './seal.ts'

/** The fields of a JSON object, nothing known about them yet. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * The object in an opened plaintext. A process that meets a higher `schema` than its own leaves the record alone.
 * @throws {SealError} `unknown_format`: written by a newer version. `corrupt`: anything else than such an object.
 */
export function sealedObject(plaintext: Uint8Array, schema: number): Fields {
  const from = parsed(Buffer.from(plaintext).toString('utf8'))
  if (typeof from.schema === 'number' && from.schema > schema) throw new SealError('unknown_format')
  if (from.schema !== schema) throw new SealError('corrupt')
  return from
}

function parsed(json: string): Fields {
  try {
    return object(JSON.parse(json))
  } catch {
    throw new SealError('corrupt')
  }
}

/** @throws {SealError} `corrupt`: not a plain object. */
export function object(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SealError('corrupt')
  return value as Fields // an object, by the line above
}

/** @throws {SealError} `corrupt`: not an array. */
export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new SealError('corrupt')
  return value
}

/** @throws {SealError} `corrupt`: not a string. */
export function text(value: unknown): string {
  if (typeof value !== 'string') throw new SealError('corrupt')
  return value
}

/** @throws {SealError} `corrupt`: not a finite number. */
export function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new SealError('corrupt')
  return value
}

/** @throws {SealError} `corrupt`: not a boolean. */
export function boolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new SealError('corrupt')
  return value
}
