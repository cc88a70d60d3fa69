import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

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
  // 365 days from the authorization; refreshing does not extend it.
  refreshTokenLifetime: { months: 12 },
}

/**
 * LinkedIn. Only approved partners get refresh tokens, whose year counts from the authorization. Facts from LinkedIn's
 * documentation (high confidence) and other libraries (medium).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function linkedin<const Id extends string = 'linkedin'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('linkedin', options, {})
  return defineProvider(options.id ?? ('linkedin' as Id), data, options) // without an id, Id is its default
}
