import type { ProviderPreset } from '../protocol/provider.ts'
import { auth0 } from './auth0.ts'
import type { ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

/**
 * Bitfount, an Auth0 tenant whose tokens are for its Hub. Its program is a public client; the client id changes between
 * environments and must be named. What the user is called there stands in a claim of the ID token, `ids.username`. Facts from
 * Bitfount's published client (high confidence); whether its device sign-in is still enabled is not known.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function bitfount<const Id extends string = 'bitfount'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('bitfount', options, {})
  return auth0<Id>({
    domain: 'auth.bitfount.com',
    audience: 'https://hub.bitfount.com/api',
    name: 'Bitfount',
    clientAuth: { method: 'none' },
    scope: ['profile', 'openid', 'offline_access'],
    userinfo: {
      endpoint: 'https://auth.bitfount.com/userinfo',
      fields: {
        id: 'sub',
        ids: { username: 'https://www.bitfount.com/username' },
        name: ['https://www.bitfount.com/username', 'name'],
        email: 'email',
        emailVerified: 'email_verified',
        picture: 'picture',
      },
    },
    resourceOrigins: ['https://hub.bitfount.com', 'https://am.hub.bitfount.com'],
    ...options,
    id: options.id ?? ('bitfount' as Id), // without an id, Id is its default
  })
}
