import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions, requireOneOf } from './preset-options.ts'

/** The scopes of Spotify's Web API. */
export type SpotifyScope =
  | 'app-remote-control'
  | 'playlist-modify-private'
  | 'playlist-modify-public'
  | 'playlist-read-collaborative'
  | 'playlist-read-private'
  | 'streaming'
  | 'ugc-image-upload'
  | 'user-follow-modify'
  | 'user-follow-read'
  | 'user-library-modify'
  | 'user-library-read'
  | 'user-modify-playback-state'
  | 'user-read-currently-playing'
  | 'user-read-email'
  | 'user-read-playback-position'
  | 'user-read-playback-state'
  | 'user-read-private'
  | 'user-read-recently-played'
  | 'user-top-read'

const data: PresetData = {
  name: 'Spotify',
  icon: '<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="currentColor"><path d="M9 18a3 3 0 1 1-2-2.8V5l12-2v12a3 3 0 1 1-2-2.8V7.4L9 8.7z"/></svg>',
  authorizationEndpoint: 'https://accounts.spotify.com/authorize',
  tokenEndpoint: 'https://accounts.spotify.com/api/token',
  clientCredentials: true,
  pkce: 'supported',
  userinfo: {
    endpoint: 'https://api.spotify.com/v1/me',
    fields: {
      // Spotify asks apps to link accounts by this one, which never changes.
      id: 'account_id',
      ids: { account_id: 'account_id', id: 'id' },
      name: ['display_name', 'id'],
      // Never verified by Spotify, so there is no `emailVerified`.
      email: 'email',
      picture: 'images.0.url',
    },
  },
  resourceOrigins: ['https://api.spotify.com'],
  // Six months from the user's authorization; refreshing does not extend it.
  refreshTokenLifetime: { months: 6 },
  // There is no revocation endpoint: users remove apps in their account settings.
  redirectUriRule: 'loopback_literal',
}

/** Options of {@link spotify}. */
export interface SpotifyOptions<Id extends string = 'spotify'> extends ProviderOptions<Id, SpotifyScope> {
  /** Asks for consent at each sign-in, so that the user can choose another account. @default false */
  readonly showDialog?: boolean
}

/**
 * Spotify. Asks for no scope unless told to: signing in and the public profile need none, `email` needs `user-read-email`.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function spotify<const Id extends string = 'spotify'>(
  options: SpotifyOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('spotify', options, {}, ['showDialog'])
  const { showDialog = false, ...rest } = options
  requireOneOf('spotify', 'showDialog', showDialog, [true, false])
  const dialog = showDialog ? { params: { show_dialog: 'true' } } : {}
  return defineProvider(rest.id ?? ('spotify' as Id), { ...data, ...dialog }, rest) // without an id, Id is its default
}
