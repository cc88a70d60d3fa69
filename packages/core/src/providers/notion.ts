import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

const data: PresetData = {
  name: 'Notion',
  authorizationEndpoint: 'https://api.notion.com/v1/oauth/authorize',
  tokenEndpoint: 'https://api.notion.com/v1/oauth/token',
  revocationEndpoint: 'https://api.notion.com/v1/oauth/revoke',
  pkce: 'never',
  params: { owner: 'user' },
  tokenBodyFormat: 'json',
  tokenHeaders: { 'notion-version': '2022-06-28' },
  resourceHeaders: { 'notion-version': '2022-06-28' },
  userinfo: {
    endpoint: 'https://api.notion.com/v1/users/me',
    fields: {
      id: 'bot.owner.user.id',
      name: 'bot.owner.user.name',
      email: 'bot.owner.user.person.email',
      picture: 'bot.owner.user.avatar_url',
    },
  },
  resourceOrigins: ['https://api.notion.com'],
}

/**
 * Notion, a public integration. JSON bodies; the user stands in the token answer, but what Notion says of them is asked for
 * anew. Facts from Notion's documentation (high confidence) and other libraries; PKCE is unknown and not sent. The version of
 * the API can be set with `tokenHeaders` and `resourceHeaders`.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const notion: Preset<'notion'> = preset('notion', data)
