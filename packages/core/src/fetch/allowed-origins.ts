import { LatchkeyError } from '../errors.ts'

/** Longest origin that an error message repeats. */
const longestEcho = 200

/**
 * The origins that may receive one provider's access tokens: exact scheme, host and port, compared after WHATWG
 * parsing, so that what is checked is what is requested.
 */
export class AllowedOrigins {
  readonly #provider: string
  readonly #origins: ReadonlySet<string>

  /** @param origins checked: scheme, host and port, as `URL.origin` spells them. */
  constructor(provider: string, origins: readonly string[]) {
    this.#provider = provider
    this.#origins = new Set(origins)
  }

  /** True when a token may go to `url`. */
  allows(url: URL): boolean {
    return this.#origins.has(url.origin) && isPlainHttp(url)
  }

  /**
   * The parsed `target`; request this and not the text it came from.
   *
   * @throws {LatchkeyError} `origin_not_allowed`: no token may go there. Nothing was resolved or opened.
   */
  check(target: string | URL): URL {
    const url = parseTarget(target)
    this.require(url)
    return url
  }

  /**
   * The origin of a URL that {@link parseTarget} made.
   *
   * @throws {LatchkeyError} `origin_not_allowed`: no token may go there.
   */
  require(url: URL): string {
    const { origin } = url
    if (!this.#origins.has(origin)) throw originRefused(url, this.#provider)
    return origin
  }
}

/**
 * The absolute URL that `target` means, user information refused.
 *
 * @throws {LatchkeyError} `origin_not_allowed`: not an absolute http(s) URL, or it names a user.
 */
export function parseTarget(target: string | URL): URL {
  const url = URL.parse(String(target))
  if (url === null) {
    throw new LatchkeyError(
      'origin_not_allowed',
      'The URL of an API request must be absolute, for example https://api.example.com/me.',
    )
  }
  if (!isPlainHttp(url)) throw originRefused(url, undefined)
  return url
}

/** The error for a target that no token may go to. It repeats the origin only: paths and queries hold secrets. */
export function originRefused(url: URL, provider: string | undefined): LatchkeyError {
  const where = describeOrigin(url)
  const lists = provider === undefined ? 'No provider lists' : `The provider "${provider}" does not list`
  const message =
    url.username !== '' || url.password !== ''
      ? `A URL with a user name or password gets no token (${where}): remove them from the URL.`
      : `${lists} ${where} in its resourceOrigins, so no token goes there. If it belongs to the provider's API, ` +
        `add it: resourceOrigins: ['${httpOrigin(url) ?? 'https://api.example.com'}'].`
  return new LatchkeyError('origin_not_allowed', message, provider === undefined ? {} : { provider })
}

// `blob:https://api.example.com/…` has the origin of what it wraps, hence the look at the scheme itself.
function isPlainHttp(url: URL): boolean {
  return (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === ''
}

function httpOrigin(url: URL): string | undefined {
  return url.protocol === 'https:' || url.protocol === 'http:' ? cut(url.origin) : undefined
}

function describeOrigin(url: URL): string {
  return httpOrigin(url) ?? `a ${cut(url.protocol)} URL`
}

function cut(text: string): string {
  return text.length <= longestEcho ? text : `${text.slice(0, longestEcho)}…`
}
