import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'
import { httpsUrlOf } from './url-options.ts'

/** Options of {@link keycloak}. */
export interface KeycloakOptions<Id extends string> extends ProviderOptions<Id> {
  /** The issuer: `https://login.example.com/realms/<realm>`. */
  readonly realmUrl: string
}

/**
 * Keycloak: everything is discovered from the URL of the realm, which is the issuer. Facts from other libraries' sources
 * (medium confidence); how long a refresh token lives is read where the answer says it.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function keycloak<const Id extends string = 'keycloak'>(
  options: KeycloakOptions<Id>,
): ProviderPreset<Id> {
  const { realmUrl, ...rest } = options ?? {}
  checkPresetOptions('keycloak', rest, {})
  const issuer = httpsUrlOf('keycloak', 'realmUrl', realmUrl, 'https://login.example.com/realms/example')
  const data = {
    name: 'Keycloak',
    issuer,
    clientCredentials: true,
    scope: ['openid', 'profile', 'email'],
    tokenAnswer: { refreshTokenExpiresIn: 'refresh_expires_in' },
    resourceOrigins: [],
  }
  return defineProvider(rest.id ?? ('keycloak' as Id), data, rest) // without an id, Id is its default
}
