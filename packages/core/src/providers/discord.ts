import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

const data: PresetData = {
  name: 'Discord',
  authorizationEndpoint: 'https://discord.com/oauth2/authorize',
  tokenEndpoint: 'https://discord.com/api/oauth2/token',
  clientCredentials: true,
  revocationEndpoint: 'https://discord.com/api/oauth2/token/revoke',
  pkce: 'never',
  scope: ['identify'],
  userinfo: {
    endpoint: 'https://discord.com/api/users/@me',
    fields: { id: 'id', name: ['global_name', 'username'], email: 'email', emailVerified: 'verified' },
  },
  resourceOrigins: ['https://discord.com'],
  revocation: 'authorization',
}

/**
 * Discord. Revoking a token ends the user's whole authorization. Facts from Discord's documentation (high confidence), except
 * PKCE, which is undocumented for clients with a secret: it is not sent unless you set `pkce`.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function discord<const Id extends string = 'discord'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('discord', options, {})
  return defineProvider(options.id ?? ('discord' as Id), data, options) // without an id, Id is its default
}
