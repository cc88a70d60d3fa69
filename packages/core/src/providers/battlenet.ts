import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

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
export function battlenet<const Id extends string = 'battlenet'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('battlenet', options, {})
  return defineProvider(options.id ?? ('battlenet' as Id), data, options) // without an id, Id is its default
}
