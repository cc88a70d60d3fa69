import type { Store, VersionedRecord } from '@latchkey/core'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import { keysWithoutTtl } from './passing-time.fixture.ts'
import { clientOf } from './redis-clients.fixture.ts'
import { redisStore } from './redis-store.ts'
import { patient } from './store-options.fixture.ts'

let server: RedisServer
let client: Redis
let store: Store

beforeAll(async () => {
  server = await startRedis()
  client = clientOf(server)
  store = redisStore(client, patient)
})
beforeEach(() => client.flushall())
afterAll(async () => {
  await store.close()
  client.disconnect()
  await server.close()
})

const nothing = { putGrants: [], deleteGrants: [] }

function record(version: string): VersionedRecord {
  return { version, sealed: Buffer.from(`sealed ${version}`) }
}

async function ttlSeconds(key: string): Promise<number> {
  return Math.ceil((await client.pttl(key)) / 1000)
}

describe.skipIf(redisIsMissing)('writing a session', () => {
  it('keeps the time to live where none is given', async () => {
    await store.sessions.write('a', {
      expectedVersion: undefined,
      record: record('v1'),
      ttlSeconds: 50,
      ...nothing,
    })
    await store.sessions.write('a', { expectedVersion: 'v1', record: record('v2'), ...nothing })
    expect(await ttlSeconds('lk:{a}:s')).toBe(50)
    expect((await store.sessions.peek('a'))?.version).toBe('v2')
  })

  it('leaves nothing that would stay for ever', async () => {
    await store.sessions.write('a', { expectedVersion: undefined, record: record('v1'), ...nothing })
    await store.sessions.write('b', {
      expectedVersion: undefined,
      record: record('v1'),
      ttlSeconds: 1e-9,
      ...nothing,
    })
    await store.sessions.write('c', {
      expectedVersion: undefined,
      record: record('v1'),
      ttlSeconds: 1e300,
      ...nothing,
    })
    expect(await keysWithoutTtl(client)).toEqual([])
    expect(await store.sessions.peek('a')).toBeUndefined()
    expect((await store.sessions.peek('c'))?.version).toBe('v1')
  })

  it('takes no version for another that it begins with', async () => {
    await store.sessions.write('a', {
      expectedVersion: undefined,
      record: record('ab'),
      ttlSeconds: 50,
      ...nothing,
    })
    for (const expectedVersion of ['a', 'abc', '', undefined]) {
      const write = { expectedVersion, record: record('new'), ttlSeconds: 50, ...nothing }
      expect(await store.sessions.write('a', write)).toEqual({ outcome: 'moved' })
    }
    expect(await store.sessions.delete('a', 'a', [])).toEqual({ outcome: 'moved' })
  })

  it('puts and deletes many grants, and puts the one that it also deletes', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `g${index}`)
    const putGrants = ids.map((id) => ({ id, record: record(id), ttlSeconds: 50 }))
    await store.sessions.write('a', {
      expectedVersion: undefined,
      record: record('v1'),
      ttlSeconds: 50,
      putGrants,
      deleteGrants: [],
    })
    const again = [{ id: 'g7', record: record('new'), ttlSeconds: 50 }]
    const outcome = await store.sessions.write('a', {
      ...{ expectedVersion: 'v1', record: record('v2'), ttlSeconds: 50 },
      ...{ putGrants: again, deleteGrants: [...ids, 'unknown'] },
    })
    if (outcome.outcome !== 'written') expect.fail('the expected version stood there')
    expect(outcome.deletedGrants.map((grant) => grant?.version)).toEqual([...ids, undefined])
    expect((await store.grants.read({ slot: 'a', id: 'g7' }))?.version).toBe('new')
    expect(await client.dbsize()).toBe(2)
  })
})

