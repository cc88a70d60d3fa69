import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Battle.net',
  authorizationEndpoint: 'https://oauth.battle.net/authorize',
  tokenEndpoint: 'https://oauth.battle.net/token',
  clientCredentials: true,
  pkce: 'never',
  sendEmptyScope: true,
  userinfo: { endpoint: 'https://oauth.battle.net/userinfo', fields: { id: 'sub', name: 'battle_tag' } },
  resourceOrigins: [
    'https://eu.api.blizzard.com',
    'https://us.api.blizzard.com',
    'https://kr.api.blizzard.com',
  ],
}

/**
 * Battle.net, outside China. Whether it knows PKCE and refresh tokens is not clear: PKCE is not sent, and without a refresh
 * token the user signs in again. Names no e-mail. Facts from other libraries' sources (medium confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const battlenet: Preset<'battlenet'> = preset('battlenet', data)
