import { readFileSync } from 'node:fs'
import { storeContract } from '@latchkey/core/store-contract'
import type { Store } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { letPass } from '../../packages/redis/src/passing-time.fixture.ts'
import { quiet } from '../quiet-log.ts'
import { keysForEver } from '../redis-contents.ts'
import { startCluster, startSentinelSet } from '../redis-groups.ts'
import { type RedisServer, redisIsMissing, startRedis } from '../redis-server.ts'

interface ClientOptions {
  readonly keyPrefix: string
  readonly username: string
  readonly password: string
}

interface Deployment extends AsyncDisposable {
  /** Those that hold data of their own. */
  readonly primaries: readonly RedisServer[]
  readonly all: readonly RedisServer[]
  readonly template: (options: ClientOptions) => Redis | Cluster
}

const readme = readFileSync(new URL('../../packages/redis/README.md', import.meta.url), 'utf8')
const [, listed = ''] = /^ *ACL SETUSER latchkey (.*)$/m.exec(readme) ?? []
const rights = listed.split(' ')
const user = { username: 'latchkey', password: 'password' }

const places: Readonly<Record<string, () => Promise<Deployment>>> = {
  'a single node': async () => {
    const server = await startRedis()
    const template = (options: ClientOptions): Redis =>
      new Redis({ port: server.port, lazyConnect: true, ...options })
    return { primaries: [server], all: [server], template, [Symbol.asyncDispose]: () => server.close() }
  },
  Sentinel: async () => {
    const set = await startSentinelSet({ replicas: 1 })
    const at = { name: set.name, sentinels: [...set.addresses] }
    return {
      primaries: set.servers.slice(0, 1),
      all: set.servers,
      template: (options) => new Redis({ ...at, lazyConnect: true, ...options }),
      [Symbol.asyncDispose]: () => set.close(),
    }
  },
  'a Cluster of three nodes': async () => {
    const cluster = await startCluster()
    return {
      primaries: cluster.primaries,
      all: cluster.all,
      template: (redisOptions) => new Cluster([...cluster.addresses], { lazyConnect: true, redisOptions }),
      [Symbol.asyncDispose]: () => cluster.close(),
    }
  },
}

/** The rights in the README and no others, as it says to adapt them. */
async function allow(deployment: Deployment, keyPrefix: string, place: string): Promise<void> {
  const adapted = rights.map((right) => (right.startsWith('~') ? `~${keyPrefix}${right.slice(1)}` : right))
  const more = place.includes('Cluster') ? ['+cluster'] : []
  for (const server of deployment.all) await server.command('ACL', 'SETUSER', 'latchkey', ...adapted, ...more)
}

const options = ['', 'app:'].map((keyPrefix) => ({ keyPrefix, ...user }))
const setups = Object.keys(places).flatMap((place) => options.map((option) => ({ place, ...option })))

describe.skipIf(redisIsMissing).each(setups)(
  'redisStore on $place with the keyPrefix "$keyPrefix" and the rights in its README alone',
  ({ place, keyPrefix }) => {
    let deployment: Deployment
    let template: Redis | Cluster
    let store: Store

    beforeAll(async () => {
      const started = await places[place]?.()
      if (started === undefined) throw new Error('no such place')
      deployment = started
      await allow(deployment, keyPrefix, place)
      template = deployment.template({ keyPrefix, ...user })
      store = redisStore(template, { logger: quiet })
    })
    beforeEach(async () => {
      for (const server of deployment.primaries) await server.command('FLUSHALL')
    })
    afterAll(async () => {
      await store.close()
      template.disconnect()
      await deployment[Symbol.asyncDispose]()
    })

    const advance = async (seconds: number): Promise<void> => {
      for (const server of deployment.primaries) await server.with((client) => letPass(client, seconds))
    }

    it.each(storeContract.map(({ name }, index) => [name, index] as const))('%s', async (_, index) => {
      await storeContract[index]?.run({ store, advance })
      for (const server of deployment.primaries) expect(await keysForEver(server)).toEqual([])
    })

    it('forgets its scripts in the middle of each check: the same holds', async () => {
      for (const { run } of storeContract) {
        for (const server of deployment.primaries) {
          await server.command('FLUSHALL')
          await server.command('SCRIPT', 'FLUSH')
        }
        await run({ store: forgetful(store, deployment.primaries), advance })
      }
    })

    it('was refused no right, and has used each of them', async () => {
      const stats = await Promise.all(
        deployment.primaries.map((server) => server.command('INFO', 'commandstats')),
      )
      const listedCommands = rights.filter((right) => /^\+[a-z]/.test(right)).map((right) => right.slice(1))
      expect(listedCommands.length).toBeGreaterThan(10)
      expect(listedCommands.filter((name) => !stats.join().includes(`cmdstat_${name}:`))).toEqual([])
      for (const server of deployment.all) expect(await server.command('ACL', 'LOG')).toEqual([])
    })
  },
)

const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const

/** The same store; before each command the servers forget the scripts. */
function forgetful(store: Store, servers: readonly RedisServer[]): Store {
  const flushing = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property)
        if (typeof member !== 'function') return member
        return async (...args: readonly unknown[]): Promise<unknown> => {
          for (const server of servers) await server.command('SCRIPT', 'FLUSH')
          return Reflect.apply(member, target, args)
        }
      },
    })
  const made = ports.map((port) => [port, flushing(store[port])] as const)
  return { ...store, ...(Object.fromEntries(made) as unknown as Store) } // all its ports
}
