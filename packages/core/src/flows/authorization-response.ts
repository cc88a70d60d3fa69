import { LatchkeyError } from '../errors.ts'
import { responseParameters } from '../protocol/authorization-response.ts'

/** Servers add parameters of their own, which nobody reads; `p` is our own relay of a form. */
const once: ReadonlySet<string> = new Set([...responseParameters, 'p'])

/**
 * The parameters in the raw query or form of an authorization response. Frameworks turn repeated and bracketed names
 * into lists and objects, so theirs are never looked at.
 * @throws {LatchkeyError} `invalid_callback`: a parameter stands twice, or has a name like `code[]`.
 * @see RFC 6749 §3.1
 */
export function parseAuthorizationResponse(raw: string): URLSearchParams {
  const parameters = new URLSearchParams(raw)
  const seen = new Set<string>()
  for (const name of parameters.keys()) {
    const [plain = name] = name.split('[', 1)
    if (!once.has(plain)) continue
    if (plain !== name || seen.has(plain)) throw duplicate()
    seen.add(plain)
  }
  return parameters
}

function duplicate(): LatchkeyError {
  const message = 'The callback has a parameter twice or as a list. Start again at the login.'
  return new LatchkeyError('invalid_callback', message, { reason: 'duplicate' })
}

/** The query of a request target, without its question mark. */
export function rawQuery(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}
