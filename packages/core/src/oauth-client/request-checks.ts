import { isTextList, kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'
import { reservedTokenParams } from '../protocol/client-request.ts'
import { isLoopbackLiteral } from '../protocol/endpoint-url.ts'
import type { Provider } from '../protocol/provider.ts'
import { acceptsRedirectUri } from '../protocol/redirect-uri.ts'

/** Further parameters of one request. They replace none of Latchkey's own. */
export type RequestParams = Readonly<Record<string, string>>

/**
 * The scope to ask for: the call's, else `otherwise`.
 * @throws {LatchkeyError} `invalid_options`: no list of scopes.
 */
export function requestedScope(
  scope: readonly string[] | undefined,
  otherwise: readonly string[],
): readonly string[] {
  if (scope === undefined) return otherwise
  if (isTextList(scope) && scope.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name))) return scope
  throw invalidOption(
    "scope must be a list with one scope in each entry: ['a', 'b']; [] asks for none.",
    'scope',
  )
}

/**
 * Parameters that may stand in a token request.
 * @throws {LatchkeyError} `invalid_options`: one of them is Latchkey's own, or no text.
 */
export function tokenParams(params: RequestParams | undefined): RequestParams {
  for (const [name, value] of Object.entries(params ?? {})) {
    if (reservedTokenParams.has(name) || name === 'scope') {
      throw invalidOption(`params may not set ${name}, which Latchkey sets itself. Remove it.`)
    }
    if (typeof value !== 'string') throw invalidOption(`params.${name} must be a string.`)
  }
  return params ?? {}
}

/**
 * Refuses a redirect URI that would lead a code over an open line, or that the server is known to refuse.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkRedirectUri(provider: Provider, redirectUri: string): void {
  if (typeof redirectUri !== 'string' || !URL.canParse(redirectUri)) {
    throw invalidOption(
      'redirectUri must be an absolute URL, the one that is registered at the server.',
      'redirectUri',
    )
  }
  const { protocol, hostname, hash } = new URL(redirectUri)
  if (hash !== '') throw invalidOption('redirectUri must have no # (RFC 6749 section 3.1.2).', 'redirectUri')
  if (protocol === 'http:' && hostname !== 'localhost' && !isLoopbackLiteral(hostname)) {
    throw invalidOption('redirectUri must be https; http only on 127.0.0.1 or [::1].', 'redirectUri')
  }
  if (acceptsRedirectUri(provider, redirectUri)) return
  throw invalidOption(
    `${provider.name} wants a redirectUri with https, or http on 127.0.0.1 or [::1], and never localhost.`,
    'redirectUri',
  )
}

/**
 * Text that the app must have kept, or been given.
 * @throws {LatchkeyError} `invalid_options` that says where it comes from.
 */
export function requireText(name: string, value: unknown, from: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalidOption(`${name} must be ${from}, but it is ${value === '' ? 'empty' : kindOf(value)}.`)
}
