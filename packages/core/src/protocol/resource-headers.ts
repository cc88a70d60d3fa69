import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'

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
  const { credentials, resourceHeaders: fixed } = provider
  const values: Readonly<Record<string, string>> = {
    access_token: tokens.accessToken,
    client_id: provider.clientId,
    client_secret: provider.clientSecret ?? '',
  }
  const pairs =
    'scheme' in credentials
      ? { authorization: `${credentials.scheme} ${tokens.accessToken}` }
      : Object.fromEntries(
          Object.entries(credentials.headers).map(([name, text]) => [name, fill(text, values)]),
        )
  return lowerCaseNames({ 'cache-control': 'no-store', ...fixed, ...pairs })
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(
    /\{(access_token|client_id|client_secret)\}/g,
    (_match, name: string) => values[name] ?? '',
  )
}

/** Header names compare case-insensitively; a record of them has each once. */
export function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
