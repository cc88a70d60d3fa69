import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Google',
  issuer: 'https://accounts.google.com',
  authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
  revocationEndpoint: 'https://oauth2.googleapis.com/revoke',
  pkce: 'required',
  scope: ['openid', 'profile', 'email'],
  params: { access_type: 'offline', prompt: 'consent' },
  expectsRefreshToken: true,
  idTokenIssuers: ['accounts.google.com'],
  resourceOrigins: ['https://www.googleapis.com', 'https://openidconnect.googleapis.com'],
}

/**
 * Google. Asks for offline access and for consent each time, because Google gives a refresh token only with a consent; a
 * refresh brings no new one. A `prompt` of your own takes the place of the consent. Facts from other libraries' sources, which agree (medium confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const google: Preset<'google'> = preset('google', data)
