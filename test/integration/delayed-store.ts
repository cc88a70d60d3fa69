import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '@latchkey/express'

const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const

/**
 * The same store, each command of which waits before and after it, so that requests meet in ever other ways. How long
 * is drawn at random; half of the waits are none.
 */
export function delayed(store: Store, mostMs: number): Store {
  if (mostMs === 0) return store
  const delayedPorts = ports.map((port) => [port, delayedPort(store[port], mostMs)] as const)
  const { durable } = store
  return { ...(Object.fromEntries(delayedPorts) as unknown as Store), durable, close: () => store.close() } // all its ports
}

function delayedPort<Port extends object>(port: Port, mostMs: number): Port {
  return new Proxy({} as Port, {
    get: (_target, property) => {
      const member: unknown = Reflect.get(port, property)
      if (typeof member !== 'function') return member
      return async (...args: readonly unknown[]): Promise<unknown> => {
        await wait(mostMs)
        try {
          return await Reflect.apply(member, port, args)
        } finally {
          await wait(mostMs)
        }
      }
    },
  })
}

async function wait(mostMs: number): Promise<void> {
  if (Math.random() < 0.5) await pause(Math.random() * mostMs)
}
