import type { Grant } from '../authorization-server/grants.ts'
import type { AuthorizationServerEndpoint } from '../authorization-server/routes.ts'
import type { ServerState } from '../authorization-server/state.ts'
import type { Route } from '../http/emulator-server.ts'
import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import { type TrackmaniaSwitches, trackmaniaUser } from './user.ts'

const mostNames = 50

/** The API: user tokens everywhere, the application's own where nobody is meant. */
export function trackmaniaRoutes(
  state: ServerState,
  switches: TrackmaniaSwitches,
): readonly Route<AuthorizationServerEndpoint>[] {
  const route = (
    endpoint: AuthorizationServerEndpoint,
    methods: readonly string[],
    path: string,
    answer: (grant: Grant, request: ReceivedRequest) => Reply,
  ): Route<AuthorizationServerEndpoint> => ({
    endpoint,
    methods,
    path,
    handle: (request) => {
      const bare = switches.bareTokens ? request.headers.authorization : undefined
      const grant = state.grants.accessToken(bearerToken(request) ?? bare ?? '')?.grant
      return grant === undefined ? refused(401, 'The token is not valid.') : answer(grant, request)
    },
  })
  const userOf = (grant: Grant) => state.users.find(({ id }) => id === grant.userId)
  const scoped = (grant: Grant, scope: string, answer: () => Reply): Reply =>
    grant.scope.includes(scope) && grant.userId !== undefined
      ? answer()
      : refused(403, `The scope ${scope} is missing.`)
  const all = (): ReturnType<typeof trackmaniaUser>[] => state.users.map(trackmaniaUser)
  return [
    route('userinfo', ['GET'], '/api/user', (grant) => {
      const user = userOf(grant)
      return user === undefined
        ? refused(switches.applicationAtUserStatus, 'A user token is needed.')
        : json(200, trackmaniaUser(user))
    }),
    route('api', ['GET'], '/api/display-names', (_grant, request) =>
      named(request, 'accountId[]', (id) => {
        const found = all().find(({ accountId }) => accountId === id)
        return found && [id, found.displayName]
      }),
    ),
    route('api', ['GET'], '/api/display-names/account-ids', (_grant, request) =>
      named(request, 'displayName[]', (name) => {
        const found = all().find(({ displayName }) => displayName === name)
        return found && [name, found.accountId]
      }),
    ),
    route('api', ['GET'], '/api/user/clubs', (grant) =>
      scoped(grant, 'clubs', () => json(200, [{ id: 1, name: 'Emulated club' }])),
    ),
    route('api', ['GET', 'POST'], '/api/user/maps/favorite', (grant, { method }) =>
      scoped(grant, method === 'GET' ? 'read_favorite' : 'write_favorite', () => json(200, [])),
    ),
  ]
}

function named(
  { query }: ReceivedRequest,
  parameter: string,
  find: (wanted: string) => readonly [string, string] | undefined,
): Reply {
  const wanted = query.getAll(parameter)
  if (wanted.length === 0 || wanted.length > mostNames)
    return refused(400, `Between 1 and ${mostNames} ${parameter} are needed.`)
  return json(200, Object.fromEntries(wanted.map(find).filter((one) => one !== undefined)))
}

function refused(status: number, message: string): Reply {
  return json(status, { message })
}
