import type { Redis } from 'ioredis'

/**
 * Lets time pass for everything in a database, without waiting: each time to live becomes so much shorter, and so does
 * what each member of an index has left.
 */
export async function letPass(client: Redis, seconds: number): Promise<void> {
  for (const key of await client.keys('*')) {
    if ((await client.type(key)) === 'zset') await shortenMembers(client, key, seconds)
    const ttlMs = await client.pttl(key)
    if (ttlMs === -1) throw new Error(`${key} has no time to live.`)
    await client.pexpire(key, ttlMs - seconds * 1000)
  }
}

async function shortenMembers(client: Redis, key: string, seconds: number): Promise<void> {
  for (const member of await client.zrange(key, 0, -1)) await client.zincrby(key, -seconds, member)
}
