import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Twitch',
  authorizationEndpoint: 'https://id.twitch.tv/oauth2/authorize',
  tokenEndpoint: 'https://id.twitch.tv/oauth2/token',
  clientCredentials: true,
  revocationEndpoint: 'https://id.twitch.tv/oauth2/revoke',
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  userinfo: {
    endpoint: 'https://api.twitch.tv/helix/users',
    fields: {
      id: 'data.0.id',
      ids: { login: 'data.0.login' },
      name: ['data.0.display_name', 'data.0.login'],
      email: 'data.0.email',
      picture: 'data.0.profile_image_url',
    },
  },
  tokenAnswer: { error: 'message' },
  deadRefresh: [{ error: 'Invalid refresh token' }],
  credentials: { headers: { authorization: 'Bearer {access_token}', 'client-id': '{client_id}' } },
  resourceOrigins: ['https://api.twitch.tv'],
}

/**
 * Twitch. Its errors have no `error`, its scope is a list, and its API wants the client id. It asks apps to validate tokens
 * hourly, which Latchkey does not do. Facts from Twitch's documentation (high confidence), except PKCE (unknown, not sent).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const twitch: Preset<'twitch'> = preset('twitch', data)
