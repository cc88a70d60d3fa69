import { isLoopbackLiteral } from '../protocol/endpoint-url.ts'
import type { Provider, ProviderPreset } from '../protocol/provider.ts'
import { type Environment, resolveClient } from '../providers/resolve-client.ts'
import { invalidOption } from './invalid-option.ts'

/** All configured providers, complete and checked. */
export function completeProviders(
  presets: readonly ProviderPreset[],
  environment: Environment,
): readonly Provider[] {
  const providers = presets.map((preset) => resolveClient(preset, environment))
  const ids = providers.map(({ id }) => id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice === undefined) return providers
  throw invalidOption(
    `Two providers have the id "${twice}". Give one of them its own: { id: '${twice}-2', … }.`,
  )
}

/**
 * Refuses a redirect URI that the authorization server is known to refuse.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkRedirectUri({ id, name, redirectUriRule }: Provider, redirectUri: string): void {
  if (redirectUriRule !== 'loopback_literal') return
  const { hostname, protocol } = new URL(redirectUri)
  if (hostname !== 'localhost' && (protocol === 'https:' || isLoopbackLiteral(hostname))) return
  throw invalidOption(
    `${name} ("${id}") does not accept the redirect URI ${redirectUri}: it wants https, or http on 127.0.0.1, and ` +
      'never localhost. Change the option baseUrl.',
  )
}
