import { callbackify } from 'node:util'
import { LatchkeyError } from '@latchkey/core'
import { RedisStore } from 'connect-redis'
import type { SessionData, Store } from 'express-session'
import { RedisAppSessions } from './app-sessions.ts'
import { ConnectRedisClient } from './connect-redis-client.ts'
import { Connection } from './connection.ts'
import { type RedisStoreOptions, redisSettings } from './options.ts'
import type { RedisClient } from './own-client.ts'

/** Options of `appSessionStore()`. */
export interface AppSessionStoreOptions extends RedisStoreOptions {
  /** How long data without a `cookie.maxAge` lives after the last request. @default 86_400 (a day) */
  readonly ttlSeconds?: number
}

/** A store for express-session or @fastify/session. Each of them declares its own type of session data. */
export type AppSessionDataStore = Omit<Store, 'get' | 'set' | 'touch'> & {
  get<Data>(id: string, done: (error: unknown, data?: Data | null) => void): void
  set(id: string, data: object, done?: (error?: unknown) => void): void
  touch(id: string, data: object, done?: (error?: unknown) => void): void
  /** Closes the store's own connection. */
  close(): Promise<void>
}

/**
 * Keeps the sessions of an app that mounts express-session or @fastify/session itself (`req.session` of Latchkey needs
 * no more than `redisStore()`). A read is one command, which also renews; a destroyed session stays destroyed for
 * requests that began before. The client is a template, as for `redisStore()`.
 *
 * @throws {LatchkeyError} `invalid_options`
 */
export function appSessionStore(
  client: RedisClient,
  options: AppSessionStoreOptions = {},
): AppSessionDataStore {
  const { ttlSeconds = 86_400 } = options
  if (!Number.isFinite(ttlSeconds) || ttlSeconds <= 0) {
    const message = 'The option ttlSeconds of appSessionStore() must be a number of seconds above 0.'
    throw new LatchkeyError('invalid_options', message)
  }
  const settings = redisSettings(options, { name: 'appSessionStore()', more: ['ttlSeconds'] })
  return new AppSessions(new Connection(client, settings), ttlSeconds)
}

type Callback = (error?: unknown) => void

function ignore(): void {}

class AppSessions extends RedisStore {
  readonly #connection: Connection

  constructor(connection: Connection, ttl: number) {
    const client = new ConnectRedisClient(new RedisAppSessions(connection))
    const serializer = { parse: sessionData, stringify: JSON.stringify }
    super({ client, prefix: '', ttl, serializer })
    this.#connection = connection
  }

  // connect-redis calls back inside its own `try`, and so a second time with whatever the callback throws.
  override async get<Data>(id: string, done: (error: unknown, data?: Data | null) => void): Promise<void> {
    callbackify(() => super.get(id))(done)
  }

  override async set(id: string, data: SessionData, done: Callback = ignore): Promise<void> {
    callbackify(() => super.set(id, data))(done)
  }

  override async touch(id: string, data: SessionData, done: Callback = ignore): Promise<void> {
    callbackify(() => super.touch(id, data))(done)
  }

  override async destroy(id: string, done: Callback = ignore): Promise<void> {
    callbackify(() => super.destroy(id))(done)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/**
 * The data as the frameworks expect it, with `cookie.expires` where reading has moved it: @fastify/session ends a session
 * whose stored `expires` has passed. What is no session data counts as no session.
 */
function sessionData(value: string): SessionData {
  // Serializer's type leaves out that connect-redis hands `null` on, as "no session".
  return dataIn(value) as SessionData
}

function dataIn(value: string): object | null {
  const space = value.indexOf(' ')
  const data = parsed(value.slice(space + 1))
  if (typeof data !== 'object' || data === null || !('cookie' in data)) return null
  const { cookie } = data
  if (typeof cookie !== 'object' || cookie === null) return null
  if ('expires' in cookie && cookie.expires) {
    cookie.expires = new Date(Date.now() + Number(value.slice(0, space))).toISOString()
  }
  return data
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
