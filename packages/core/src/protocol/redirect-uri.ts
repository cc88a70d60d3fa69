import { isLoopbackLiteral } from './endpoint-url.ts'
import type { Provider } from './provider.ts'

/** False for a redirect URI that the authorization server is known to refuse. */
export function acceptsRedirectUri(
  { redirectUriRule }: Pick<Provider, 'redirectUriRule'>,
  redirectUri: string,
): boolean {
  if (redirectUriRule !== 'loopback_literal') return true
  const { hostname, protocol } = new URL(redirectUri)
  return hostname !== 'localhost' && (protocol !== 'http:' || isLoopbackLiteral(hostname))
}
