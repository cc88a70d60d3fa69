import { type Clock, systemClock } from '../clock.ts'

/** What an API says about how often it may be called. Each field is absent where the API does not say it. */
export interface RateLimit {
  /** Calls in one window of time. */
  readonly limit?: number
  readonly remaining?: number
  readonly used?: number
  /** Epoch seconds at which the window ends. */
  readonly resetAt?: number
}

/** A response of `fetch`, or one of `request`. */
export interface WithHeaders {
  readonly headers: Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>
}

/** From here on a reset is in milliseconds since the epoch: in seconds it were the year 5138. */
const fewestEpochMs = 100_000_000_000
/** Below it a reset is in seconds from now: since the epoch it were before 2001. */
const fewestEpochSeconds = 1_000_000_000

/**
 * The `x-ratelimit-*` headers of an API's response (EXBO, Reddit, GitHub, …), whatever the unit of the reset;
 * `undefined`: it has none.
 */
export function rateLimitOf(
  { headers }: WithHeaders,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): RateLimit | undefined {
  const read = (name: string): number | undefined => numberOf(headerOf(headers, `x-ratelimit-${name}`))
  const reset = read('reset')
  const said = Object.entries({
    limit: read('limit'),
    remaining: read('remaining'),
    used: read('used'),
    resetAt: reset === undefined ? undefined : epochSeconds(reset, clock),
  }).filter(([, value]) => value !== undefined)
  return said.length === 0 ? undefined : Object.fromEntries(said)
}

function headerOf(headers: WithHeaders['headers'], name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined
  const value: unknown = Reflect.get(headers, name)
  return typeof value === 'string' ? value : undefined
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(\.\d{1,9})?$/.test(text.trim()) ? Number(text) : undefined
}

function epochSeconds(reset: number, clock: Clock): number {
  if (reset >= fewestEpochMs) return reset / 1_000
  return reset >= fewestEpochSeconds ? reset : clock.now() + reset
}
