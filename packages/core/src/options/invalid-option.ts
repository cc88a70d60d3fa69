import { LatchkeyError } from '../errors.ts'

/**
 * The error of a wrong configuration. The message names option, variable and fix, and never a secret's value.
 * @param option its name, for programs that call it otherwise.
 */
export function invalidOption(message: string, option?: string): LatchkeyError {
  return new LatchkeyError('invalid_options', message, option === undefined ? {} : { reason: option })
}
