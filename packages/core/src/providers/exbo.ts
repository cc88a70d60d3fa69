import type { ApiKeyHeaders, ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions, requireOneOf } from './preset-options.ts'

const data: PresetData = {
  name: 'EXBO',
  icon: '<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2"><path d="M12 2.5 20.5 7v10L12 21.5 3.5 17V7z"/><path d="M15.5 8.5h-7v7h7M8.5 12h6"/></svg>',
  authorizationEndpoint: 'https://exbo.net/oauth/authorize',
  tokenEndpoint: 'https://exbo.net/oauth/token',
  clientCredentials: true,
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

/** Options of {@link exbo}. */
export interface ExboOptions<Id extends string = 'exbo'> extends ProviderOptions<Id> {
  /**
   * What `application('exbo')` sends: a token of the client's own, one for the whole cluster, or the client's id and secret
   * as headers, as the STALCRAFT API takes them too.
   * @default 'token'
   */
  readonly application?: 'token' | 'client_headers'
}

const clientHeaders: ApiKeyHeaders = (_origin, { clientId, clientSecret = '' }) => ({
  'client-id': clientId,
  'client-secret': clientSecret,
})

/**
 * EXBO (STALCRAFT). A new token set ends all earlier ones of that user; tokens live about a year. The API counts requests and
 * says so in the headers `x-ratelimit-limit`, `-remaining` and `-reset` of each response.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function exbo<const Id extends string = 'exbo'>(options: ExboOptions<Id> = {}): ProviderPreset<Id> {
  checkPresetOptions('exbo', options, {}, ['application'])
  const { application = 'token', ...rest } = options
  requireOneOf('exbo', 'application', application, ['token', 'client_headers'])
  const headers = application === 'client_headers' ? { apiKeyHeaders: clientHeaders } : {}
  return defineProvider(rest.id ?? ('exbo' as Id), { ...data, ...headers }, rest) // without an id, Id is its default
}
