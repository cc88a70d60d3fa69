import type { AuthorizationServer } from '../authorization-server/server.ts'
import type { Route } from '../http/emulator-server.ts'
import { bearerToken, type ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import type { ExboSwitches } from './oauth.ts'

/** Names of the API endpoints, for faults, counters and the request log. */
export type ExboApiEndpoint = 'regions' | 'characters' | 'auctionLots'

interface Caller {
  /** Who counts against the rate limit. */
  readonly key: string
  readonly userId: string | undefined
}

interface Window {
  readonly endsAt: number
  used: number
}

const WINDOW_SECONDS = 60
const REGIONS = ['EU', 'RU', 'NA', 'SEA']

/** The game's API: user tokens, application tokens, or a `Client-Id` and `Client-Secret` header pair. */
export class StalcraftApi {
  readonly #as: AuthorizationServer
  readonly #switches: ExboSwitches
  readonly #windows = new Map<string, Window>()

  /** Answers for the tokens and clients of `as`. */
  constructor(as: AuthorizationServer, switches: ExboSwitches) {
    this.#as = as
    this.#switches = switches
  }

  /** The endpoints to serve. */
  get routes(): readonly Route<ExboApiEndpoint>[] {
    const region = `/(${REGIONS.join('|')})`.toLowerCase()
    const get = (
      endpoint: ExboApiEndpoint,
      path: RegExp,
      handle: (caller: Caller, request: ReceivedRequest) => Reply,
    ) =>
      ({
        endpoint,
        methods: ['GET'],
        path,
        handle: (request) => this.#limited(request, handle),
      }) satisfies Route<ExboApiEndpoint>
    return [
      get('regions', /^\/regions$/, () =>
        json(
          200,
          REGIONS.map((id) => ({ id, name: id })),
        ),
      ),
      get('characters', new RegExp(`^${region}/characters$`, 'i'), (caller) => this.#characters(caller)),
      get('auctionLots', new RegExp(`^${region}/auction/[\\w-]+/lots$`, 'i'), () => json(200, auctionLots())),
    ]
  }

  #limited(request: ReceivedRequest, handle: (caller: Caller, request: ReceivedRequest) => Reply): Reply {
    const caller = this.#caller(request)
    if (caller === undefined) return problem(401, 'unauthorized', 'Token or client is invalid')
    const window = this.#window(caller.key, request.at)
    const left = this.#switches.rateLimit - window.used++
    const reply =
      left > 0 ? handle(caller, request) : problem(429, 'too_many_requests', 'Rate limit exceeded')
    return { ...reply, headers: { ...reply.headers, ...this.#limitHeaders(window, left, request.at) } }
  }

  #caller(request: ReceivedRequest): Caller | undefined {
    const clientId = String(request.headers['client-id'] ?? '')
    const clientSecret = String(request.headers['client-secret'] ?? '')
    if (clientSecret !== '' && this.#as.knowsClient(clientId, clientSecret)) {
      return { key: `client ${clientId}`, userId: undefined }
    }
    const grant = this.#as.introspect(bearerToken(request) ?? '')
    return grant === undefined ? undefined : { key: grant.grantId, userId: grant.userId }
  }

  #window(key: string, now: number): Window {
    const open = this.#windows.get(key)
    if (open !== undefined && now < open.endsAt) return open
    const window = { endsAt: Math.ceil(now) + WINDOW_SECONDS, used: 0 }
    this.#windows.set(key, window)
    return window
  }

  #limitHeaders(window: Window, left: number, now: number): Readonly<Record<string, string>> {
    const { rateLimit, rateLimitReset, retryAfter } = this.#switches
    const reset = rateLimitReset === 'milliseconds' ? window.endsAt * 1000 : window.endsAt
    return {
      'x-ratelimit-limit': String(rateLimit),
      'x-ratelimit-remaining': String(Math.max(left - 1, 0)),
      'x-ratelimit-reset': String(reset),
      ...(left <= 0 && retryAfter ? { 'retry-after': String(Math.ceil(window.endsAt - now)) } : {}),
    }
  }

  #characters(caller: Caller): Reply {
    const user = this.#as.users.find((one) => one.id === caller.userId)
    if (user === undefined) return problem(403, 'forbidden', 'A user token is needed')
    const character = (name: string, hours: number) => ({
      information: { id: `${user.id}-${name}`, name, creationTime: '2024-02-29T12:00:00Z' },
      stats: { hoursPlayed: hours },
    })
    return json(200, [character(user.name, 420), character(`${user.name}Alt`, 42)])
  }
}

function auctionLots(): object {
  const lot = (startPrice: number, amount: number) => ({
    itemId: 'y1q9',
    startPrice,
    buyoutPrice: startPrice * 2,
    amount,
  })
  return { total: 2, lots: [lot(1500, 1), lot(23_000, 10)] }
}

function problem(status: number, error: string, description: string): Reply {
  return json(status, { error, error_description: description })
}
