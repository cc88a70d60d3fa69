import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Dropbox',
  authorizationEndpoint: 'https://www.dropbox.com/oauth2/authorize',
  tokenEndpoint: 'https://api.dropboxapi.com/oauth2/token',
  clientAuth: { method: 'client_secret_post' },
  pkce: 'supported',
  params: { token_access_type: 'offline' },
  expectsRefreshToken: true,
  userinfo: {
    endpoint: 'https://api.dropboxapi.com/2/users/get_current_account',
    method: 'POST',
    fields: {
      id: 'account_id',
      name: 'name.display_name',
      email: 'email',
      emailVerified: 'email_verified',
      picture: 'profile_photo_url',
    },
  },
  resourceOrigins: ['https://api.dropboxapi.com', 'https://content.dropboxapi.com'],
}

/**
 * Dropbox. Asks for offline access; a refresh brings no new refresh token. Its revocation is not RFC 7009, so nothing is
 * revoked. Facts from other libraries' sources (medium confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const dropbox: Preset<'dropbox'> = preset('dropbox', data)
