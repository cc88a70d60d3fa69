import { Redis } from 'ioredis'
import { PlainFailure } from './plain-failure.ts'

const longestWaitMs = 5_000

/** The Redis that `url` leads to, for people: version and address, without user name and password. */
export async function describeRedis(url: string): Promise<string> {
  const address = addressOf(url)
  const redis = impatientClient(url)
  let reason: unknown
  redis.on('error', (error) => {
    reason = error
  })
  try {
    await redis.connect()
    const about = await redis.info('server')
    const version = /^redis_version:([\d.]+)/m.exec(about)?.[1] ?? 'of unknown version'
    check(address, version, /^redis_mode:(\w+)/m.exec(about)?.[1] ?? 'standalone')
    return `Redis ${version} at ${address}`
  } catch (error) {
    if (error instanceof PlainFailure) throw error
    throw new PlainFailure(advice(address, reasonOf(reason ?? error)))
  } finally {
    redis.disconnect()
  }
}

/** Deletes every key that begins with `prefix`; says so when it cannot. */
export async function forgetKeys(url: string, prefix: string): Promise<void> {
  const redis = impatientClient(url).on('error', () => {})
  try {
    await redis.connect()
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }) as AsyncIterable<
      string[]
    >)
      if (keys.length > 0) await redis.unlink(keys)
  } catch {
    console.error(`The keys ${prefix}* are left in Redis until their times to live end.`)
  } finally {
    redis.disconnect()
  }
}

/** One that gives up soon, and does not try again. */
function impatientClient(url: string): Redis {
  return new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: longestWaitMs,
    commandTimeout: longestWaitMs,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  })
}

/** The part of the URL that may be shown. What is no address may be a password: it is not repeated. */
function addressOf(url: string): string {
  if (url.startsWith('/')) return url.replace(/\?.*$/s, '')
  const parsed = URL.parse(url)
  if (parsed === null || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new PlainFailure(
      'REDIS_URL must be an address like redis://127.0.0.1:6379 or rediss://user:password@host:6379, or the path of a ' +
        'socket. Special characters of a password must be percent-encoded in it.',
    )
  }
  const { protocol, hostname, port, pathname } = parsed
  const database = /^\/\d+$/.test(pathname) ? pathname : ''
  return `${protocol}//${hostname}:${port || 6379}${database}`
}

function check(address: string, version: string, mode: string): void {
  if (Number.parseInt(version, 10) < 7) {
    throw new PlainFailure(`The Redis at ${address} is version ${version}. Latchkey needs 7.0 or later.`)
  }
  if (mode !== 'standalone') {
    throw new PlainFailure(`The Redis at ${address} runs as ${mode}. The demo takes a single node.`)
  }
}

/** A word from the network or from Redis. Never a whole message: it may repeat what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  return (
    /^[A-Z]{3,}(?= )/.exec(error.message)?.[0] ?? (/timed out/i.test(error.message) ? 'ETIMEDOUT' : 'unknown')
  )
}

function advice(address: string, reason: string): string {
  if (reason === 'NOAUTH' || reason === 'WRONGPASS') {
    return `The Redis at ${address} refuses the user name or password in REDIS_URL (${reason}).`
  }
  const where = `REDIS_URL leads to ${address}, where no Redis can be used (${reason}).`
  return `${where} Start one there, correct REDIS_URL, or leave it out.`
}
