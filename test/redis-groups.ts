import { freePort } from './free-port.ts'
import {
  type RedisConfig,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
  startReplica,
  until,
} from './redis-server.ts'

/** First and last slot, and the address of the primary. */
type SlotRange = readonly [from: number, to: number, primary: readonly [host: string, port: number]]

/** A slot on its way from node to node. */
export interface SlotMove {
  /** Takes so many keys over; answers how many there were. */
  readonly moveKeys: (most?: number) => Promise<number>
  /** All keys are there: the slot belongs to the new node. */
  readonly end: () => Promise<void>
}

const slots = 16_384
const nodeTimeoutMs = 2_000

/** Several servers that end together. */
abstract class RedisGroup implements AsyncDisposable {
  /** All of them, sentinels included. */
  abstract readonly all: readonly RedisServer[]

  /** Stops everything and removes its folders. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((server) => server.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A primary with replicas, and three sentinels that fail over half a second after it is gone. */
export class SentinelSet extends RedisGroup {
  /** What the sentinels call the set. */
  readonly name = 'latchkey'
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]

  /** Use {@link startSentinelSet}. */
  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    super()
    this.servers = servers
    this.sentinels = sentinels
  }

  get all(): readonly RedisServer[] {
    return [...this.sentinels, ...this.servers]
  }

  /** For ioredis: the option `sentinels`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** Whom the sentinels that run take for the primary; `undefined` while they do not agree. */
  async primary(): Promise<RedisServer | undefined> {
    const running = this.sentinels.filter(({ isRunning }) => isRunning)
    const answers = await Promise.all(
      running.map((sentinel) => sentinel.command('SENTINEL', 'get-master-addr-by-name', this.name)),
    )
    const [port, ...others] = [...new Set(answers.map((answer) => (answer as readonly string[])[1]))] // host, port
    return others.length > 0 ? undefined : this.servers.find((server) => String(server.port) === port)
  }

  /** Resolves when every replica that runs has all that the primary has written so far. */
  async inStep(): Promise<void> {
    const primary = await this.primary()
    const written = Number(
      /master_repl_offset:(\d+)/.exec(String(await primary?.command('INFO', 'replication')))?.[1],
    )
    for (const replica of this.servers.filter((server) => server.isRunning && server !== primary)) {
      await until('the replica is in step', async () => {
        const info = String(await replica.command('INFO', 'replication'))
        return Number(/slave_repl_offset:(\d+)/.exec(info)?.[1]) >= written
      })
    }
  }

  /** Resolves when the sentinels agree on another, writable primary than this one. */
  async failedOver(from: RedisServer): Promise<RedisServer> {
    let found: RedisServer | undefined
    await until('a replica was promoted', async () => {
      found = await this.primary()
      return found !== undefined && found !== from && (await found.says('replication', 'role:master'))
    })
    if (found === undefined) throw new Error('The set has no primary.')
    return found
  }
}

/** Starts a {@link SentinelSet}; resolves when every sentinel knows the whole set. */
export async function startSentinelSet(
  options: RedisServerOptions & { readonly replicas?: number } = {},
): Promise<SentinelSet> {
  const { replicas = 2, ...serverOptions } = options
  const started: RedisServer[] = []
  try {
    const primary = await startRedis(serverOptions)
    started.push(primary)
    for (let count = 0; count < replicas; count += 1) started.push(await startReplica(primary, serverOptions))
    const servers = [...started]
    const sentinels: RedisServer[] = []
    for (let count = 0; count < 3; count += 1) {
      const sentinel = await startRedis({ mode: 'sentinel', config: sentinelConfig(primary) })
      started.push(sentinel)
      sentinels.push(sentinel)
    }
    for (const sentinel of sentinels) {
      await until('the sentinels know each other', () =>
        sentinel.says(
          'sentinel',
          `status=ok,address=127.0.0.1:${primary.port},slaves=${replicas},sentinels=3`,
        ),
      )
    }
    return new SentinelSet(servers, sentinels)
  } catch (error) {
    await Promise.all(started.map((server) => server.close()))
    throw error
  }
}

function sentinelConfig({ port }: RedisServer): RedisConfig {
  return {
    sentinel: [
      `monitor latchkey 127.0.0.1 ${port} 2`,
      'down-after-milliseconds latchkey 500',
      'failover-timeout latchkey 3000',
    ],
  }
}

/** A Redis Cluster. */
export class RedisCluster extends RedisGroup {
  /** Those that own slots at the start. */
  readonly primaries: readonly RedisServer[]
  readonly replicas: readonly RedisServer[]

