import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'

type Headers = Readonly<Record<string, string>>

/**
 * The headers that carry the access token to a resource server, as the preset says: a scheme before the token, or
 * header pairs, with the preset's fixed headers. The answer belongs to one user, so no cache on the way may keep it,
 * unless the preset says otherwise. Lower-case names. Secret.
 * @see RFC 9111 §5.2.1.5
 */
export function resourceHeaders(
  provider: Provider,
  tokens: Pick<TokenSet, 'accessToken'>,
): Record<string, string> {
  return { ...fixedResourceHeaders(provider), ...credentialHeaders(provider, tokens.accessToken) }
}

/** Those of {@link resourceHeaders} that are the same for every token. */
export function fixedResourceHeaders({ resourceHeaders }: Provider): Record<string, string> {
  return lowerCaseNames({ 'cache-control': 'no-store', ...lowerCaseNames(resourceHeaders) })
}

/** Those of {@link resourceHeaders} that carry the token. */
export function credentialHeaders(
  { credentials, clientId, clientSecret = '' }: Provider,
  accessToken: string,
): Record<string, string> {
  if ('scheme' in credentials) return { authorization: `${credentials.scheme} ${accessToken}` }
  const values: Headers = { access_token: accessToken, client_id: clientId, client_secret: clientSecret }
  return Object.fromEntries(
    Object.entries(credentials.headers).map(([name, text]) => [name.toLowerCase(), fill(text, values)]),
  )
}

/** The headers that prove the client by itself, without a token. Lower-case names. Secret. */
export function apiKeyHeaders(provider: Provider, origin: string): Record<string, string> {
  const { clientId, clientSecret } = provider
  const client = { clientId, ...(clientSecret === undefined ? {} : { clientSecret }) }
  return lowerCaseNames(provider.apiKeyHeaders?.(origin, client) ?? {})
}

function fill(template: string, values: Headers): string {
  return template.replace(
    /\{(access_token|client_id|client_secret)\}/g,
    (_match, name: string) => values[name] ?? '',
  )
}

/** Header names compare case-insensitively; a record of them has each once. */
export function lowerCaseNames(headers: Headers): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
