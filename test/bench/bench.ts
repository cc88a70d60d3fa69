import { randomBytes } from 'node:crypto'
import { type RedisServer, startRedis } from '../redis-server.ts'
import type { AppAnswers } from './bench-app.ts'
import { ChildProgram, type ProgramOptions } from './child-program.ts'
import type { LoadAnswers } from './load.ts'
import type { BenchOptions } from './options.ts'
import type { UpstreamAnswers } from './upstream.ts'

/** An app that is being measured. */
export type RunningApp = ChildProgram<AppAnswers>

/** What every row works with: Redis, the provider's API and the load, each in a process of its own. */
export class Bench implements AsyncDisposable {
  readonly options: BenchOptions
  readonly redis: RedisServer
  readonly load: ChildProgram<LoadAnswers>
  readonly upstream: string
  readonly #upstream: ChildProgram<UpstreamAnswers>
  readonly #secret: string = randomBytes(32).toString('base64url')

  private constructor(
    options: BenchOptions,
    redis: RedisServer,
    api: ChildProgram<UpstreamAnswers>,
    upstream: string,
  ) {
    this.options = options
    this.redis = redis
    this.load = new ChildProgram<LoadAnswers>('load.ts')
    this.#upstream = api
    this.upstream = upstream
  }

  /** Starts everything. */
  static async start(options: BenchOptions): Promise<Bench> {
    const redis = await startRedis()
    const api = new ChildProgram<UpstreamAnswers>('upstream.ts')
    return new Bench(options, redis, api, `${await api.ask('origin')}/v1/items`)
  }

  /** Starts an app of the folder `apps`, on the processor of the measured app unless `core` says otherwise. */
  startApp(name: string, { env = {}, core = 'app', flags = [] }: ProgramOptions = {}): RunningApp {
    return new ChildProgram<AppAnswers>(`apps/${name}.ts`, {
      env: {
        BENCH_REDIS_URL: this.redis.url,
        BENCH_UPSTREAM: this.upstream,
        BENCH_SECRET: this.#secret,
        ...env,
      },
      core,
      flags,
    })
  }

  /** Says what goes on. */
  progress(text: string): void {
    console.log(`  ${text}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.load[Symbol.asyncDispose](), this.#upstream[Symbol.asyncDispose]()])
    await this.redis.close()
  }
}
