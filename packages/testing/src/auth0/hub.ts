import type { AuthorizationServer } from '../authorization-server/server.ts'
import type { Route } from '../http/emulator-server.ts'
import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply, redirect } from '../http/reply.ts'

/** Names of the API's endpoints, for faults, counters and the request log. */
export type Auth0ApiEndpoint = 'echo' | 'away'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** An API key that the API takes in the place of a token. */
export interface ApiKey {
  readonly id: string
  /** All of it; the Hub is shown the part before the first colon alone. */
  readonly key: string
}

/** The API that access tokens are for: it says what it was sent, and `/away?to=<URL>` leads elsewhere. */
export function hubRoutes(
  as: AuthorizationServer,
  audience: string,
  apiKey: ApiKey | undefined,
): readonly Route<Auth0ApiEndpoint>[] {
  const isAccepted = (request: ReceivedRequest): boolean => {
    const key = request.headers['x-api-key']
    const known = apiKey === undefined ? [] : [apiKey.key, apiKey.key.split(':', 1)[0]]
    if (key !== undefined && request.headers['x-api-key-id'] === apiKey?.id)
      return known.includes(String(key))
    return as.introspect(bearerToken(request) ?? '')?.audience === audience
  }
  const guarded = (answer: (request: ReceivedRequest) => Reply) => (request: ReceivedRequest) =>
    isAccepted(request) ? answer(request) : json(401, { error: 'invalid_token' })
  return [
    {
      endpoint: 'away',
      methods,
      path: '/away',
      handle: guarded(({ query }) => redirect(302, query.get('to') ?? '/')),
    },
    {
      endpoint: 'echo',
      methods,
      path: /^/,
      handle: guarded(({ method, target, headers }) => json(200, { method, target, headers })),
    },
  ]
}
