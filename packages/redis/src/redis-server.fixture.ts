import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** A redis-server of the test's own, on a free loopback port and with a folder of its own. */
export class RedisServer {
  readonly port: number
  readonly folder: string
  readonly process: ChildProcess

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.port = port
    this.folder = folder
    this.process = process
  }

  /** Starts a server and waits until it answers. `settings` are lines of a redis.conf, as arguments. */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-redis-'))
    const own = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--enable-debug-command',
      'yes',
    ]
    const process = spawn('redis-server', [...own, ...settings], { stdio: 'ignore' })
    const server = new RedisServer(port, folder, process)
    await Promise.race([
      server.#answers(),
      once(process, 'exit').then(() => Promise.reject(new Error('redis-server ended at once.'))),
    ])
    return server
  }

  /** A client to look and meddle with. */
  client(): Redis {
    return new Redis({ port: this.port, host: '127.0.0.1' })
  }

  /** Ends the server and removes its folder. */
  async stop(): Promise<void> {
    const ended =
      this.process.exitCode === null && this.process.signalCode === null && once(this.process, 'exit')
    this.process.kill('SIGKILL')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #answers(): Promise<void> {
    const client = new Redis({
      port: this.port,
      host: '127.0.0.1',
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    })
    client.on('error', () => {})
    await client.ping()
    client.disconnect()
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo // it listens on TCP
  probe.close()
  await once(probe, 'close')
  return port
}
