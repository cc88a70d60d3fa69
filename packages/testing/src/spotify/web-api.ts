import type { EmulatedUser } from '../authorization-server/client.ts'
import type { LiveGrant } from '../authorization-server/grants.ts'
import type { AuthorizationServer } from '../authorization-server/server.ts'
import type { Route } from '../http/emulator-server.ts'
import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import { spotifyAccountId } from './accounts.ts'

/** Names of the Web API endpoints, for faults, counters and the request log. */
export type SpotifyApiEndpoint = 'me' | 'topTracks' | 'recentlyPlayed' | 'newReleases'

/** Body of a Web API error. */
export interface SpotifyApiError {
  readonly error: { readonly status: number; readonly message: string }
}

const TRACKS: readonly (readonly [title: string, artist: string, album: string])[] = [
  ['Difference Engine', 'The Analytical Engines', 'Note G'],
  ['First Moth', 'Mark II', 'Logbook 1947'],
  ['Nanoseconds', 'Thirty Centimetres of Wire', 'Flow-Matic'],
  ['Just for Fun', 'The Kernels', '0.01'],
  ['Bernoulli Waltz', 'The Analytical Engines', 'Note G'],
]

/** A body in the form of Web API errors: an object, not the string of OAuth. */
export function spotifyApiError(status: number, message: string): SpotifyApiError {
  return { error: { status, message } }
}

/** The endpoints of the Web API, answering for the tokens of `as`. */
export function spotifyApiRoutes(as: AuthorizationServer): readonly Route<SpotifyApiEndpoint>[] {
  const get = (endpoint: SpotifyApiEndpoint, path: string, handle: Route<SpotifyApiEndpoint>['handle']) =>
    ({ endpoint, methods: ['GET'], path, handle }) as const
  return [
    get('me', '/v1/me', (request) => withUser(as, request, undefined, profile)),
    get('topTracks', '/v1/me/top/tracks', (request) => withUser(as, request, 'user-top-read', topTracks)),
    get('recentlyPlayed', '/v1/me/player/recently-played', (request) =>
      withUser(as, request, 'user-read-recently-played', recentlyPlayed),
    ),
    get('newReleases', '/v1/browse/new-releases', (request) => newReleases(as, request)),
  ]
}

type Answer = (user: EmulatedUser, grant: LiveGrant, request: ReceivedRequest) => object

function withUser(
  as: AuthorizationServer,
  request: ReceivedRequest,
  scope: string | undefined,
  answer: Answer,
): Reply {
  const grant = accepted(as, request)
  if ('status' in grant) return grant
  const user = as.users.find((one) => one.id === grant.userId)
  if (user === undefined) return problem(403, 'This request requires user authentication.')
  if (scope !== undefined && !grant.scope.includes(scope)) return problem(403, 'Insufficient client scope')
  return json(200, answer(user, grant, request))
}

function newReleases(as: AuthorizationServer, request: ReceivedRequest): Reply {
  const grant = accepted(as, request)
  if ('status' in grant) return grant
  const albums = [...new Set(TRACKS.map(([, , album]) => album))]
  return json(200, {
    albums: { items: albums.map((name) => ({ name, type: 'album' })), total: albums.length },
  })
}

function accepted(as: AuthorizationServer, request: ReceivedRequest): LiveGrant | Reply {
  const token = bearerToken(request)
  if (token === undefined) return problem(401, 'No token provided')
  return (
    as.introspect(token) ??
    problem(401, as.issued(token) ? 'The access token expired' : 'Invalid access token')
  )
}

function problem(status: number, message: string): Reply {
  return json(status, spotifyApiError(status, message))
}

function profile(user: EmulatedUser, grant: LiveGrant): object {
  return {
    account_id: spotifyAccountId(user),
    id: user.id,
    display_name: user.name,
    type: 'user',
    uri: `spotify:user:${user.id}`,
    images: [],
    ...(grant.scope.includes('user-read-email') ? { email: user.email ?? null } : {}),
  }
}

/** Each user likes the tracks in an order of their own. */
function tracksOf(user: EmulatedUser): readonly object[] {
  const turn = [...user.id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % TRACKS.length
  return [...TRACKS.slice(turn), ...TRACKS.slice(0, turn)].map(([name, artist, album], index) => ({
    id: `track-${(turn + index) % TRACKS.length}`,
    name,
    type: 'track',
    artists: [{ name: artist }],
    album: { name: album },
    duration_ms: 180_000 + index * 7000,
    popularity: 90 - index * 9,
  }))
}

function topTracks(user: EmulatedUser, _grant: LiveGrant, request: ReceivedRequest): object {
  const limit = Number(request.query.get('limit') ?? 20)
  return { items: tracksOf(user).slice(0, limit), total: TRACKS.length, limit, offset: 0 }
}

function recentlyPlayed(user: EmulatedUser, _grant: LiveGrant, request: ReceivedRequest): object {
  const items = tracksOf(user).map((track, index) => ({
    track,
    played_at: new Date((request.at - (index + 1) * 240) * 1000).toISOString(),
  }))
  return { items, limit: 20 }
}
