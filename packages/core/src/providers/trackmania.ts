import type { PresetData } from './define-provider.ts'
import { type Preset, preset } from './preset.ts'

/** The scopes of Trackmania's API. */
export type TrackmaniaScope = 'clubs' | 'read_favorite' | 'write_favorite'

const data: PresetData = {
  name: 'Trackmania',
  authorizationEndpoint: 'https://api.trackmania.com/oauth/authorize',
  tokenEndpoint: 'https://api.trackmania.com/api/access_token',
  clientCredentials: true,
  clientAuth: { method: 'client_secret_post' },
  pkce: 'never',
  // Signing in needs none.
  scope: [],
  userinfo: {
    endpoint: 'https://api.trackmania.com/api/user',
    fields: { id: 'accountId', name: 'displayName' },
  },
  resourceOrigins: ['https://api.trackmania.com'],
}

/**
 * Trackmania: the player's account and clubs; for Nadeo's web services there is `nadeo()`. Tokens live an hour, refresh tokens
 * about a month, and each refresh brings a new one. Facts from the official documentation (high confidence) and Openplanet's
 * (medium). Not known: PKCE (not sent), the body of an error, and whether the old refresh token dies (taken for dead).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export const trackmania: Preset<'trackmania', TrackmaniaScope> = preset('trackmania', data)