describe.skipIf(redisIsMissing)('the indexes', () => {
  it('live as long as their longest session, whichever joined last', async () => {
    const { now } = await store.subjects.join('s', { id: 'short', expiresAt: Date.now() / 1000 + 50 })
    expect(await ttlSeconds('lk:{s}:m')).toBeLessThanOrEqual(50)
    await store.subjects.join('s', { id: 'long', expiresAt: now + 500 })
    await store.subjects.join('s', { id: 'other', expiresAt: now + 5 })
    expect(await ttlSeconds('lk:{s}:m')).toBeGreaterThan(490)
  })

  it('drop expired sessions when another joins, and keep none that had expired before it joined', async () => {
    const { now } = await store.subjects.join('s', { id: 'late', expiresAt: 1 })
    expect(await client.dbsize()).toBe(0)
    await store.subjects.join('s', { id: 'one', expiresAt: now + 500 })
    await store.subjects.join('s', { id: 'late', expiresAt: now - 1 })
    await store.subjects.join('s', { id: 'two', expiresAt: now + 500 })
    expect(await client.zrangebyscore('lk:{s}:m', '-inf', '+inf')).toEqual(['one', 'two'])
  })

  it("tell the time of Redis's own clock to the microsecond", async () => {
    const times = []
    for (let turn = 0; turn < 50; turn += 1) times.push((await store.subjects.end('s', 50)).notBefore)
    expect(new Set(times).size).toBe(50)
    expect([...times].sort((one, other) => one - other)).toEqual(times)
    expect(await store.subjects.notBefore('s')).toBe(times.at(-1))
    const [seconds = 0] = (await client.time()).map(Number)
    expect(Math.abs((times[0] ?? 0) - seconds)).toBeLessThan(60)
  })
})

describe.skipIf(redisIsMissing)('leases', () => {
  it('are not extended by taking them again', async () => {
    const ref = { slot: 'a', id: 'g' }
    await store.leases.take(ref, 'me', 50)
    expect(await store.leases.take(ref, 'me', 500)).toBe(true)
    expect(await ttlSeconds('lk:{a}:l:g')).toBe(50)
    expect(await store.leases.extend(ref, 'me', 500)).toBe(true)
    expect(await ttlSeconds('lk:{a}:l:g')).toBe(500)
  })
})

describe.skipIf(redisIsMissing)('app sessions', () => {
  it('are renewed by the time that is asked for, and hold any text', async () => {
    for (const text of ['7 days\n{}', '', '{"é":"\u0000"}']) {
      await store.appSessions.write('id', text, 50)
      expect(await store.appSessions.read('id', 500)).toBe(text)
      const [key = ''] = await client.keys('*')
      expect(await ttlSeconds(key)).toBe(500)
    }
  })

  it('leave a tombstone of ten minutes that nothing renews', async () => {
    await store.appSessions.delete('id')
    expect(await store.appSessions.read('id', 5000)).toBeUndefined()
    await store.appSessions.write('id', '{}', 5000)
    const [key = ''] = await client.keys('*')
    expect(await ttlSeconds(key)).toBe(600)
    expect(await client.get(key)).toBe('deleted')
  })
})

describe.skipIf(redisIsMissing)('one request', () => {
  it('of a signed-in user is one command, which reads and renews', async () => {
    await store.sessions.write('a', {
      expectedVersion: undefined,
      record: record('v1'),
      ttlSeconds: 50,
      ...nothing,
    })
    await client.config('RESETSTAT')
    await store.sessions.read('a', 500)
    const calls = [...(await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    expect(calls.map(([, name, count]) => `${name} ${count}`).sort()).toEqual([
      'config|resetstat 1',
      'getex 1',
    ])
    expect(await ttlSeconds('lk:{a}:s')).toBe(500)
  })
})

describe.skipIf(redisIsMissing)('key names', () => {
  it('hold no id of an app session and no name of a used marker', async () => {
    await store.appSessions.write('secret-app-session', '{}', 50)
    await store.usedMarkers.take('secret-marker', 'value', 50)
    const keys = await client.keys('*')
    expect(keys).toHaveLength(2)
    expect(keys.join()).not.toContain('secret')
  })
})
