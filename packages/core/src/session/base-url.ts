import { LatchkeyError } from '../errors.ts'

/** A public address of the app, taken apart once. */
export interface BaseUrl {
  /** Scheme, host and port, as browsers write an origin. */
  readonly origin: string
  /** Host and port as browsers send them in `Host`. */
  readonly host: string
  /** The path prefix without a slash at its end; empty when there is none. */
  readonly path: string
}

/**
 * Takes a configured `baseUrl` apart.
 * @throws {LatchkeyError} `invalid_options`: not an http or https URL, or one with credentials, query or fragment.
 */
export function parseBaseUrl(value: string): BaseUrl {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ''
  if (!plain || value.includes('?') || value.includes('#')) {
    const fix = 'Give scheme, host and, if need be, port and path, like https://app.example.'
    throw new LatchkeyError('invalid_options', `The option baseUrl is not a plain http or https URL. ${fix}`)
  }
  return { origin: url.origin, host: url.host, path: withoutTrailingSlashes(url.pathname) }
}

function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (path.charCodeAt(end - 1) === 0x2f) end -= 1
  return path.slice(0, end)
}
