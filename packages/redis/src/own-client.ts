import { LatchkeyError } from '@latchkey/core'
import type { Cluster, ClusterOptions, CommonRedisOptions, Redis, RedisOptions } from 'ioredis'
import { redisError } from './errors.ts'

/** A client of ioredis: for a single node or Sentinel, or for Cluster. */
export type RedisClient = Redis | Cluster

type NodeOptions = CommonRedisOptions & { readonly replyMapping: 'legacy' }

const longestDelayMs = 1_000
const longestConnectMs = 2_000
const longestLoadingMs = 500
const reconnectAtMostEveryMs = 1_000
/** Enough for a slot that moves; what takes longer is tried again inside the deadline. */
const maxRedirections = 5

/**
 * A connection of our own to where the template leads, with its credentials, TLS, database, key prefix, Sentinel and
 * NAT options. Unlike the template it keeps no command for later: what cannot be sent now fails now, so that nothing
 * is carried out long after its request was answered.
 */
export function ownClient(template: RedisClient, commandTimeoutMs: number): RedisClient {
  if (!isCluster(template)) return template.duplicate(singleOptions(template.options, commandTimeoutMs))
  requirePlainPrefix(template.options)
  const cluster = template.duplicate([], clusterOptions(template.options, commandTimeoutMs))
  // A node that is not connected yet keeps commands and sends them once it is, however late; one that connects refuses.
  return cluster.on('+node', (node: Redis) => void node.connect().catch(isReportedAsNodeError))
}

/** True for a client of a Redis Cluster. @throws {LatchkeyError} `invalid_options`: it is no client at all. */
export function isCluster(client: RedisClient): client is Cluster {
  // Programs in JavaScript pass anything. Only a client of ioredis has both.
  if (typeof client?.duplicate === 'function' && typeof client.callBuffer === 'function')
    return client.isCluster
  const message =
    'The store takes a client of ioredis (not of the package redis) as its first argument: new Redis(process.env.REDIS_URL).'
  throw new LatchkeyError('invalid_options', message)
}

/** Our keys have their hash tags in braces; with others before them a Cluster would spread or heap what belongs together. */
function requirePlainPrefix({ keyPrefix, redisOptions }: ClusterOptions): void {
  const prefix = keyPrefix ?? redisOptions?.keyPrefix ?? ''
  if (!/[{}]/.test(prefix)) return
  const message = `The keyPrefix of a Cluster must hold no braces: take them out of "${prefix}".`
  throw new LatchkeyError('invalid_options', message)
}

/** 50 ms, twice that, and so on up to a second; jittered, so that processes do not come back all at once. */
export function retryDelayMs(times: number): number {
  return Math.min(50 * 2 ** (times - 1), longestDelayMs) * (0.5 + Math.random() / 2)
}

function singleOptions(options: RedisOptions, commandTimeoutMs: number): RedisOptions {
  return {
    ...nodeOptions(options, commandTimeoutMs),
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
    sentinelCommandTimeout: options.sentinelCommandTimeout ?? commandTimeoutMs,
    role: 'master',
    readOnly: false,
    lazyConnect: false,
  }
}

function clusterOptions(
  { redisOptions = {} }: ClusterOptions,
  commandTimeoutMs: number,
): ClusterOptions & { readonly redisOptions: NodeOptions } {
  return {
    redisOptions: { ...redisOptions, ...nodeOptions(redisOptions, commandTimeoutMs) },
    enableOfflineQueue: false,
    // It asks a node that is not connected yet, and would take its refusal for a failure of the Cluster.
    enableReadyCheck: false,
    enableAutoPipelining: false,
    clusterRetryStrategy: retryDelayMs,
    scaleReads: 'master',
    maxRedirections,
    // ioredis would go on trying after the deadline; we try again ourselves, inside it.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    scripts: undefined,
    himportFieldsets: undefined,
    lazyConnect: false,
  }
}

/** For each connection to a node. */
function nodeOptions(
  { connectTimeout = longestConnectMs }: Pick<CommonRedisOptions, 'connectTimeout'>,
  commandTimeoutMs: number,
): NodeOptions {
  return {
    // See Wire: it would fire in a process that was busy.
    commandTimeout: undefined,
    // A server that says nothing for so long is not waited for: what was written to it would be carried out later.
    socketTimeout: 4 * commandTimeoutMs,
    connectTimeout: Math.min(connectTimeout, longestConnectMs),
    maxLoadingRetryTime: longestLoadingMs,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    reconnectOnError: reconnectOnReplica(),
    enableAutoPipelining: false,
    monitor: false,
    stringNumbers: false,
    replyMapping: 'legacy',
    scripts: undefined,
    himportFieldsets: undefined,
  }
}

function isReportedAsNodeError(): void {}

/** After a failover the old primary refuses writes: a new connection finds the new one. At most one a second. */
function reconnectOnReplica(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY
  return (error) => {
    if (redisError(error).remedy !== 'reconnect' || performance.now() - last < reconnectAtMostEveryMs)
      return false
    last = performance.now()
    return true
  }
}
