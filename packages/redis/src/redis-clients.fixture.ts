import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { freePort } from '../../../test/free-port.ts'
import { type RedisServer, startRedis, until } from '../../../test/redis-server.ts'

/** A client to look and meddle with, which waits for its server. */
export function clientOf(
  { port }: RedisServer,
  options: Omit<RedisOptions, 'replyMapping' | 'host' | 'port'> = {},
): Redis {
  const quietly = { retryStrategy: () => 20, maxRetriesPerRequest: null }
  const client = new Redis({ ...quietly, ...options, port, host: '127.0.0.1' })
  return client.on('error', () => {})
}

/** The same for a Cluster. */
export function clusterOf(
  { port }: RedisServer,
  options: ConstructorParameters<typeof Cluster>[1] = {},
): Cluster {
  return new Cluster([{ port, host: '127.0.0.1' }], options)
}

/** A node of a Cluster, and where the others of its Cluster would reach it. */
export async function startNode(): Promise<{ readonly node: RedisServer; readonly busPort: number }> {
  const busPort = await freePort()
  const config = {
    'cluster-enabled': 'yes',
    'cluster-announce-ip': '127.0.0.1',
    'cluster-port': busPort,
  }
  return { node: await startRedis({ config }), busPort }
}

/** A Cluster of one node, which has all slots. */
export async function startSmallCluster(): Promise<RedisServer> {
  const { node } = await startNode()
  await node.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  const isWhole = async (): Promise<boolean> =>
    String(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok')
  await until('the Cluster has all slots', isWhole)
  return node
}
