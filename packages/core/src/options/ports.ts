import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Store } from '../store/store.ts'
import type { Dispatcher } from '../transport/undici.ts'
import { type MembersOf, requireMembers } from './option-shapes.ts'

const loggerMembers: MembersOf<Logger> = {
  debug: 'function',
  info: 'function',
  warn: 'function',
  error: 'function',
}
const clockMembers: MembersOf<Clock> = { now: 'function', after: 'function' }
const storeMembers: MembersOf<Store> = {
  sessions: 'object',
  grants: 'object',
  leases: 'object',
  usedMarkers: 'object',
  subjects: 'object',
  users: 'object',
  appSessions: 'object',
  durable: 'boolean',
  close: 'function',
}
type Dispatching = Pick<Dispatcher, 'dispatch'>
const dispatcherMembers: MembersOf<Dispatching> = { dispatch: 'function' }

/** The objects of the app's own that Latchkey works with. */
export interface PortOptions {
  readonly store?: Store | undefined
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
  readonly dispatcher?: Dispatcher | undefined
}

/**
 * Refuses a store, clock, logger or dispatcher that lacks what Latchkey calls: the fault would show at the first
 * request only.
 *
 * @throws {LatchkeyError} `invalid_options` that names what is missing.
 */
export function checkPorts({ store, clock, logger, dispatcher }: PortOptions): void {
  requireMembers('logger', logger, loggerMembers, 'Pass a pino-like logger, or leave it out for the console.')
  requireMembers('clock', clock, clockMembers, "Leave it out for the machine's time.")
  requireMembers('store', store, storeMembers, 'Pass what memoryStore() or another store function returns.')
  requireMembers<Dispatching>(
    'dispatcher',
    dispatcher,
    dispatcherMembers,
    'Pass a dispatcher of undici, or leave it out.',
  )
}
