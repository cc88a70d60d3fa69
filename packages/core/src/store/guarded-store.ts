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
    appSessions: guardedPort(store.appSessions, 'appSessions', log),
    durable: store.durable,
    close: () => store.close(),
  }
}

function guardedPort<Port extends object>(port: Port, name: string, log: Logger): Port {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property)
      if (typeof member !== 'function') return member
      return async (...args: readonly unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(member, target, args)
        } catch (error) {
          if (LatchkeyError.is(error)) throw error
          const cause = error instanceof Error ? error.name : typeof error
          log.error(
            { event: 'store.failed', operation: `${name}.${String(property)}`, cause },
            'The store failed.',
          )
          throw storeUnavailable()
        }
      }
    },
  })
}

/** The error of every store failure: nothing was lost, try again. */
export function storeUnavailable(reason?: string): LatchkeyError {
  const message = 'The session store cannot be reached. Nothing was lost; try again in a few seconds.'
  return new LatchkeyError('store_unavailable', message, reason === undefined ? {} : { reason })
}
