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

/** Whose options are checked: for people. */
export interface OptionsOwner {
  /** The function that takes them. */
  readonly name: 'redisStore()' | 'appSessionStore()'
  /** Options that it has beside those of every store. */
  readonly more: readonly string[]
}

/** What connect-redis and ioredis have, and where it is here. */
const elsewhere: Readonly<Record<string, string>> = {
  prefix: 'A prefix of all keys is the option keyPrefix of the client.',
  keyPrefix: 'It is an option of the client.',
  ttl: 'For how long data lives without a cookie.maxAge is the option ttlSeconds of appSessionStore().',
  client: 'The client is the first argument.',
}

const storeOptions: OptionsOwner = { name: 'redisStore()', more: [] }

/**
 * Checks the options that every store has, and fills in what is left out.
 *
 * @throws {LatchkeyError} `invalid_options`
 */
export function redisSettings(options: RedisStoreOptions, owner: OptionsOwner = storeOptions): RedisSettings {
  const { commandTimeoutMs = 500, requestTimeoutMs = 1_000, maxPending = 1_000 } = options
  const numbers = { commandTimeoutMs, requestTimeoutMs, maxPending }
  requireKnownNames(options, [...Object.keys(numbers), 'logger', ...owner.more], owner)
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw invalid(`The option ${name} of ${owner.name} must be a whole number above 0.`)
  }
  if (requestTimeoutMs < commandTimeoutMs) {
    throw invalid(`The option requestTimeoutMs of ${owner.name} must not be below commandTimeoutMs.`)
  }
  const { logger = consoleLogger } = options
  const levels = ['debug', 'info', 'warn', 'error'] as const
  if (!levels.every((level) => typeof logger?.[level] === 'function')) {
    throw invalid(
      `The option logger of ${owner.name} must have the methods ${levels.join(', ')}, as pino has.`,
    )
  }
  return { ...numbers, logger }
}

function requireKnownNames(options: object, known: readonly string[], { name }: OptionsOwner): void {
  const unknown = Object.keys(options).find((one) => !known.includes(one))
  if (unknown === undefined) return
  const hint = Object.hasOwn(elsewhere, unknown) ? ` ${elsewhere[unknown]}` : ''
  throw invalid(`${name} has no option ${unknown}. It has ${known.join(', ')}.${hint}`)
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_options', message)
}
