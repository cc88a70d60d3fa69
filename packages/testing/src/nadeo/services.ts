import type { TimeSource } from '../clock.ts'
import type { Route } from '../http/emulator-server.ts'
import { mediaType, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import type { NadeoAccount } from './accounts.ts'
import type { IssuedNadeoToken, NadeoAudienceName, NadeoTokenBook } from './tokens.ts'

/** What is not known about Nadeo's services, and modes that are seldom wanted. All can be changed at any time. */
export interface NadeoSwitches {
  /** A refresh makes the refresh token useless that it was made with. @default true */
  refreshSpendsOldToken: boolean
  /** The answer of a refresh has null in place of a refresh token. @default false */
  nullRefreshToken: boolean
  /** A request without a User-Agent of one's own is answered 403. @default false */
  needsUserAgent: boolean
  /** Requests to all hosts per second; more are answered 429. Absent: any number. */
  requestsPerSecond: number | undefined
  /** Whether that 429 names `Retry-After`. @default false */
  retryAfter: boolean
  /** Errors of the core host stand in an array. @default false */
  wrappedErrors: boolean
  /** Status of the answer to an audience that is unknown. @default 400 */
  unknownAudienceStatus: 400 | 401 | 422
}

/** Names of the endpoints of the core host. */
export type NadeoCoreEndpoint = 'login' | 'refresh' | 'ubisoftSession' | 'api'

/** What all hosts share. */
export interface NadeoState {
  readonly accounts: readonly NadeoAccount[]
  readonly tokens: NadeoTokenBook
  readonly switches: NadeoSwitches
  readonly clock: TimeSource
  /** Logins and refreshes that brought tokens. */
  readonly mints: { login: number; refresh: number }
  /** Times of the last requests, for the rate. */
  readonly recent: number[]
}

type Endpoint = (request: ReceivedRequest) => Reply

/** The core host: login, refresh, and an API that answers every path below `/accounts`. */
export function coreRoutes(state: NadeoState): readonly Route<NadeoCoreEndpoint>[] {
  const post = (endpoint: NadeoCoreEndpoint, path: string, handle: Endpoint): Route<NadeoCoreEndpoint> => ({
    endpoint,
    methods: ['POST'],
    path,
    handle: (request) => refused(request, state, coreError) ?? handle(request),
  })
  return [
    post('login', '/v2/authentication/token/basic', (request) => login(request, state)),
    post('refresh', '/v2/authentication/token/refresh', (request) => refresh(request, state)),
    {
      endpoint: 'ubisoftSession',
      methods: ['POST'],
      path: '/v3/profiles/sessions',
      // Calling it can lock people out for hours.
      handle: () => json(429, { message: 'Too many calls per IP address' }),
    },
    {
      endpoint: 'api',
      methods: ['GET'],
      path: /^\/accounts\b/,
      handle: (request) => api(request, state, 'NadeoServices', coreError),
    },
  ]
}

/** The live or the meet host: an API that answers every path below `/api`. */
export function liveRoutes(state: NadeoState): readonly Route<'api'>[] {
  const handle = (request: ReceivedRequest): Reply => api(request, state, 'NadeoLiveServices', liveError)
  return [{ endpoint: 'api', methods: ['GET'], path: /^\/api\b/, handle }]
}

function login(request: ReceivedRequest, state: NadeoState): Reply {
  const account = accountOf(request, state)
  if ('message' in account) return coreError(state, 401, account.message)
  const audience = audienceIn(request)
  if (audience === undefined) {
    return coreError(state, state.switches.unknownAudienceStatus, 'There was a validation error.', {
      audience: ['unknown'],
    })
  }
  state.mints.login++
  return json(200, state.tokens.issue(account, audience, request.at))
}

function refresh(request: ReceivedRequest, state: NadeoState): Reply {
  const issued = tokenOf(request, state)
  if (issued?.isRefreshToken !== true) return coreError(state, 401, 'Invalid refresh token.')
  if (state.switches.refreshSpendsOldToken) issued.isEnded = true
  state.mints.refresh++
  const pair = state.tokens.issue(issued.account, issued.audience, request.at)
  return json(200, state.switches.nullRefreshToken ? { ...pair, refreshToken: null } : pair)
}

type ErrorReply = (state: NadeoState, status: number, message: string) => Reply

function api(
  request: ReceivedRequest,
  state: NadeoState,
  audience: NadeoAudienceName,
  error: ErrorReply,
): Reply {
  const turnedAway = refused(request, state, error)
  if (turnedAway !== undefined) return turnedAway
  const issued = tokenOf(request, state)
  if (issued === undefined || issued.isRefreshToken || issued.audience !== audience)
    return error(state, 401, 'The token is not valid here.')
  const { accountId, displayName } = issued.account
  return json(200, { path: request.path, audience, accountId, displayName })
}

/** What turns a request away before it is looked at. */
function refused(request: ReceivedRequest, state: NadeoState, error: ErrorReply): Reply | undefined {
  const { switches, recent } = state
  const agent = request.headers['user-agent'] ?? ''
  if (switches.needsUserAgent && /^(?:|node|undici|python-requests.*|curl.*)$/i.test(agent))
    return error(state, 403, 'Forbidden')
  const since = request.at - 1
  recent.push(request.at)
  while (recent[0] !== undefined && recent[0] <= since) recent.shift()
  if (switches.requestsPerSecond === undefined || recent.length <= switches.requestsPerSecond)
    return undefined
  const reply = error(state, 429, 'Too many requests')
  return switches.retryAfter ? { ...reply, headers: { ...reply.headers, 'retry-after': '1' } } : reply
}

function accountOf(
  request: ReceivedRequest,
  { accounts }: NadeoState,
): NadeoAccount | { readonly message: string } {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const [name, ...rest] = Buffer.from(basic ?? '', 'base64')
    .toString('utf8')
    .split(':')
  const account = accounts.find(({ login }) => login === name)
  if (account === undefined) return { message: 'Username could not be found.' }
  return account.password === rest.join(':') ? account : { message: 'Invalid credentials.' }
}

/** Only the names of the servers themselves are known; without a body it is the core one. */
function audienceIn({ body, headers }: ReceivedRequest): NadeoAudienceName | undefined {
  if (body.length === 0) return 'NadeoServices'
  if (mediaType(headers) !== 'application/json') return undefined
  const audience = audienceOfJson(Buffer.from(body).toString('utf8'))
  return audience === 'NadeoServices' || audience === 'NadeoLiveServices' ? audience : undefined
}

function audienceOfJson(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? Reflect.get(value, 'audience') : undefined
  } catch {
    return undefined
  }
}

function tokenOf(request: ReceivedRequest, { tokens }: NadeoState): IssuedNadeoToken | undefined {
  const token = /^nadeo_v1 t=(.+)$/.exec(request.headers.authorization ?? '')?.[1]
  return token === undefined ? undefined : tokens.live(token, request.at)
}

function coreError({ switches }: NadeoState, status: number, message: string, info: object = []): Reply {
  const error = { code: 'C-AA-00-03', correlation_id: '0'.repeat(32), message, info }
  return json(status, switches.wrappedErrors ? [error] : error)
}

function liveError(_state: NadeoState, status: number, message: string): Reply {
  const error = status === 401 ? 'UnauthorizedHttpException' : 'HttpException'
  return json(status, { error, message, traceId: 'Root=1-00000000' })
}
