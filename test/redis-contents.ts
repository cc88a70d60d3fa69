import type { Redis } from 'ioredis'
import type { RedisServer } from './redis-server.ts'

/** One key and what it holds. */
export interface RedisEntry {
  readonly key: string
  readonly type: string
  /** Milliseconds that it has left; -1: it stays for ever. */
  readonly ttlMs: number
  /** Its value in the form in which Redis writes it to disk, not compressed. */
  readonly dump: Buffer
}

/** Everything that a server holds, as a thief of its data would see it. Keys that end meanwhile are left out. */
export function contentsOf(server: RedisServer): Promise<readonly RedisEntry[]> {
  return server.with(async (client) => {
    const entries: RedisEntry[] = []
    for await (const keys of client.scanStream({ count: 1_000 }) as AsyncIterable<readonly string[]>) {
      const found = await Promise.all(keys.map((key) => entryOf(client, key)))
      entries.push(...found.filter((entry) => entry !== undefined))
    }
    return [...new Map(entries.map((entry) => [entry.key, entry])).values()]
  })
}

/** Keys that would stay for ever. There must be none. */
export async function keysForEver(server: RedisServer): Promise<readonly string[]> {
  return (await contentsOf(server)).filter(({ ttlMs }) => ttlMs === -1).map(({ key }) => key)
}

async function entryOf(client: Redis, key: string): Promise<RedisEntry | undefined> {
  const [ttlMs, type, dump] = await Promise.all([client.pttl(key), client.type(key), client.dumpBuffer(key)])
  return dump === null || ttlMs === -2 ? undefined : { key, type, ttlMs, dump }
}
