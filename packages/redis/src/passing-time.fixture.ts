import type { Redis } from 'ioredis'

/**
 * Lets time pass for everything in a database, without waiting: each time to live becomes so much shorter, and so does
 * what each member of an index has left.
 */
export async function letPass(client: Redis, seconds: number): Promise<void> {
  for (const key of await client.keys('*')) {
    if ((await client.type(key)) === 'zset') await shortenMembers(client, key, seconds)
    const ttlMs = await client.pttl(key)
    // A key that never expires is what other checks look for.
    if (ttlMs >= 0) await client.pexpire(key, ttlMs - seconds * 1000)
  }
}

/** The keys that would stay for ever. */
export async function keysWithoutTtl(client: Redis): Promise<readonly string[]> {
  const keys = await client.keys('*')
  const ttls = await Promise.all(keys.map((key) => client.pttl(key)))
  return keys.filter((_, index) => ttls[index] === -1)
}

async function shortenMembers(client: Redis, key: string, seconds: number): Promise<void> {
  for (const member of await client.zrangebyscore(key, '-inf', '+inf')) {
    await client.zincrby(key, -seconds, member)
  }
}
