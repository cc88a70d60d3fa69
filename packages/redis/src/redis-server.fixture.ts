import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster, Redis, type RedisOptions } from 'ioredis'

const quietly = { retryStrategy: () => 20, maxRetriesPerRequest: null }

/** A redis-server of the test's own, on a free loopback port and with a folder of its own. */
export class RedisServer {
  readonly port: number
  /** Where the nodes of a Cluster talk; by default it is the port and 10,000, where somebody may listen. */
  readonly busPort: number
  readonly folder: string
  #process: ChildProcess | undefined
  readonly #kill = (): void => void this.#process?.kill('SIGKILL')

  private constructor(port: number, busPort: number, folder: string) {
    this.port = port
    this.busPort = busPort
    this.folder = folder
  }

  /** Starts a server and waits until it answers. `settings` are lines of a redis.conf, as arguments. */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-redis-'))
    const server = new RedisServer(await freePort(), await freePort(), folder)
    await server.run(...settings)
    return server
  }

  /** A Cluster of one node that has all slots. */
  static async startCluster(): Promise<RedisServer> {
    const server = await RedisServer.start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
    const client = server.client({ maxRetriesPerRequest: 20 })
    await client.cluster('ADDSLOTSRANGE', 0, 16_383)
    while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await delay(20)
    client.disconnect()
    return server
  }

  /** Runs the server again on the same port and folder. */
  async run(...settings: readonly string[]): Promise<void> {
    const ports = ['--port', `${this.port}`, '--cluster-port', `${this.busPort}`, '--bind', '127.0.0.1']
    const own = [...ports, '--dir', this.folder, '--save', '']
    this.#process = spawn('redis-server', [...own, ...settings], { stdio: 'ignore' })
    // Also where a test fails before it can clean up.
    process.once('exit', this.#kill)
    const ended = once(this.#process, 'exit').then(() => Promise.reject(new Error('redis-server ended.')))
    await Promise.race([this.#listens(), ended])
  }

  /** A client to look and meddle with. */
  client(options: Omit<RedisOptions, 'replyMapping'> = {}): Redis {
    const client = new Redis({ ...quietly, ...options, port: this.port, host: '127.0.0.1' })
    return client.on('error', () => {})
  }

  /** The same for a Cluster. */
  cluster(options: ConstructorParameters<typeof Cluster>[1] = {}): Cluster {
    return new Cluster([{ port: this.port, host: '127.0.0.1' }], options)
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Ends the server at once; its folder stays. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    process.off('exit', this.#kill)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Ends the server and removes its folder. */
  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #listens(): Promise<void> {
    const client = this.client({ enableReadyCheck: false, protocol: 2, disableClientInfo: true })
    await new Promise((resolve) => client.once('ready', resolve))
    client.disconnect()
  }
}

/**
 * A port that nothing listens on. Below those that the system gives to whoever asks for any, so that no connection of
 * another test takes it in the meantime; with room for a Cluster's bus, 10,000 above.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 20_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]).catch(() => false)
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
