import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Slack',
  issuer: 'https://slack.com',
  authorizationEndpoint: 'https://slack.com/openid/connect/authorize',
  tokenEndpoint: 'https://slack.com/api/openid.connect.token',
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  scope: ['openid', 'profile', 'email'],
  userinfo: {
    endpoint: 'https://slack.com/api/openid.connect.userInfo',
    fields: {
      id: 'sub',
      ids: { user: 'https://slack.com/user_id', team: 'https://slack.com/team_id' },
      name: 'name',
      email: 'email',
      emailVerified: 'email_verified',
      picture: 'picture',
    },
  },
  resourceOrigins: ['https://slack.com'],
}

/**
 * Sign in with Slack (OpenID Connect); for Slack's other APIs describe a client with `oauth2()`. Failures may come with 200 and
 * `ok: false`. Facts from other libraries' sources (medium confidence); none of them sends PKCE.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const slack: Preset<'slack'> = preset('slack', data)
