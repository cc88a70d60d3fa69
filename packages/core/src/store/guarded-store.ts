import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { NamesOf } from '../input/known-names.ts'
import type { Logger } from '../log.ts'
import { LogLimit } from '../log-limit.ts'
import { tellingLostAnswers } from './lost-answers.ts'
import type { Store } from './store.ts'

/** The parts of a store that have methods. */
type PortName = Exclude<keyof Store, 'durable' | 'close'>

const methods: { readonly [Name in PortName]: NamesOf<Store[Name]> } = {
  sessions: { read: true, peek: true, write: true, delete: true },
  grants: { read: true, create: true, observe: true, commit: true, delete: true },
  leases: { take: true, extend: true, release: true, owner: true, writeAttempt: true },
  usedMarkers: { take: true },
  subjects: { join: true, admit: true, leave: true, count: true, end: true, notBefore: true, members: true },
  users: { read: true, write: true },
  appSessions: { read: true, write: true, delete: true },
}

/**
 * The same store with every failure turned into `store_unavailable`, so that no caller can mistake a failed read for
 * an absent record. The store's own error may quote keys or values: only its name is logged.
 */
export function guardedStore(store: Store, clock: Clock, log: Logger): Store {
  const failures = new StoreFailures(clock, log)
  const guarded = <Name extends PortName>(name: Name): Store[Name] =>
    guardedPort(store[name], name, Object.keys(methods[name]), failures)
  return {
    ...tellingLostAnswers({ sessions: guarded('sessions'), subjects: guarded('subjects') }, log),
    grants: guarded('grants'),
    leases: guarded('leases'),
    usedMarkers: guarded('usedMarkers'),
    users: guarded('users'),
    appSessions: guarded('appSessions'),
    durable: store.durable,
    close: () => store.close(),
  }
}

// Plain functions that are made once: a proxy would be asked for the method again at each of a request's commands.
function guardedPort<Port extends object>(
  port: Port,
  name: string,
  names: readonly string[],
  failures: StoreFailures,
): Port {
  const target = port as Readonly<Record<string, Method>> // `names` are those of its methods
  const guarded = names.map((method) => {
    const operation = `${name}.${method}`
    const call = async (...args: readonly unknown[]): Promise<unknown> => {
      try {
        return await Reflect.apply(target[method] as Method, target, args) // or a TypeError for what is none
      } catch (error) {
        throw failures.errorOf(error, operation)
      }
    }
    return [method, call]
  })
  return Object.fromEntries(guarded) as Port // a function for every method of the port
}

type Method = (...args: readonly unknown[]) => unknown

/** Logs failures of the store, and what became of them. */
class StoreFailures {
  readonly #limit: LogLimit
  readonly #log: Logger

  constructor(clock: Clock, log: Logger) {
    this.#limit = new LogLimit(() => clock.now())
    this.#log = log
  }

  /** What the caller gets for the store's own error. */
  errorOf(error: unknown, operation: string): LatchkeyError {
    if (LatchkeyError.is(error)) return error
    const cause = error instanceof Error ? error.name : typeof error
    const times = this.#limit.due(`${operation} ${cause}`)
    if (times !== undefined)
      this.#log.error({ event: 'store.failed', operation, cause, times }, 'The store failed.')
    return storeUnavailable()
  }
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
