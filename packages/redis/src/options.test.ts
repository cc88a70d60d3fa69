import type { Logger } from '@latchkey/core'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { appSessionStore } from './app-session-store.ts'
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

it('appSessionStore refuses sessions that live no time', () => {
  const client = new Redis({ lazyConnect: true })
  expect(() => appSessionStore(client, { ttlSeconds: 0 })).toThrow(/ttlSeconds .* above 0/)
})
