import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

/** Options of {@link oidc}. */
export interface OidcOptions<Id extends string> extends ProviderOptions<Id> {
  readonly id: Id
  /** Exactly as the server's discovery document spells it, trailing slash included. */
  readonly issuer: string
}

/**
 * An OpenID provider, found by its discovery document at first use (OpenID Connect Discovery 1.0). Every endpoint can be
 * configured instead.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function oidc<const Id extends string>(options: OidcOptions<Id>): ProviderPreset<Id> {
  checkPresetOptions('oidc', options, {
    id: "a name of your own for this server, like 'company'",
    issuer: "the issuer that the server's discovery document names, like 'https://login.example.com'",
  })
  const { id } = options
  const scope = ['openid', 'profile', 'email']
  return defineProvider(id, { name: id, clientCredentials: true, scope, resourceOrigins: [] }, options)
}
