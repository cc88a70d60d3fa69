import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'GitHub',
  authorizationEndpoint: 'https://github.com/login/oauth/authorize',
  tokenEndpoint: 'https://github.com/login/oauth/access_token',
  deviceAuthorizationEndpoint: 'https://github.com/login/device/code',
  clientAuth: { method: 'client_secret_post' },
  pkce: 'supported',
  userinfo: {
    endpoint: 'https://api.github.com/user',
    // `email` is the public one, not verified; the others need /user/emails.
    fields: {
      id: 'id',
      ids: { login: 'login' },
      name: ['name', 'login'],
      email: 'email',
      picture: 'avatar_url',
    },
  },
  resourceOrigins: ['https://api.github.com'],
  // Its API refuses requests without one.
  resourceHeaders: { 'user-agent': 'latchkey', accept: 'application/vnd.github+json' },
  // Sent with 200.
  deadRefresh: [{ error: 'bad_refresh_token' }, { error: 'invalid_grant' }],
}

/**
 * GitHub, an OAuth app: its tokens neither expire nor are refreshed. Facts from GitHub's documentation (high confidence);
 * the separator of the answered scope is read either way. Revoking is not RFC 7009 there, so nothing is revoked.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const github: Preset<'github'> = preset('github', data)
