import { LatchkeyError } from '@latchkey/core'

/** Used wrongly: the message says what is meant. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

const codes: Readonly<Record<string, number>> = {
  invalid_options: 2,
  login_required: 3,
  as_unavailable: 4,
  store_unavailable: 4,
}

/** What the shell is told. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2
  return LatchkeyError.is(error) ? (codes[error.code] ?? 1) : 1
}

/** What the person is told: for what is expected to go wrong, no stack. */
export function messageOf(error: unknown, command: string): string {
  if (!LatchkeyError.is(error)) return error instanceof Error ? error.message : String(error)
  const advice =
    error.code === 'login_required' && command !== 'login'
      ? ` Run: latchkey login ${error.provider ?? ''}`
      : ''
  return `${error.message}${advice.trimEnd()}`
}
