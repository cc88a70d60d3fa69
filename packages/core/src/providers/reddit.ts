import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Reddit',
  authorizationEndpoint: 'https://www.reddit.com/api/v1/authorize',
  tokenEndpoint: 'https://www.reddit.com/api/v1/access_token',
  clientCredentials: true,
  revocationEndpoint: 'https://www.reddit.com/api/v1/revoke_token',
  pkce: 'never',
  scope: ['identity'],
  params: { duration: 'permanent' },
  expectsRefreshToken: true,
  tokenHeaders: { 'user-agent': 'latchkey' },
  resourceHeaders: { 'user-agent': 'latchkey' },
  userinfo: {
    endpoint: 'https://oauth.reddit.com/api/v1/me',
    fields: { id: 'id', name: 'name', picture: 'icon_img' },
  },
  resourceOrigins: ['https://oauth.reddit.com'],
  revocation: 'token',
}

/**
 * Reddit. Asks for a permanent authorization, else there is no refresh token; names no e-mail. Reddit wants a User-Agent of
 * your own: set `tokenHeaders` and `resourceHeaders`. Facts from other libraries' sources (medium confidence); PKCE is
 * unknown and not sent.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const reddit: Preset<'reddit'> = preset('reddit', data)
