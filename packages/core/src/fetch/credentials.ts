import { LatchkeyError } from '../errors.ts'
import { printable } from '../log.ts'
import type { Provider } from '../protocol/provider.ts'
import { apiKeyHeaders, credentialHeaders, fixedResourceHeaders } from '../protocol/resource-headers.ts'
import type { TokenSet } from '../protocol/token.ts'

/** Header names in lower case with their values. */
export type HeaderRecord = Record<string, string>

/** Headers that name the target or the message's length: never the caller's. */
const alwaysReserved = ['authorization', 'host']

/**
 * The credentials of one provider's API requests, as the preset describes them: an authorization scheme or header
 * pairs, and the fixed extra headers.
 */
export class Credentials {
  readonly #provider: Provider
  readonly #by: 'token' | 'api_key'
  readonly #reserved: ReadonlySet<string>
  readonly #fixed: readonly (readonly [name: string, value: string])[]

  /** @param by what proves who asks. An API key is the client's own, and needs no token. */
  constructor(provider: Provider, by: 'token' | 'api_key' = 'token') {
    this.#provider = provider
    this.#by = by
    this.#fixed = Object.entries(fixedResourceHeaders(provider))
    const own = provider.resourceOrigins.flatMap((origin) => Object.keys(this.#proof('', origin)))
    this.#reserved = new Set([...alwaysReserved, ...own.map((name) => name.toLowerCase())])
  }

  /**
   * The caller's headers, checked: an own record with names in lower case, and the values of a repeated name in one
   * (RFC 9110 §5.2). `content-length` is left out, because it is counted from the body.
   *
   * @throws {TypeError} A header that is ours, or one that HTTP forbids (line breaks, control characters).
   */
  callerHeaders(entries: Iterable<readonly [string, string | readonly string[] | undefined]>): HeaderRecord {
    const headers: HeaderRecord = Object.create(null)
    for (const [written, value] of entries) {
      const name = String(written).toLowerCase()
      if (value === undefined || value === null || name === 'content-length') continue
      const values = [value].flat().map(String)
      this.#refuse(name, values)
      const all = [headers[name] ?? [], values].flat()
      headers[name] = all.join(name === 'cookie' ? '; ' : ', ')
    }
    return headers
  }

  /**
   * Names in lower case, each followed by its value: the preset's fixed headers, over them the caller's own, and the
   * credentials.
   */
  authorize(own: HeaderRecord, { accessToken }: Pick<TokenSet, 'accessToken'>, origin: string): string[] {
    const headers: string[] = []
    const credentials = this.#proof(accessToken, origin)
    for (const [name, value] of Object.entries(credentials)) {
      if (!isHeaderValue(value)) throw unusableToken(this.#provider.id)
      headers.push(name, value)
    }
    for (const [name, value] of this.#fixed) {
      if (!(name in own) && !(name in credentials)) headers.push(name, value)
    }
    for (const [name, value] of Object.entries(own)) headers.push(name, value)
    return headers
  }

  #proof(accessToken: string, origin: string): Record<string, string> {
    if (this.#by === 'api_key') return apiKeyHeaders(this.#provider, origin)
    return credentialHeaders(this.#provider, accessToken)
  }

  #refuse(name: string, values: readonly string[]): void {
    if (this.#reserved.has(name)) {
      throw new TypeError(
        `The request header "${name}" is set by Latchkey and cannot be passed in: remove it from the call.`,
      )
    }
    if (!isHeaderName(name)) {
      throw new TypeError(`"${printable(name).slice(0, 100)}" is not the name of an HTTP header.`)
    }
    for (const text of values) {
      if (!isHeaderValue(text)) {
        throw new TypeError(`The request header "${name}" holds a line break or another forbidden character.`)
      }
    }
  }
}

/** A token of RFC 9110 §5.6.2. */
function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)
}

/** Visible characters, spaces, tabs and Latin-1 bytes (RFC 9110 §5.5): no line break, no NUL. */
function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

// Token answers with such a token are refused when they arrive, so this guards only what was stored some other way.
function unusableToken(provider: string): LatchkeyError {
  return new LatchkeyError('as_misconfigured', 'The stored access token cannot be sent in a header.', {
    provider,
    reason: 'token_characters',
  })
}
