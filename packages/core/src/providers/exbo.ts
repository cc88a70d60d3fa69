import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

const data: PresetData = {
  name: 'EXBO',
  icon: '<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2"><path d="M12 2.5 20.5 7v10L12 21.5 3.5 17V7z"/><path d="M15.5 8.5h-7v7h7M8.5 12h6"/></svg>',
  authorizationEndpoint: 'https://exbo.net/oauth/authorize',
  tokenEndpoint: 'https://exbo.net/oauth/token',
  clientAuth: { method: 'client_secret_post' },
  // None is documented, and an unknown parameter may be refused.
  pkce: 'never',
  // No scopes are defined; the server wants the empty parameter all the same.
  sendEmptyScope: true,
  // At least one client reads this; it is not in the documented answer.
  tokenAnswer: { refreshTokenExpiresIn: 'refresh_expires_in' },
  userinfo: {
    endpoint: 'https://exbo.net/oauth/user',
    fields: {
      id: 'id',
      ids: { uuid: 'uuid', login: 'login', distributor_id: 'distributor_id' },
      name: ['display_login', 'login'],
    },
  },
  resourceOrigins: ['https://eapi.stalcraft.net', 'https://exbo.net'],
  // The token error body is not documented, so a refusal in any other shape than `invalid_grant` deletes nothing.
  deadRefresh: [{ error: 'invalid_grant' }],
  // Whether a refresh ends the access token before it is not known: waiting for the new one is right either way.
  refreshEndsAccessToken: true,
  // Each code exchange ends all earlier tokens of that user.
  exclusive: true,
}

/**
 * EXBO (STALCRAFT). A new token set ends all earlier ones of that user; tokens live about a year.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function exbo<const Id extends string = 'exbo'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('exbo', options, {})
  return defineProvider(options.id ?? ('exbo' as Id), data, options) // without an id, Id is its default
}
