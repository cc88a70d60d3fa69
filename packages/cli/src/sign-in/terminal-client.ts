import type { ProviderPreset } from '@latchkey/core'
import { credentialVariables } from '@latchkey/core/terminal'

/**
 * A program that others can read keeps no secret: where none is configured, the client is a public one, and PKCE is what
 * proves it (RFC 8252 §8.1 and §8.4).
 */
export function terminalClient(provider: ProviderPreset): ProviderPreset {
  const { clientAuth, pkce } = provider
  const clientSecret = provider.clientSecret ?? process.env[credentialVariables(provider.id).clientSecret]
  const canDoWithout =
    pkce !== 'never' && !('clientSecret' in clientAuth) && clientAuth.method.startsWith('client_secret')
  if (clientSecret || !canDoWithout) return provider
  return { ...provider, clientAuth: { method: 'none' }, pkce: 'required' }
}
