import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isCluster, ownClient, type RedisClient, retryDelayMs } from './own-client.ts'

/** Nothing listens there. */
const nowhere = { host: '127.0.0.1', port: 1, lazyConnect: true }

/** What keeps a command from being carried out long after it was given up. */
const failsFast = {
  commandTimeout: undefined,
  socketTimeout: 2000,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2000,
  enableAutoPipelining: false,
}

function own(template: RedisClient): RedisClient {
  const client = ownClient(template, 500)
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return client
}

describe('ownClient', () => {
  it('keeps what leads to Redis, and none of what makes commands wait', () => {
    const tls = { servername: 'redis.example' }
    const kept = {
      username: 'app',
      password: 'secret',
      db: 3,
      keyPrefix: 'app:',
      tls,
      connectionName: 'app',
      family: 4,
    }
    const template = new Redis({
      ...nowhere,
      ...kept,
      enableAutoPipelining: true,
      readOnly: true,
      commandTimeout: 9000,
    })
    const client = own(template)
    expect(client.options).toMatchObject({ ...kept, ...failsFast, host: '127.0.0.1', port: 1 })
    expect(client.options).toMatchObject({ enableOfflineQueue: false, lazyConnect: false, readOnly: false })
    expect(client).not.toBe(template)
    expect(template.status).toBe('wait')
    expect(template.options.enableOfflineQueue).toBe(true)
  })

  it('finds the primary through Sentinel', () => {
    const sentinels = [{ host: '127.0.0.1', port: 1 }]
    const natMap = { '10.0.0.1:6379': { host: '127.0.0.1', port: 6379 } }
    const template = new Redis({
      sentinels,
      name: 'main',
      role: 'slave',
      sentinelPassword: 'x',
      natMap,
      lazyConnect: true,
    })
    const kept = { sentinels, name: 'main', sentinelPassword: 'x', natMap }
    expect(own(template).options).toMatchObject({
      ...kept,
      ...failsFast,
      role: 'master',
      sentinelCommandTimeout: 500,
    })
  })

  it('reads from the primaries of a Cluster alone, and keeps nothing for later there either', () => {
    const redisOptions = { password: 'secret', tls: {}, connectTimeout: 300 }
    const natMap = { '10.0.0.1:6379': { host: '127.0.0.1', port: 6379 } }
    const template = new Cluster([nowhere], {
      redisOptions,
      natMap,
      keyPrefix: 'app:',
      scaleReads: 'all',
      lazyConnect: true,
    })
    const client = own(template)
    expect(client.options).toMatchObject({
      ...{ natMap, keyPrefix: 'app:', scaleReads: 'master', enableOfflineQueue: false },
      ...{ retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, maxRedirections: 5 },
      redisOptions: { ...failsFast, ...redisOptions },
    })
    expect(isCluster(client)).toBe(true)
    expect(template.options.redisOptions).toEqual(redisOptions)
  })

  it.each(['{}', 'a{}b', '{app}', '{app}:', 'app{', '}{x}'])(
    'refuses the keyPrefix %j for a Cluster, which would choose the node by it',
    (keyPrefix) => {
      const onTop = new Cluster([nowhere], { keyPrefix, lazyConnect: true })
      const ofNodes = new Cluster([nowhere], { redisOptions: { keyPrefix }, lazyConnect: true })
      for (const template of [onTop, ofNodes])
        expect(() => ownClient(template, 500)).toThrow(/keyPrefix of a Cluster must hold no "{"/)
      expect(own(new Redis({ ...nowhere, keyPrefix })).options.keyPrefix).toBe(keyPrefix)
    },
  )

  it.each([[undefined], [null], ['redis://127.0.0.1'], [{}], [{ duplicate() {} }]])(
    'says what it takes when it gets %o',
    (nothing) => {
      // As a program in JavaScript would.
      expect(() => ownClient(nothing as unknown as RedisClient, 500)).toThrow(
        /takes a client of ioredis \(not of the package redis\)/,
      )
    },
  )
})

describe('retryDelayMs', () => {
  it('doubles up to a second, and draws from the upper half', () => {
    const spans = [1, 2, 5, 6, 100, 2000].map((times) => {
      const delays = Array.from({ length: 200 }, () => retryDelayMs(times))
      return [Math.floor(Math.min(...delays)), Math.ceil(Math.max(...delays))] as const
    })
    const bounds = [50, 100, 800, 1000, 1000, 1000]
    for (const [index, [least, most]] of spans.entries()) {
      const bound = bounds[index] ?? 0
      expect(least).toBeGreaterThanOrEqual(bound / 2)
      expect(most).toBeLessThanOrEqual(bound)
      expect(most - least).toBeGreaterThan(bound / 4)
    }
  })
})
