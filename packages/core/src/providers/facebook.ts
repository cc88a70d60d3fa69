import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Facebook',
  authorizationEndpoint: 'https://www.facebook.com/v24.0/dialog/oauth',
  tokenEndpoint: 'https://graph.facebook.com/v24.0/oauth/access_token',
  clientCredentials: true,
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  scope: ['public_profile', 'email'],
  scopeSeparator: ',',
  userinfo: {
    endpoint: 'https://graph.facebook.com/me?fields=id,name,email',
    // Facebook may leave `email` out, and does not say whether it is verified.
    fields: { id: 'id', name: 'name', email: 'email' },
  },
  resourceOrigins: ['https://graph.facebook.com'],
}

/**
 * Facebook. There is no refresh token: when the access token ends, the user signs in again. Its errors are objects. Facts
 * from other libraries' sources (medium confidence); the version stands in the URLs and can be set with them.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const facebook: Preset<'facebook'> = preset('facebook', data)
