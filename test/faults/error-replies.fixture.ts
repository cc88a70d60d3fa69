import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import { freePort } from '../free-port.ts'
import { type RedisServer, until } from '../redis-server.ts'
import type { Operation } from './error-operations.fixture.ts'

/** Everything that a fault needs to begin and to end. */
export interface FaultSite {
  readonly redis: RedisServer
  readonly proxy: FaultProxy
  /** Connected before anything went wrong. */
  readonly admin: Redis
}

/** An error reply of Redis, how to get it from a real server, and what then becomes of each operation. */
export interface ErrorReply {
  readonly code: string
  /** The process that sees it: `no user` for the one that has no user name. @default 'user' */
  readonly at?: 'no user'
  /** Operations that are served all the same; the others are answered 503. */
  readonly served: readonly Operation[]
  /** Resolves to what ends the fault. */
  readonly begin: (site: FaultSite) => Promise<() => Promise<unknown>>
}

/** An administrator's connection until the end of the test. */
export function adminOfTest(redis: RedisServer): Redis {
  const admin = new Redis({ port: redis.port, host: '127.0.0.1' })
  onTestFinished(() => admin.disconnect())
  return admin.on('error', () => {})
}

const reads = ['page', 'call'] as const
const everything = ['page', 'call', 'refresh', 'sign-in', 'sign-out', 'new session'] as const

function configured(name: string, value: string | number, usual: string | number): ErrorReply['begin'] {
  return async ({ admin }) => {
    await admin.config('SET', name, value)
    return () => admin.config('SET', name, usual)
  }
}

async function replicaOfNobody({ admin }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.replicaof('127.0.0.1', await freePort())
  return () => admin.replicaof('NO', 'ONE')
}

/** A script that loops; the user's own scripts cannot be killed once they have written. */
async function loop({ redis, admin }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.config('SET', 'busy-reply-threshold', 1)
  const looping = redis.with((client) => client.eval('while true do end', 0)).catch(() => {})
  await expect.poll(() => admin.ping().catch(String)).toContain('BUSY')
  return async () => {
    await admin.script('KILL')
    await looping
  }
}

async function unsaved({ redis, admin }: FaultSite): Promise<() => Promise<unknown>> {
  const file = join(redis.folder, 'dump.rdb')
  const saved = async (how: string): Promise<void> => {
    await admin.bgsave()
    await until('the save has ended', () => redis.says('persistence', `rdb_last_bgsave_status:${how}`))
  }
  rmSync(file, { force: true })
  // A snapshot cannot take the place of a folder.
  mkdirSync(file)
  await saved('err')
  return () => {
    rmSync(file, { recursive: true })
    return saved('ok')
  }
}

/** Another program has written lists under our keys. */
async function foreign({ admin }: FaultSite): Promise<() => Promise<unknown>> {
  const kept = await Promise.all(
    (await admin.keys('lk:*')).map(async (key) => ({
      key,
      ttlMs: await admin.pttl(key),
      dump: await admin.dumpBuffer(key),
    })),
  )
  for (const { key } of kept) await admin.multi().del(key).rpush(key, 'x').expire(key, 600).exec()
  return async () => {
    for (const { key, ttlMs, dump } of kept)
      if (dump !== null) await admin.restore(key, ttlMs, dump, 'REPLACE')
  }
}

/** It takes seconds to load what is in the snapshot. */
async function loading({ redis, admin }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.eval("for i = 1, 4000 do redis.call('SET', 'other:' .. i, 'v', 'EX', 600) end", 0)
  await redis.stop()
  const started = redis.start()
  await until('it loads', async () =>
    String(await redis.command('GET', 'a').catch(String)).includes('LOADING'),
  )
  return () => started
}

async function withoutRights({ admin }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.acl('SETUSER', 'latchkey', '-@all', '+@connection', '+info')
  return () => admin.acl('SETUSER', 'latchkey', '+@all')
}

async function otherPassword({ admin, proxy }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.acl('SETUSER', 'latchkey', 'resetpass', '>other')
  proxy.cut()
  return () => admin.acl('SETUSER', 'latchkey', '>password')
}

async function passwordWanted({ admin, proxy }: FaultSite): Promise<() => Promise<unknown>> {
  await admin.config('SET', 'requirepass', 'password')
  proxy.cut()
  return () => admin.config('SET', 'requirepass', '')
}

/** Lines of `redis.conf` that the replies need; a user that is set up later would be gone after a restart. */
export const errorConfig = {
  user: 'latchkey on >password ~* +@all',
  // Microseconds for each key; and it answers while it loads.
  'key-load-delay': 1_000,
  'loading-process-events-interval-bytes': 1_024,
} as const

/** What a single node can reply. */
export const errorReplies: readonly ErrorReply[] = [
  { code: 'READONLY', served: reads, begin: replicaOfNobody },
  {
    code: 'MASTERDOWN',
    served: [],
    begin: async (site) => {
      await site.admin.config('SET', 'replica-serve-stale-data', 'no')
      return replicaOfNobody(site)
    },
  },
  // Deleting takes no memory.
  { code: 'OOM', served: [...reads, 'sign-out'], begin: configured('maxmemory', 1, 0) },
  { code: 'NOREPLICAS', served: reads, begin: configured('min-replicas-to-write', 3, 0) },
  { code: 'MISCONF', served: reads, begin: unsaved },
  {
    code: 'NOSCRIPT',
    served: everything,
    begin: async ({ admin }) => {
      await admin.script('FLUSH')
      return async () => {}
    },
  },
  { code: 'BUSY', served: [], begin: loop },
  // Who comes now has keys of their own.
  { code: 'WRONGTYPE', served: ['sign-in', 'new session'], begin: foreign },
  { code: 'NOPERM', served: [], begin: withoutRights },
  { code: 'WRONGPASS', served: [], begin: otherPassword },
  { code: 'NOAUTH', at: 'no user', served: [], begin: passwordWanted },
  { code: 'LOADING', served: [], begin: loading },
]
