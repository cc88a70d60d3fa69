import { LatchkeyError } from '../errors.ts'

/** The error for an answer of ours that would not get through, because the response has begun. */
export function responseBegun(): LatchkeyError {
  return new LatchkeyError(
    'not_supported',
    'login() and logout() answer the request, but its response has begun already: call them before sending anything.',
  )
}
