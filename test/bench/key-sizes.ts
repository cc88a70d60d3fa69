import type { Redis } from 'ioredis'

/** Keys of one kind, in what Redis holds. */
export interface KeySize {
  readonly count: number
  /** On average, `MEMORY USAGE` of some of them. */
  readonly bytes: number
}

const sampled = 200

/**
 * What Redis holds, by the kind of key: its name without what tells one session, user or grant from another.
 * Together it is less than `used_memory`, which has the tables of all keys and their times to live too.
 */
export async function keySizes(redis: Redis): Promise<Readonly<Record<string, KeySize>>> {
  const names = new Map<string, string[]>()
  for await (const batch of redis.scanStream({ count: 5_000 })) {
    for (const name of batch as readonly string[]) {
      const kind = kindOf(name)
      const known = names.get(kind)
      if (known === undefined) names.set(kind, [name])
      else known.push(name)
    }
  }
  const sizes: Record<string, KeySize> = {}
  for (const [kind, all] of names) {
    const some = all.slice(0, sampled)
    const bytes = await Promise.all(some.map((name) => redis.memory('USAGE', name)))
    const sum = bytes.reduce<number>((total, one) => total + (one ?? 0), 0)
    sizes[kind] = { count: all.length, bytes: Math.round(sum / some.length) }
  }
  return sizes
}

/** `lk:{…}:g:…` of all grants, `sess:…` of all sessions of connect-redis. */
export function kindOf(name: string): string {
  return name.replace(/\{[^}]*\}/, '{…}').replace(/:[\w-]{16,}$/, ':…')
}
