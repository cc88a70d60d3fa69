import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

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
}

/**
 * Discord. Revoking a token ends the user's whole authorization. Facts from Discord's documentation (high confidence), except
 * PKCE, which is undocumented for clients with a secret: it is not sent unless you set `pkce`.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const discord: Preset<'discord'> = preset('discord', data)
