import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

/** Options of {@link oauth2}: a server that no preset describes. */
export interface OAuth2Options<Id extends string> extends ProviderOptions<Id> {
  readonly id: Id
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  /** Exact origins that may receive the access token. */
  readonly resourceOrigins: readonly string[]
}

/**
 * A plain OAuth 2 authorization server (RFC 6749). Signing in needs `userinfo`: a URL whose answer has the claims of
 * OpenID Connect, or `{ endpoint, fields }` that says where the id stands.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function oauth2<const Id extends string>(options: OAuth2Options<Id>): ProviderPreset<Id> {
  checkPresetOptions('oauth2', options, {
    id: "a name of your own for this server, like 'example'",
    resourceOrigins: "the origins that may receive access tokens, like ['https://api.example.com'], or []",
  })
  const { id, resourceOrigins } = options
  return defineProvider(id, { name: id, clientCredentials: true, resourceOrigins }, options)
}
