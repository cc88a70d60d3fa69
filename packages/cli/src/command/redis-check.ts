import { type Finding, ok, problem, warning } from './finding.ts'

const about = 'Redis'
const pings = 20
const slowMs = 5

/** What of ioredis is used. */
interface RedisClient {
  connect(): Promise<void>
  ping(): Promise<string>
  info(section: string): Promise<string>
  disconnect(): void
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
}

/** Whether a Redis can be reached, keeps what it is given, and how fast it is. */
export async function checkRedis(url: string): Promise<readonly Finding[]> {
  // What connect() rejects with says less.
  let fault: string | undefined
  const redis = await clientOf(url, ({ code }) => {
    fault ??= code
  })
  if (redis === undefined) return [warning(about, 'not checked: npm install ioredis, and run this again.')]
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
      ok(about, `${field(server, 'redis_version') ?? 'some version'} answers`),
      latency(latencies),
      eviction(field(memory, 'maxmemory_policy'), field(memory, 'maxmemory')),
      keeping(field(persistence, 'aof_enabled'), field(persistence, 'rdb_last_save_time')),
    ]
  } catch {
    // No message is shown: it may repeat the address, and a password in it.
    return [problem(about, `cannot be used (${fault ?? 'refused'}). Check address, password and network.`)]
  } finally {
    redis.disconnect()
  }
}

async function clientOf(
  url: string,
  onError: (error: NodeJS.ErrnoException) => void,
): Promise<RedisClient | undefined> {
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
    redis.on('error', onError)
    return redis
  } catch {
    return undefined
  }
}

function latency(values: readonly number[]): Finding {
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const text = `a round trip takes ${median.toFixed(1)} ms`
  if (median <= slowMs) return ok(about, text)
  return warning(about, `${text}; each signed-in request waits for one. Bring Redis closer to the app.`)
}

function eviction(policy: string | undefined, limit: string | undefined): Finding {
  if (policy === undefined)
    return warning(about, 'does not tell its maxmemory-policy. It should be noeviction.')
  if (policy === 'noeviction') return ok(about, 'maxmemory-policy is noeviction')
  const text = `maxmemory-policy is ${policy}: sessions may vanish. Set it: redis-cli config set maxmemory-policy noeviction`
  return limit === '0' ? warning(about, text) : problem(about, text)
}

function keeping(aof: string | undefined, lastSave: string | undefined): Finding {
  if (aof === '1') return ok(about, 'writes what it is given to disk (AOF)')
  if (lastSave === undefined) return warning(about, 'does not tell how it persists.')
  return warning(
    about,
    'has no append-only file: a restart forgets what came after the last snapshot, and signs people out. Set it: redis-cli config set appendonly yes',
  )
}

function field(info: string | undefined, name: string): string | undefined {
  const line = info?.split('\n').find((one) => one.startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}
