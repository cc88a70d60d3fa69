import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { type Ending, GuardedChild } from './guarded-child.ts'

/** Lines of `redis.conf`; a list stands for several lines of one name. */
export type RedisConfig = Readonly<Record<string, string | number | readonly string[]>>

/** How a server is started. */
export interface RedisServerOptions {
  /** Beside, and before, the defaults: loopback only, no persistence, `DEBUG` allowed. */
  readonly config?: RedisConfig
  /** What a restart finds again. @default 'nothing' */
  readonly keeps?: 'nothing' | 'append-only file' | 'snapshot'
  /** `sentinel`: watches servers instead of holding data. @default 'server' */
  readonly mode?: 'server' | 'sentinel'
  /** On 127.0.0.1. @default a free one */
  readonly port?: number
}

const { findRedis, redisCommand }: { findRedis(): string | undefined; redisCommand: string } = await import(
  pathToFileURL(join(import.meta.dirname, '../.scripts/redis.mjs')).href
)
const longestStartMs = 30_000
const longestStopMs = 10_000
const longestCommandMs = 10_000
const lookEveryMs = 20

/** The program; an empty `REDIS_SERVER_PATH` says that there is none. */
const program = process.env.REDIS_SERVER_PATH === '' ? undefined : findRedis()

/** True when suites on Redis have to be skipped. Never in CI: there they fail, and name what is missing. */
export const redisIsMissing: boolean =
  program === undefined && !/^(1|true)$/i.test(process.env.CI ?? '') && sayWhatIsMissing()

/** The version of the servers that tests start; absent where there is none. */
export function redisVersion(): string | undefined {
  if (program === undefined) return undefined
  return /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1]
}

/** Starts a real server with a folder of its own. @throws Error with its log when it does not come up */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(options, options.port ?? (await freePort()))
  await server.start()
  return server
}

/** Starts a replica of a server; resolves when both are in step. */
export async function startReplica(
  primary: RedisServer,
  options: RedisServerOptions = {},
): Promise<RedisServer> {
  const config = { replicaof: `127.0.0.1 ${primary.port}`, ...options.config }
  const replica = await startRedis({ ...options, config })
  await until('the replica is in step', () => replica.says('replication', 'master_link_status:up'))
  return replica
}

/** A redis-server in a process of its own. It ends with this process at the latest. */
export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly folder: string = mkdtempSync(join(tmpdir(), 'latchkey-redis-'))
  readonly #options: RedisServerOptions
  #process: GuardedChild | undefined
  #log: string[] = []

  /** Use {@link startRedis}. */
  constructor(options: RedisServerOptions, port: number) {
    this.#options = options
    this.port = port
    writeFileSync(this.#configFile, configText(options, port, this.folder))
  }

  /** For clients. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Of the running process; another one after a restart. */
  get pid(): number {
    return this.#running.pid
  }

  /** False after `stop` and `kill`. */
  get isRunning(): boolean {
    return this.#process?.isRunning ?? false
  }

  /** What the server has printed since its last start. */
  get log(): string {
    return this.#log.join('')
  }

  /** Starts it, again on the same port and in the same folder; resolves when it answers and has loaded its data. */
  async start(): Promise<void> {
    if (program === undefined) throw new Error(`redis-server is missing. Install it with: ${redisCommand}`)
    if (this.isRunning) throw new Error('This server runs already.')
    const mode = this.#options.mode === 'sentinel' ? ['--sentinel'] : []
    this.#log = []
    const started = new GuardedChild(program, [this.#configFile, ...mode], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.folder,
      env: { PATH: process.env.PATH ?? '' },
    })
    this.#process = started
    for (const stream of [started.child.stdout, started.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#log.push(text))
    const isUp = async (): Promise<boolean> => {
      if (!started.isRunning) throw new Error(`redis-server ended at its start:\n${this.log}`)
      return this.command('PING').then(
        (answer) => answer === 'PONG',
        () => false,
      )
    }
    await until('redis-server answers', isUp, longestStartMs).catch(async (error: unknown) => {
      await this.kill()
      throw error
    })
  }

  /** Ends it as an operator does. Its data stays for {@link start} when it keeps any. */
  async stop(): Promise<Ending | undefined> {
    return this.#process?.stop(longestStopMs)
  }

  /** Kills it on the spot. */
  async kill(): Promise<Ending | undefined> {
    this.#process?.signal('SIGKILL')
    return this.#process?.ended
  }

  /** Stops it gracefully and starts it again. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Freezes it: connections stay open, nothing is answered. */
  pause(): void {
    this.#running.signal('SIGSTOP')
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    this.#running.signal('SIGCONT')
  }

  /** One command over a connection of its own. @throws Error with the server's own error reply */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return this.with((client) => client.call(name, ...args))
  }

  /** Several commands over a connection of their own. */
  async with<Answer>(use: (client: Redis) => Promise<Answer>): Promise<Answer> {
    const password = this.#options.config?.requirepass
    const client = new Redis({
      host: '127.0.0.1',
      port: this.port,
      lazyConnect: true,
      retryStrategy: () => null,
      connectTimeout: longestCommandMs,
      commandTimeout: longestCommandMs,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      ...(password === undefined ? {} : { password: String(password) }),
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await use(client)
    } finally {
      client.disconnect()
    }
  }

  /** Whether a section of `INFO` has this line. */
  async says(section: string, line: string): Promise<boolean> {
    return String(await this.command('INFO', section)).includes(line)
  }

  /** Stops it and removes its folder. */
  async close(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #configFile(): string {
    return join(this.folder, 'redis.conf')
  }

  get #running(): GuardedChild {
    if (this.#process === undefined || !this.#process.isRunning)
      throw new Error('This server is not running.')
    return this.#process
  }
}

/**
 * Looks until it is true.
 *
 * @throws Error that says what did not happen, or whatever a look throws
 */
export async function until(
  what: string,
  look: () => Promise<boolean>,
  withinMs: number = longestStartMs,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`Within ${withinMs} ms it did not happen that ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

function configText(options: RedisServerOptions, port: number, folder: string): string {
  const { keeps = 'nothing', mode = 'server', config = {} } = options
  const common = { port, bind: '127.0.0.1', dir: folder, daemonize: 'no', logfile: '""' }
  const data = {
    save: keeps === 'snapshot' ? '3600 1' : '""',
    // So that a secret in a dump is found as it is.
    rdbcompression: 'no',
    appendonly: keeps === 'append-only file' ? 'yes' : 'no',
    'enable-debug-command': 'yes',
    // Replicas of tests come one by one: none has to wait for others that might share its copy.
    'repl-diskless-sync-delay': 0,
  }
  const lines = Object.entries({ ...common, ...(mode === 'server' ? data : {}), ...config })
  return lines.flatMap(([name, value]) => [value].flat().map((one) => `${name} ${one}\n`)).join('')
}

function sayWhatIsMissing(): true {
  console.log(`skipping what needs redis-server. Install it with: ${redisCommand}`)
  return true
}
