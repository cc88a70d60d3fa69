import type { EmulatedUser, RegisteredClient } from '../authorization-server/client.ts'
import { type Dialect, plainUserinfo, rfcProblem } from '../authorization-server/dialect.ts'
import type { Policy } from '../authorization-server/policy.ts'
import { type Reply, text } from '../http/reply.ts'

/** Half a year of 365 days. The documentation says six months and names no number of days. */
const SIX_MONTHS_SECONDS = 15_768_000

/** Every scope that Spotify's OpenAPI description lists. */
export const SPOTIFY_SCOPES: readonly string[] = [
  'app-remote-control',
  'playlist-read-private',
  'playlist-read-collaborative',
  'playlist-modify-public',
  'playlist-modify-private',
  'user-library-read',
  'user-library-modify',
  'user-read-private',
  'user-read-email',
  'user-follow-read',
  'user-follow-modify',
  'user-top-read',
  'user-read-playback-position',
  'user-read-playback-state',
  'user-read-recently-played',
  'user-read-currently-playing',
  'user-modify-playback-state',
  'ugc-image-upload',
  'streaming',
]

/** The id that never changes; applications are told to know a user by it. */
export function spotifyAccountId(user: EmulatedUser): string {
  return String(user.account_id ?? `account-${user.id}`)
}

/** What Spotify's accounts service does of its own accord. */
export const SPOTIFY_POLICY: Partial<Policy> = {
  // With a secret the refresh token stays and is not repeated; with PKCE alone it rotates.
  rotate: 'public',
  refreshTokenLifetimeSeconds: SIX_MONTHS_SECONDS,
  invalidClientStatus: 400,
}

/** The accounts service: no discovery, no revocation, userinfo on the API host. */
export const SPOTIFY_DIALECT: Dialect = {
  brand: { name: 'Spotify', background: '#121212', panel: '#1f1f1f', ink: '#ffffff', accent: '#1ed760' },
  paths: { authorization: '/authorize', token: '/api/token' },
  // One registration serves both kinds: with the secret, or with PKCE and the client id alone.
  authMethods: () => ['client_secret_basic', 'client_secret_post', 'none'],
  refuseRedirectUri,
  problem: rfcProblem,
  userinfo: plainUserinfo,
  userId: spotifyAccountId,
  answersScope: (grant) => grant.userId !== undefined && grant.scope.length > 0,
  expiresIn: (seconds) => seconds,
  accessTokenPrefix: 'BQ',
}

/** Neither problem is redirected: the page says it (text as reported by developers). */
function refuseRedirectUri(client: RegisteredClient, redirectUri: string): Reply | undefined {
  const wanted = withoutLoopbackPort(redirectUri)
  if (isInsecure(redirectUri)) return text(400, 'INVALID_CLIENT: Insecure redirect URI')
  const known = client.redirectUris.some((one) => one === redirectUri || withoutLoopbackPort(one) === wanted)
  return known ? undefined : text(400, 'INVALID_CLIENT: Invalid redirect URI')
}

function isInsecure(redirectUri: string): boolean {
  return redirectUri.startsWith('http:') && !isLoopbackLiteral(redirectUri)
}

/** The port of a loopback literal may differ from the registered one (RFC 8252 §7.3). */
function withoutLoopbackPort(redirectUri: string): string {
  return isLoopbackLiteral(redirectUri)
    ? redirectUri.replace(/^(http:\/\/[^/]*?)(:\d+)?(\/|$)/, '$1$3')
    : redirectUri
}

function isLoopbackLiteral(redirectUri: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|\[::1\])(:\d+)?(\/|$)/.test(redirectUri)
}
