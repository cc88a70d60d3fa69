import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Strava',
  authorizationEndpoint: 'https://www.strava.com/oauth/authorize',
  tokenEndpoint: 'https://www.strava.com/api/v3/oauth/token',
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  scope: ['read'],
  scopeSeparator: ',',
  tokenAnswer: { expiresAt: 'expires_at' },
  authorizationResponseScope: true,
  userinfo: {
    endpoint: 'https://www.strava.com/api/v3/athlete',
    fields: { id: 'id', ids: { username: 'username' }, name: ['firstname', 'username'], picture: 'profile' },
  },
  resourceOrigins: ['https://www.strava.com'],
}

/**
 * Strava. Scopes are separated by commas; tokens live 6 hours, and each refresh may bring another refresh token. Names no
 * e-mail. Users may leave scopes out: `missingScopes()` knows. Facts from Strava's documentation and other libraries (medium confidence); PKCE is unknown and not sent.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const strava: Preset<'strava'> = preset('strava', data)
