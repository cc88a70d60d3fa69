import { rmSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.ts'
import { type RedisServerOptions, redisIsMissing, startRedis } from '../../../test/redis-server.ts'
import type { RedisError, RedisErrorCode } from './errors.ts'
import { clientOf, startNode, startSmallCluster } from './redis-clients.fixture.ts'
import { redisStore } from './redis-store.ts'
import { commitGrant } from './scripts.ts'
import { KeptLog, lessPatient } from './store-options.fixture.ts'

const record = { version: 'v1', sealed: Buffer.from('sealed') }
const write = { expectedVersion: undefined, record, ttlSeconds: 60, putGrants: [], deleteGrants: [] }
const ref = { slot: 'a', id: 'g' }

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server, a client that meddles with it, and a store on it with a session and a grant. */
async function fixture(settings: RedisServerOptions = {}, options: Parameters<typeof clientOf>[1] = {}) {
  const server = await startRedis(settings)
  // Killed, because one that cannot save refuses to end.
  cleanups.push(() => server.kill().then(() => server.close()))
  const admin = clientOf(server)
  cleanups.push(async () => admin.disconnect())
  const log = new KeptLog()
  const store = redisStore(clientOf(server, { ...options, lazyConnect: true }), {
    ...lessPatient,
    logger: log,
  })
  cleanups.push(() => store.close())
  return { server, admin, log, store }
}

type Fixture = Awaited<ReturnType<typeof fixture>>

async function signedIn(settings: RedisServerOptions = {}): Promise<Fixture> {
  const made = await fixture(settings)
  await made.store.sessions.write('a', { ...write, putGrants: [{ id: 'g', record, ttlSeconds: 60 }] })
  await made.store.appSessions.write('app', '{}', 60)
  await made.store.users.write('u', undefined, record, 60)
  return made
}

function failure(promise: Promise<unknown>): Promise<RedisError> {
  return promise.then(
    () => expect.fail('it was answered'),
    (error) => error,
  )
}

/** Refuses writes from now on, each in its way. */
const refusals: Readonly<Record<string, (made: Fixture) => Promise<unknown>>> = {
  READONLY: async ({ admin }) => admin.replicaof('127.0.0.1', await freePort()),
  NOREPLICAS: ({ admin }) => admin.config('SET', 'min-replicas-to-write', 3),
  MISCONF: async ({ admin, server }) => {
    await admin.config('SET', 'save', '3600 1')
    rmSync(server.folder, { recursive: true })
    await admin.bgsave()
    await expect.poll(() => admin.info('persistence')).toContain('rdb_last_bgsave_status:err')
  },
}

describe.skipIf(redisIsMissing).each(Object.entries(refusals))(
  'a server that refuses writes with %s',
  (code, refuse) => {
    it('is read all the same, and nobody is taken for signed out', async () => {
      const made = await signedIn()
      await refuse(made)
      const { store } = made
      expect((await store.sessions.read('a', 60))?.version).toBe('v1')
      expect((await store.grants.read(ref, 60))?.version).toBe('v1')
      expect((await store.users.read('u', 60))?.version).toBe('v1')
      expect(await store.appSessions.read('app', 60)).toBe('{}')
      expect(await store.sessions.read('nobody', 60)).toBeUndefined()
    })

    it('fails what must be written, and says once what to do', async () => {
      const made = await signedIn()
      await refuse(made)
      for (const grant of ['g', 'h']) {
        expect(await failure(made.store.grants.delete({ slot: 'a', id: grant }, 'v1'))).toMatchObject({
          code,
        })
      }
      // Without its mark an end would miss whoever is signing in.
      expect(await failure(made.store.subjects.end('subject', 60))).toMatchObject({ code })
      expect(await failure(made.store.appSessions.delete('app'))).toMatchObject({ code })
      expect(made.log.lines.filter((line) => line.includes(`"code":"${code}"`))).toHaveLength(1)
    })
  },
)

describe.skipIf(redisIsMissing)('a reply of Redis that is no answer', () => {
  it('OOM: fails what would take memory, reads, and renews', async () => {
    const { admin, store, log } = await signedIn()
    await admin.config('SET', 'maxmemory', 1)
    expect((await store.sessions.read('a', 60))?.version).toBe('v1')
    expect(await failure(store.usedMarkers.take('once', 'me', 60))).toMatchObject({ code: 'OOM' })
    expect(await failure(store.grants.commit(ref, 'v1', { ...record, version: 'v2' }))).toMatchObject({
      code: 'OOM',
    })
    expect(log.lines.filter((line) => line.startsWith('error Redis has reached its maxmemory'))).toHaveLength(
      1,
    )
    await admin.config('SET', 'maxmemory', 0)
    expect(await store.grants.commit(ref, 'v1', { ...record, version: 'v2' })).toBe('committed')
  })

  it('OOM: ends whatever is to end, and for good', async () => {
    const { admin, store } = await signedIn()
    const expiresAt = Date.now() / 1000 + 60
    for (const id of ['first', 'second']) await store.subjects.join('subject', { id, expiresAt })
    await admin.config('SET', 'maxmemory', 1)
    const { memberIds, notBefore } = await store.subjects.end('subject', 60)
    expect(memberIds).toEqual(['first', 'second'])
    expect(await store.subjects.notBefore('subject')).toBe(notBefore)
    expect(await store.subjects.leave('subject', 'first')).toEqual({ left: 1 })
    expect((await store.sessions.delete('a', 'v1', ['g'])).outcome).toBe('deleted')
    await store.appSessions.delete('app')
    expect(await store.sessions.peek('a')).toBeUndefined()
    await admin.config('SET', 'maxmemory', 0)
    // A request that began before the end comes too late.
    await store.appSessions.write('app', '{"late":1}', 60)
    expect(await store.appSessions.read('app', 60)).toBeUndefined()
  })

  it('NOSCRIPT: sends the script again, after SCRIPT FLUSH and after a restart', async () => {
    const { admin, server, store } = await signedIn()
    await admin.script('FLUSH')
    expect(await admin.script('EXISTS', commitGrant.sha)).toEqual([0])
    expect(await store.grants.commit(ref, 'v1', { ...record, version: 'v2' })).toBe('committed')
    expect(await admin.script('EXISTS', commitGrant.sha)).toEqual([1])
    await server.kill()
    await server.start()
    expect(await store.grants.commit(ref, 'v2', record)).toBe('gone')
  })

  it('WRONGTYPE: another program writes our keys', async () => {
    const { admin, store, log } = await fixture()
    await admin.lpush('lk:{a}:s', 'x')
    expect(await failure(store.sessions.read('a', 60))).toMatchObject({ code: 'WRONGTYPE' })
    expect(await failure(store.sessions.write('a', write))).toMatchObject({ code: 'WRONGTYPE' })
    expect(log.lines).toEqual([expect.stringContaining('keyPrefix')])
  })

  it('BUSY: tries again until the script is over', async () => {
    const { admin, store } = await signedIn({ config: { 'busy-reply-threshold': 1 } })
    const killer = admin.duplicate()
    cleanups.push(async () => killer.disconnect())
    await killer.ping()
    const looping = admin.eval('while true do end', 0).catch(() => {})
    const reading = store.sessions.read('a', 60)
    await killer.script('KILL')
    await looping
    expect((await reading)?.version).toBe('v1')
  })

  it.each<[RedisErrorCode, string]>([
    ['NOPERM', '~* +@all -getex'],
    ['NOPERM', '~* +@all -zadd'],
    ['NOPERM', '~other:* +@all'],
  ])('%s: the user may %s', async (code, rules) => {
    const { admin, server } = await fixture()
    await admin.acl('SETUSER', 'app', 'on', '>secret-password', ...rules.split(' '))
    const log = new KeptLog()
    const store = redisStore(
      clientOf(server, { username: 'app', password: 'secret-password', lazyConnect: true }),
      { ...lessPatient, logger: log },
    )
    cleanups.push(() => store.close())
    const reading = failure(
      Promise.all([store.sessions.read('a', 60), store.subjects.join('s', { id: 'm', expiresAt: 4e9 })]),
    )
    expect(await reading).toMatchObject({ code })
    const said = log.lines.filter((line) => line.startsWith('error The Redis user lacks a right'))
    expect(said).toHaveLength(1)
    // The server names no command of a script's.
    if (rules.endsWith('-getex')) expect(said[0]).toContain('it may not run getex.')
    expect(log.lines.join()).not.toContain('secret-password')
  })

  it.each<[RedisErrorCode, Parameters<typeof clientOf>[1]]>([
    ['NOAUTH', {}],
    ['WRONGPASS', { username: 'default', password: 'not-the-password' }],
  ])('%s: the client has other credentials', async (code, options) => {
    const { store, log } = await fixture({ config: { requirepass: 'the-password' } }, options)
    expect(await failure(store.sessions.read('a', 60))).toMatchObject({ code })
    expect(log.lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
    expect(log.lines.join()).not.toMatch(/the-password/)
  })

  it('LOADING: waits for the data', async () => {
    const { admin, server, store } = await signedIn({ keeps: 'snapshot', config: { 'key-load-delay': 100 } })
    await admin.eval("for i = 1, 2000 do redis.call('SET', 'k' .. i, 'v', 'EX', 60) end", 0)
    await admin.save()
    await server.kill()
    const started = server.start()
    await expect
      .poll(() => store.sessions.read('a', 60).catch(() => undefined))
      .toMatchObject({ version: 'v1' })
    await started
  })
})

describe.skipIf(redisIsMissing)('a Cluster', () => {
  it('MOVED: is not for a client of a single node', async () => {
    const server = await startSmallCluster()
    const { node: other, busPort } = await startNode()
    cleanups.push(
      () => server.close(),
      () => other.close(),
    )
    const admin = clientOf(server)
    const id = String(await clientOf(other).cluster('MYID'))
    await admin.cluster('MEET', '127.0.0.1', other.port, busPort)
    await expect.poll(() => admin.cluster('NODES')).toContain(id)
    await admin.cluster('SETSLOT', await slotOf(admin, 'lk:{a}:s'), 'NODE', id)
    const log = new KeptLog()
    const store = redisStore(clientOf(server, { lazyConnect: true }), { ...lessPatient, logger: log })
    cleanups.push(() => store.close())
    expect(await failure(store.sessions.read('a', 60))).toMatchObject({ code: 'MOVED' })
    expect(log.lines).toEqual([expect.stringMatching(/^error .*Pass redisStore\(\) a Cluster/)])
    admin.disconnect()
  })

  it('CLUSTERDOWN: is tried again until all slots are served', async () => {
    const { node: server } = await startNode()
    cleanups.push(() => server.close())
    const store = redisStore(clientOf(server, { lazyConnect: true }), {
      ...lessPatient,
      logger: new KeptLog(),
    })
    cleanups.push(() => store.close())
    expect(await failure(store.sessions.read('a', 60))).toMatchObject({ code: 'CLUSTERDOWN' })
    const admin = clientOf(server)
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383)
    await expect.poll(() => store.sessions.read('a', 60).catch(() => 'down')).toBeUndefined()
    admin.disconnect()
  })
})

async function slotOf(client: Redis, key: string): Promise<number> {
  return Number(await client.cluster('KEYSLOT', key))
}
