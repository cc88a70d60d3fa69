import type { Logger } from '@latchkey/core'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { type AppSessionStoreOptions, appSessionStore } from './app-session-store.ts'
import { type RedisStoreOptions, redisSettings } from './options.ts'

describe('redisSettings', () => {
  it('fills in what is left out', () => {
    const settings = redisSettings({ commandTimeoutMs: 100 })
    expect(settings).toMatchObject({ commandTimeoutMs: 100, requestTimeoutMs: 1_000, maxPending: 1_000 })
    expect(redisSettings({})).toMatchObject({ commandTimeoutMs: 500 })
  })

  it.each<[RedisStoreOptions, RegExp]>([
    [{ commandTimeoutMs: 0 }, /commandTimeoutMs .* whole number above 0/],
    [{ maxPending: 1.5 }, /maxPending .* whole number above 0/],
    // As a program in JavaScript would.
    [{ requestTimeoutMs: '1s' as unknown as number }, /requestTimeoutMs .* whole number above 0/],
    [{ commandTimeoutMs: 2_000 }, /requestTimeoutMs .* not be below commandTimeoutMs/],
    [{ prefix: 'app:' } as RedisStoreOptions, /no option prefix/],
    [{ logger: {} as unknown as Logger }, /logger .* methods debug, info, warn, error/],
  ])('refuses %o', (options, message) => {
    expect(() => redisSettings(options)).toThrow(message)
  })
})

describe('appSessionStore', () => {
  it.each<[AppSessionStoreOptions, RegExp]>([
    [{ ttlSeconds: 0 }, /ttlSeconds of appSessionStore\(\) .* above 0/],
    [{ ttlSeconds: Number.NaN }, /ttlSeconds of appSessionStore\(\) .* above 0/],
    [{ ttlSeconds: '60' as unknown as number }, /ttlSeconds of appSessionStore\(\) .* number of seconds/],
    [{ maxPending: 0 }, /maxPending of appSessionStore\(\)/],
    [
      { ttl: 60 } as AppSessionStoreOptions,
      /^appSessionStore\(\) has no option ttl. It has .*, ttlSeconds\. .* is the option ttlSeconds/,
    ],
    [{ prefix: 'a:' } as AppSessionStoreOptions, /has no option prefix\. .* keyPrefix of the client/],
  ])('refuses %o in its own name', (options, message) => {
    const client = new Redis({ lazyConnect: true })
    expect(() => appSessionStore(client, options)).toThrow(message)
  })

  it('says where the client belongs when it stands among the options', () => {
    const options = { client: new Redis({ lazyConnect: true }) }
    expect(() => appSessionStore(options as unknown as Redis)).toThrow(
      /takes a client .* as its first argument/,
    )
  })
})
