import { LatchkeyError } from '../errors.ts'

/** The error of a wrong configuration. The message names option, variable and fix, and never a secret's value. */
export function invalidOption(message: string): LatchkeyError {
  return new LatchkeyError('invalid_options', message)
}
