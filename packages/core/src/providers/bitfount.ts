import type { ApiKeyHeaders, ProviderPreset } from '../protocol/provider.ts'
import { auth0 } from './auth0.ts'
import type { ProviderOptions } from './define-provider.ts'
import { checkPresetOptions, invalidPresetOption } from './preset-options.ts'

/** Options of {@link bitfount}. */
export interface BitfountOptions<Id extends string = 'bitfount'> extends ProviderOptions<Id> {
  /** For `application('bitfount')`: what Bitfount's own programs take from `BITFOUNT_API_KEY_ID` and `BITFOUNT_API_KEY`. */
  readonly apiKey?: { readonly id: string; readonly key: string }
}

const hub = 'https://hub.bitfount.com'

/**
 * Bitfount, an Auth0 tenant whose tokens are for its Hub. Its program is a public client; the client id changes between
 * environments and must be named. What the user is called there stands in a claim of the ID token, `ids.username`. Facts from
 * Bitfount's published client (high confidence); whether its device sign-in is still enabled is not known.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function bitfount<const Id extends string = 'bitfount'>(
  options: BitfountOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('bitfount', options, {}, ['apiKey'])
  const { apiKey, ...rest } = options
  return auth0<Id>({
    domain: 'auth.bitfount.com',
    audience: 'https://hub.bitfount.com/api',
    name: 'Bitfount',
    clientAuth: { method: 'none' },
    clientCredentials: false,
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
    resourceOrigins: [hub, 'https://am.hub.bitfount.com'],
    ...(apiKey !== undefined && { apiKeyHeaders: keyHeaders(apiKey) }),
    ...rest,
    id: rest.id ?? ('bitfount' as Id), // without an id, Id is its default
  })
}

/** The Hub gets the part of the key before its first colon; every other host of Bitfount's gets all of it. */
function keyHeaders(apiKey: NonNullable<BitfountOptions['apiKey']>): ApiKeyHeaders {
  const { id, key }: { readonly id: unknown; readonly key: unknown } = apiKey
  if (typeof id !== 'string' || typeof key !== 'string' || id === '' || key === '') {
    throw invalidPresetOption('bitfount', 'apiKey', 'must be { id, key }, both as text.')
  }
  const [hubKey = ''] = key.split(':', 1)
  return (origin) => ({ 'x-api-key-id': id, 'x-api-key': origin === hub ? hubKey : key })
}
