import { RedisError } from './errors.ts'

/** The bytes of a reply; `undefined` for none. */
export function bytesIn(reply: unknown): Buffer | undefined {
  if (reply === null) return undefined
  if (Buffer.isBuffer(reply)) return reply
  throw unexpected()
}

/** The text of a reply; `undefined` for none. */
export function textIn(reply: unknown): string | undefined {
  return bytesIn(reply)?.toString('utf8')
}

/** The number in a reply. */
export function numberIn(reply: unknown): number {
  if (typeof reply === 'number') return reply
  const number = Number(textIn(reply))
  if (Number.isFinite(number)) return number
  throw unexpected()
}

/** The parts of a reply. */
export function listIn(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply
  throw unexpected()
}

/** No script of ours answers so: something between us and Redis has mixed replies up. */
function unexpected(): RedisError {
  return new RedisError('UNEXPECTED')
}
