import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Store } from './store.ts'

/**
 * The same store with every failure turned into `store_unavailable`, so that no caller can mistake a failed read for
 * an absent record. The store's own error may quote keys or values: only its name is logged.
 */
export function guardedStore(store: Store, log: Logger): Store {
  return {
    sessions: guardedPort(store.sessions, 'sessions', log),
    grants: guardedPort(store.grants, 'grants', log),
    leases: guardedPort(store.leases, 'leases', log),
    usedMarkers: guardedPort(store.usedMarkers, 'usedMarkers', log),
    subjects: guardedPort(store.subjects, 'subjects', log),
    users: guardedPort(store.users, 'users', log),
    appSessions: guardedPort(store.appSessions, 'appSessions', log),
    durable: store.durable,
    close: () => store.close(),
  }
}

function guardedPort<Port extends object>(port: Port, name: string, log: Logger): Port {
  const guarded = new Map<PropertyKey, unknown>()
  // The proxy's target is empty, because a proxy may not replace the methods of a frozen one.
  return new Proxy({} as Port, {
    get(_target, property) {
      const known = guarded.get(property)
      if (known !== undefined) return known
      const member: unknown = Reflect.get(port, property)
      if (typeof member !== 'function') return member
      const operation = `${name}.${String(property)}`
      const call = async (...args: readonly unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(member, port, args)
        } catch (error) {
          throw failed(error, operation, log)
        }
      }
      guarded.set(property, call)
      return call
    },
  })
}

function failed(error: unknown, operation: string, log: Logger): LatchkeyError {
  if (LatchkeyError.is(error)) return error
  const cause = error instanceof Error ? error.name : typeof error
  log.error({ event: 'store.failed', operation, cause }, 'The store failed.')
  return storeUnavailable()
}

/** The error of every store failure: nothing was lost, try again. */
export function storeUnavailable(reason?: string): LatchkeyError {
  const message = 'The session store cannot be reached. Nothing was lost; try again in a few seconds.'
  return new LatchkeyError('store_unavailable', message, reason === undefined ? {} : { reason })
}

/**
 * For `catch` where life goes on without the store: its failure was logged already, and `undefined` says that the outcome
 * is open. Throws everything else.
 */
export function storeIsAway(error: unknown): undefined {
  if (!LatchkeyError.is(error)) throw error
  return undefined
}

/**
 * The error for a record that was sealed by a secret, or written by a version, that this process does not have.
 * During a deploy another process can read it, so it is kept.
 */
export function recordUnreadable(fault: 'unknown_key' | 'unknown_format'): LatchkeyError {
  const cause =
    fault === 'unknown_key' ? 'under a secret that is not in the list `secret`' : 'by a newer Latchkey'
  return new LatchkeyError('store_unavailable', `A stored record was sealed ${cause}. It is kept.`, {
    reason: fault,
  })
}

/** True for the error of {@link recordUnreadable}. */
export function isUnreadable(error: unknown): boolean {
  return LatchkeyError.is(error) && (error.reason === 'unknown_key' || error.reason === 'unknown_format')
}
