import type { Finding } from './finding.ts'

const about = 'Redis'
const pings = 20
const slowMs = 5

/** What of ioredis is used. */
interface RedisClient {
  connect(): Promise<void>
  ping(): Promise<string>
  info(section: string): Promise<string>
  disconnect(): void
  on(event: 'error', listener: () => void): unknown
}

/** Whether a Redis can be reached, keeps what it is given, and how fast it is. */
export async function checkRedis(url: string): Promise<readonly Finding[]> {
  const redis = await clientOf(url)
  if (redis === undefined)
    return [{ about, level: 'warning', text: 'not checked: npm install ioredis, and run this again.' }]
  try {
    await redis.connect()
    const latencies: number[] = []
    for (let ping = 0; ping < pings; ping += 1) {
      const began = performance.now()
      await redis.ping()
      latencies.push(performance.now() - began)
    }
    const [server, memory, persistence] = await Promise.all(
      ['server', 'memory', 'persistence'].map((section) => redis.info(section)),
    )
    return [
      { about, level: 'ok', text: `${field(server, 'redis_version') ?? 'some version'} answers` },
      latency(latencies),
      eviction(field(memory, 'maxmemory_policy'), field(memory, 'maxmemory')),
      keeping(field(persistence, 'aof_enabled'), field(persistence, 'rdb_last_save_time')),
    ]
  } catch (error) {
    // Its message may repeat the address, and a password in it.
    const { code } = error as { readonly code?: string }
    return [
      {
        about,
        level: 'problem',
        text: `cannot be used (${code ?? 'refused'}). Check address, password and network.`,
      },
    ]
  } finally {
    redis.disconnect()
  }
}

async function clientOf(url: string): Promise<RedisClient | undefined> {
  try {
    const name = 'ioredis'
    const { Redis } = (await import(name)) as {
      readonly Redis: new (url: string, options: object) => RedisClient
    }
    const redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: 3_000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    })
    redis.on('error', () => {})
    return redis
  } catch {
    return undefined
  }
}

function latency(values: readonly number[]): Finding {
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const text = `a round trip takes ${median.toFixed(1)} ms`
  if (median <= slowMs) return { about, level: 'ok', text }
  return {
    about,
    level: 'warning',
    text: `${text}; each signed-in request waits for one. Bring Redis closer to the app.`,
  }
}

function eviction(policy: string | undefined, limit: string | undefined): Finding {
  if (policy === undefined)
    return { about, level: 'warning', text: 'does not tell its maxmemory-policy. It should be noeviction.' }
  if (policy === 'noeviction') return { about, level: 'ok', text: 'maxmemory-policy is noeviction' }
  const level = limit === '0' ? 'warning' : 'problem'
  return {
    about,
    level,
    text: `maxmemory-policy is ${policy}: sessions may vanish. Set it: redis-cli config set maxmemory-policy noeviction`,
  }
}

function keeping(aof: string | undefined, lastSave: string | undefined): Finding {
  if (aof === '1') return { about, level: 'ok', text: 'writes what it is given to disk (AOF)' }
  if (lastSave === undefined) return { about, level: 'warning', text: 'does not tell how it persists.' }
  return {
    about,
    level: 'warning',
    text: 'has no append-only file: a restart forgets what came after the last snapshot, and signs people out. Set it: redis-cli config set appendonly yes',
  }
}

function field(info: string | undefined, name: string): string | undefined {
  const line = info?.split('\n').find((one) => one.startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}
