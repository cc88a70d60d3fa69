import { memoryStore, type Store } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'
import { Cluster, Redis } from 'ioredis'
import type { StoreAddress } from './app-messages.ts'

/** The store of an app process, as an app would set it up. */
export async function openStore(address: StoreAddress, clock: TestClock): Promise<Store> {
  if (address.kind === 'memory') return memoryStore({ clock })
  // Its name is a variable, because this program runs without the package too.
  const name: string = '@latchkey/redis'
  const { redisStore } = (await import(name)) as { redisStore(client: Redis | Cluster): Store } // its documented shape
  return redisStore(clientOf(address))
}

function clientOf(address: Exclude<StoreAddress, { kind: 'memory' }>): Redis | Cluster {
  // A template: the store makes its own connection.
  const options = { lazyConnect: true }
  switch (address.kind) {
    case 'single':
      return new Redis({ host: '127.0.0.1', port: address.port, ...options })
    case 'sentinel':
      return new Redis({ name: address.name, sentinels: [...address.sentinels], ...options })
    case 'cluster':
      return new Cluster([...address.nodes], options)
  }
}
