import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import { consoleLogger, type Logger, steadyLogger } from '../log.ts'
import { invalidOption } from '../options/invalid-option.ts'
import { checkPorts } from '../options/ports.ts'
import type { Dispatcher } from '../transport/undici.ts'

/** Options of `OAuthClient`. */
export interface OAuthClientOptions {
  /** undici dispatcher of every request: a proxy, or a test's. @default an Agent */
  readonly dispatcher?: Dispatcher | undefined
  /** @default the machine's time */
  readonly clock?: Clock | undefined
  /** pino-like. @default warnings and errors on the console */
  readonly logger?: Logger | undefined
  /** Milliseconds for one request. Discovery has 5 seconds of its own. @default 10_000 */
  readonly timeoutMs?: number | undefined
}

/** The options, complete. */
export interface ClientSettings {
  readonly dispatcher: Dispatcher | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly timeoutMs: number
}

const names: NamesOf<OAuthClientOptions> = { dispatcher: true, clock: true, logger: true, timeoutMs: true }
const longestTimeoutMs = 600_000

/**
 * The options of `new OAuthClient()`, checked and with their defaults.
 * @throws {LatchkeyError} `invalid_options`
 */
export function clientSettings(options: OAuthClientOptions): ClientSettings {
  if (!isOptionsObject(options)) {
    throw invalidOption(`new OAuthClient() takes its options as an object, not ${kindOf(options)}.`)
  }
  requireKnownKeys('new OAuthClient()', options, names)
  checkPorts(options)
  const { dispatcher, clock = systemClock, logger = consoleLogger, timeoutMs = 10_000 } = options
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 1 && timeoutMs <= longestTimeoutMs)) {
    throw invalidOption(`The option timeoutMs must be milliseconds from 1 to ${longestTimeoutMs}.`)
  }
  return { dispatcher, clock, log: steadyLogger(logger), timeoutMs }
}
