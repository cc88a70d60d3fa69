import type { LatchkeyOptions, NewSession, OAuth2Options } from '@latchkey/express'
import type { RedisStoreOptions } from '@latchkey/redis'

/** Where an app process keeps its records. */
export type StoreAddress =
  /** Its own memory: only for one process. */
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'single'
      readonly port: number
      /** Of the Redis user. */
      readonly username?: string
      readonly password?: string
    }
  | { readonly kind: 'sentinel'; readonly name: string; readonly sentinels: readonly Address[] }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }

/** A server's host and port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** How an app keeps its users signed in: with Latchkey, or by hand as many apps do today. */
export type AppKind = 'latchkey' | 'today'

/** What an app is written for. */
export type Framework = 'express' | 'fastify'

/** Options of Latchkey that some tests set. */
export type AppOptions = Pick<LatchkeyOptions<'example'>, 'keepAccounts' | 'signIn'>

/** How long a store waits for Redis. */
export type StoreTimeouts = Pick<RedisStoreOptions, 'commandTimeoutMs' | 'requestTimeoutMs'>

/** Everything that an app process is told at its start; secrets too, which must be in no argument and no variable. */
export interface AppSettings {
  readonly kind: AppKind
  readonly framework: Framework
  readonly baseUrl: string
  readonly secrets: readonly string[]
  readonly provider: OAuth2Options<'example'>
  /** A second provider, whose accounts can be linked. */
  readonly other?: OAuth2Options<'other'>
  readonly options: AppOptions
  /** What the app's routes call for their user. */
  readonly resourceUrl: string
  readonly store: StoreAddress
  /** Each command of the store waits so many milliseconds at most, before it and after it: another time each time. */
  readonly storeDelayMs: number
  /** How long Redis has; absent: as in an app. */
  readonly storeOptions: StoreTimeouts
  /** How far its clock is ahead of the system's. */
  readonly advancedSeconds: number
}

/** A place on the way to the store where commands can be held, such as `grants.commit before`. */
export type StorePoint = `${string}.${string} ${'before' | 'after'}`

/** What the test asks of an app process. */
export type AppQuestion =
  | { readonly ask: 'start'; readonly settings: AppSettings }
  | { readonly ask: 'advance'; readonly seconds: number }
  | { readonly ask: 'hold'; readonly point: StorePoint; readonly calls: number }
  | { readonly ask: 'release'; readonly point: StorePoint }
  | { readonly ask: 'createSession'; readonly session: NewSession<'example'> }
  | { readonly ask: 'usage' }

/** What it answers. */
export interface AppAnswers {
  readonly start: { readonly port: number }
  readonly advance: object
  readonly hold: object
  readonly release: object
  /** The cookie as a browser sends it. */
  readonly createSession: { readonly cookie: string }
  readonly usage: {
    readonly residentBytes: number
    readonly cpuMs: number
    /** How often the store was called since the start. */
    readonly storeCalls: number
  }
}

/** A question on its way. */
export interface AppCall {
  readonly id: number
  readonly question: AppQuestion
}

/** What comes back: an answer, or the news that a command has come to a point where it is held. */
export type AppNews =
  | { readonly id: number; readonly answer: object }
  | { readonly id: number; readonly error: string }
  | { readonly arrivedAt: StorePoint }
