import type { Store } from '@latchkey/express'

/**
 * What happens around a command.
 *
 * @param command its port and method, such as `leases.take`
 * @param run carries it out
 */
export type Around = (
  command: `${string}.${string}`,
  run: () => Promise<unknown>,
  args: readonly unknown[],
) => Promise<unknown>

const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const

/** The same store, with something around each of its commands. */
export function aroundStore(store: Store, around: Around): Store {
  const wrapped = ports.map((name) => [name, aroundPort(name, store[name], around)] as const)
  const { durable } = store
  return { ...(Object.fromEntries(wrapped) as unknown as Store), durable, close: () => store.close() } // all its ports
}

function aroundPort(name: string, port: object, around: Around): object {
  return new Proxy(port, {
    get: (_target, property) => {
      const member: unknown = Reflect.get(port, property)
      if (typeof member !== 'function') return member
      return async (...args: readonly unknown[]): Promise<unknown> =>
        around(`${name}.${String(property)}`, async () => Reflect.apply(member, port, args), args)
    },
  })
}
