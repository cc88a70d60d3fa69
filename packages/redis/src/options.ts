import { consoleLogger, LatchkeyError, type Logger } from '@latchkey/core'

/** Options of `redisStore()`. */
export interface RedisStoreOptions {
  /**
   * Milliseconds that Redis has to answer one command. After that its outcome counts as unknown.
   * @default 500
   */
  readonly commandTimeoutMs?: number
  /**
   * Milliseconds that one step of a request waits for Redis in all: for a connection, and for further tries where
   * nothing has happened yet. While Redis has been away for longer than that, every step fails at once.
   * @default 1_000
   */
  readonly requestTimeoutMs?: number
  /** So many commands may wait for Redis in this process; further ones fail at once. @default 1_000 */
  readonly maxPending?: number
  /** Any pino-like logger. @default the console, warnings and errors only */
  readonly logger?: Logger
}

/** The options, checked and complete. */
export interface RedisSettings {
  readonly commandTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxPending: number
  readonly logger: Logger
}

/** Checks the options and fills in what is left out. @throws {LatchkeyError} `invalid_options` */
export function redisSettings(options: RedisStoreOptions): RedisSettings {
  const { commandTimeoutMs = 500, requestTimeoutMs = 1_000, maxPending = 1_000 } = options
  const numbers = { commandTimeoutMs, requestTimeoutMs, maxPending }
  const known = new Set([...Object.keys(numbers), 'logger'])
  const unknown = Object.keys(options).find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw invalid(`redisStore() has no option ${unknown}. It has ${[...known].join(', ')}.`)
  }
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw invalid(`The option ${name} of redisStore() must be a whole number above 0.`)
  }
  if (requestTimeoutMs < commandTimeoutMs) {
    throw invalid('The option requestTimeoutMs of redisStore() must not be below commandTimeoutMs.')
  }
  const { logger = consoleLogger } = options
  const levels = ['debug', 'info', 'warn', 'error'] as const
  if (!levels.every((level) => typeof logger?.[level] === 'function')) {
    throw invalid(
      `The option logger of redisStore() must have the methods ${levels.join(', ')}, as pino has.`,
    )
  }
  return { ...numbers, logger }
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_options', message)
}
