import { type Logger, memoryStore, type Store } from '@latchkey/express'
import { type RedisStoreOptions, redisStore } from '@latchkey/redis'
import type { TestClock } from '@latchkey/testing'
import { Cluster, Redis } from 'ioredis'
import type { StoreAddress } from './app-messages.ts'

/** The store of an app process, as an app would set it up. */
export function openStore(
  address: StoreAddress,
  clock: TestClock,
  options: RedisStoreOptions & { readonly logger: Logger },
): Store {
  if (address.kind === 'memory') return memoryStore({ clock })
  return redisStore(clientOf(address), options)
}

function clientOf(address: Exclude<StoreAddress, { kind: 'memory' }>): Redis | Cluster {
  // A template: the store makes its own connection.
  const options = { lazyConnect: true }
  switch (address.kind) {
    case 'single': {
      const { kind: _, ...place } = address
      return new Redis({ host: '127.0.0.1', ...place, ...options })
    }
    case 'sentinel':
      return new Redis({ name: address.name, sentinels: [...address.sentinels], ...options })
    case 'cluster':
      return new Cluster([...address.nodes], options)
  }
}