  /** Use {@link startCluster}. */
  constructor(primaries: readonly RedisServer[], replicas: readonly RedisServer[]) {
    super()
    this.primaries = primaries
    this.replicas = replicas
  }

  get all(): readonly RedisServer[] {
    return [...this.primaries, ...this.replicas]
  }

  /** For ioredis: the start-up nodes of `new Cluster(…)`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.all.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** Who answers for the slot of this key, as a running node sees it. */
  async ownerOf(key: string): Promise<RedisServer> {
    const node = this.all.find(({ isRunning }) => isRunning)
    const slot = Number(await node?.command('CLUSTER', 'KEYSLOT', key))
    const ranges = (await node?.command('CLUSTER', 'SLOTS')) as readonly SlotRange[]
    const range = ranges.find(([from, to]) => from <= slot && slot <= to)
    const owner = this.all.find(({ port }) => port === range?.[2][1])
    if (owner === undefined) throw new Error('Nobody owns the slot of this key.')
    return owner
  }

  /**
   * Begins to move the slot of this key to another node. Keys go over by {@link SlotMove.moveKeys}; until the end, both
   * nodes answer for the slot.
   */
  async moveSlot(key: string, to: RedisServer): Promise<SlotMove> {
    const from = await this.ownerOf(key)
    if (from === to) throw new Error('The slot is there already.')
    const slot = Number(await from.command('CLUSTER', 'KEYSLOT', key))
    const [fromId, toId] = await Promise.all([from, to].map((node) => node.command('CLUSTER', 'MYID')))
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId))
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId))
    return {
      moveKeys: async (most = 1_000) => {
        const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, most)) as readonly string[]
        if (keys.length === 0) return 0
        await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 10_000, 'KEYS', ...keys)
        return keys.length
      },
      end: async () => {
        // The new owner first, so that no node ever sends for the slot to one that does not know it.
        for (const node of [to, from, ...this.all.filter((one) => one !== to && one !== from)])
          if (node.isRunning) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId))
      },
    }
  }

  /** Resolves when every node that runs says that the cluster is whole. */
  async isWhole(): Promise<void> {
    for (const server of this.all.filter(({ isRunning }) => isRunning)) {
      await until('the cluster is whole', async () =>
        String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      )
    }
  }
}

/** Starts three nodes that share the slots, each with a replica where `replicas` says so. */
export async function startCluster(
  options: RedisServerOptions & { readonly replicas?: 0 | 1 } = {},
): Promise<RedisCluster> {
  const { replicas = 0, ...serverOptions } = options
  const nodes: { readonly server: RedisServer; readonly busPort: number }[] = []
  try {
    for (let count = 0; count < 3 * (1 + replicas); count += 1) nodes.push(await startNode(serverOptions))
    const servers = nodes.map(({ server }) => server)
    const cluster = new RedisCluster(servers.slice(0, 3), servers.slice(3))
    await shareSlots(cluster.primaries)
    const [first] = servers
    for (const { server, busPort } of nodes.slice(1))
      await first?.command('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort)
    for (const server of servers) await knowsAll(server, servers.length)
    for (const [index, replica] of cluster.replicas.entries()) {
      const id = await cluster.primaries[index]?.command('CLUSTER', 'MYID')
      await replica.command('CLUSTER', 'REPLICATE', String(id))
      await until('the replica follows', () => replica.says('replication', 'master_link_status:up'))
    }
    await cluster.isWhole()
    return cluster
  } catch (error) {
    await Promise.all(nodes.map(({ server }) => server.close()))
    throw error
  }
}

async function startNode(options: RedisServerOptions) {
  const busPort = await freePort()
  const config = {
    'cluster-enabled': 'yes',
    'cluster-config-file': 'nodes.conf',
    'cluster-node-timeout': nodeTimeoutMs,
    'cluster-port': busPort,
    ...options.config,
  }
  return { server: await startRedis({ ...options, config }), busPort }
}

async function shareSlots(primaries: readonly RedisServer[]): Promise<void> {
  for (const [index, server] of primaries.entries()) {
    const bounds = [index, index + 1].map((share) => Math.floor((share * slots) / primaries.length))
    const [from = 0, to = slots] = bounds
    await server.command('CLUSTER', 'ADDSLOTSRANGE', from, to - 1)
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
}

async function knowsAll(server: RedisServer, count: number): Promise<void> {
  await until('the nodes know each other', async () => {
    const nodes = String(await server.command('CLUSTER', 'NODES'))
    const known = nodes
      .split('\n')
      .filter((line) => / connected|myself/.test(line) && !/handshake|fail/.test(line))
    return known.length === count
  })
}
