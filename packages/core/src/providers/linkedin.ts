import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'LinkedIn',
  authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
  tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
  clientCredentials: true,
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  scope: ['openid', 'profile', 'email'],
  userinfo: {
    endpoint: 'https://api.linkedin.com/v2/userinfo',
    fields: { id: 'sub', name: 'name', email: 'email', emailVerified: 'email_verified', picture: 'picture' },
  },
  resourceOrigins: ['https://api.linkedin.com'],
  // From the authorization; refreshing does not extend it.
  refreshTokenLifetime: { days: 365 },
}

/**
 * LinkedIn. Only approved partners get refresh tokens, whose year counts from the authorization. Facts from LinkedIn's
 * documentation (high confidence) and other libraries (medium).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const linkedin: Preset<'linkedin'> = preset('linkedin', data)
