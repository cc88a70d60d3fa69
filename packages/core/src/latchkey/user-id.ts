import { kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'

const longestUserId = 512

/** @throws {LatchkeyError} `invalid_options`: no user id. */
export function requireUserId(call: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '' && value.length <= longestUserId) return
  const what = typeof value === 'string' ? `text of ${value.length} characters` : kindOf(value)
  const fix = typeof value === 'number' ? ' Pass String(id).' : ''
  throw invalidOption(`${call}: a user id is text of 1 to ${longestUserId} characters, not ${what}.${fix}`)
}
