import { join } from 'node:path'
import type { NewSession } from '@latchkey/express'
import { type Ending, GuardedChild } from '../guarded-child.ts'
import type { AppAnswers, AppNews, AppQuestion, AppSettings, StorePoint } from './app-messages.ts'

/** One line that an app has logged. */
export interface AppLogLine {
  readonly level: string
  readonly message: string
  readonly event?: string
  readonly [field: string]: unknown
}

/** Commands of one process that are held at one point. */
export interface StoreHold {
  /** Resolves when so many commands have come to it. */
  arrivals(count?: number): Promise<void>
  /** Lets go what waits there, and what comes later. */
  release(): Promise<void>
}

interface Pending {
  readonly resolve: (answer: object) => void
  readonly reject: (error: Error) => void
}

const program = join(import.meta.dirname, 'app-program.fixture.ts')
const cache = join(import.meta.dirname, '../../node_modules/.cache/examples')
const longestStopMs = 20_000

/** An Express app with Latchkey in a process of its own, that a test kills, freezes and asks. */
export class AppProcess {
  readonly #process: GuardedChild
  readonly #pending = new Map<number, Pending>()
  readonly #arrivals = new Map<StorePoint, { count: number; look: () => void }>()
  readonly #output: string[] = []
  #lastId = 0
  #port = 0
  #isPaused = false
  #wasKilled = false

  private constructor() {
    const { PATH = '' } = process.env
    this.#process = new GuardedChild(process.execPath, ['--conditions=@latchkey/source', program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Without the cache each process would strip the types of the packages again, which takes longer than all else.
      env: { PATH, NODE_ENV: 'test', NODE_COMPILE_CACHE: cache },
    })
    const { child } = this.#process
    child.on('message', (news: AppNews) => this.#hear(news))
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output.push(text))
    const fail = (how: unknown): void => {
      for (const { reject } of this.#pending.values())
        reject(new Error(`The app process has ended (${how}):\n${this.output}`))
      this.#pending.clear()
    }
    this.#process.ended.then(fail, fail)
  }

  /** Starts it; resolves when it listens. @throws Error with why it does not; then the process is gone */
  static async start(settings: AppSettings): Promise<AppProcess> {
    const app = new AppProcess()
    try {
      const { port } = await app.ask({ ask: 'start', settings })
      app.#port = port
      return app
    } catch (error) {
      await app.kill9()
      throw error
    }
  }

  get pid(): number {
    return this.#process.pid
  }

  /** Where it listens: `http://127.0.0.1:<port>`. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** True after {@link kill9}: how it ended is the test's doing. */
  get wasKilled(): boolean {
    return this.#wasKilled
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.#output.join('')
  }

  /** The lines that it has logged. @throws SyntaxError when it has printed anything else */
  get log(): readonly AppLogLine[] {
    const lines = this.output.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as AppLogLine) // of the program
  }

  /** The lines that name this event. */
  events(event: string): readonly AppLogLine[] {
    return this.log.filter((line) => line.event === event)
  }

  /** Asks the program. A paused one answers after it goes on. */
  ask<Question extends AppQuestion>(question: Question): Promise<AppAnswers[Question['ask']]> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = new Promise<object>((resolve, reject) => this.#pending.set(id, { resolve, reject }))
    this.#process.child.send({ id, question }, (error) => {
      if (error !== null) this.#settle(id, ({ reject }) => reject(error))
    })
    return answer as Promise<AppAnswers[Question['ask']]> // the program answers each question in its own shape
  }

  /** Lets time pass. A paused process hears of it when it goes on. */
  async advance(seconds: number): Promise<void> {
    const advanced = this.ask({ ask: 'advance', seconds })
    if (this.#isPaused) advanced.catch(() => {})
    else await advanced
  }

  /** Signs somebody in; answers the cookie as a browser sends it. */
  async createSession(session: NewSession<'example'>): Promise<string> {
    return (await this.ask({ ask: 'createSession', session })).cookie
  }

  /** Holds the next commands at a point of the store. */
  async hold(point: StorePoint, calls: number = Number.MAX_SAFE_INTEGER): Promise<StoreHold> {
    const arrivals = { count: 0, look: () => {} }
    this.#arrivals.set(point, arrivals)
    await this.ask({ ask: 'hold', point, calls })
    return {
      arrivals: (count = 1) =>
        new Promise((resolve, reject) => {
          arrivals.look = () => {
            if (arrivals.count >= count) resolve()
          }
          arrivals.look()
          const fail = (): void => reject(new Error(`The app process ended before ${point}.`))
          this.#process.ended.then(fail, fail)
        }),
      release: async () => {
        await this.ask({ ask: 'release', point })
      },
    }
  }

  /** `kill -9`. */
  async kill9(): Promise<void> {
    this.#wasKilled = true
    this.#process.signal('SIGKILL')
    await this.#process.ended.catch(() => {})
  }

  /** Freezes the process, as a pause of its machine would. */
  pause(): void {
    this.#isPaused = true
    this.#process.signal('SIGSTOP')
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    this.#isPaused = false
    this.#process.signal('SIGCONT')
  }

  /** Asks it to end, as a deploy does, and resolves to its exit code. Killed when it does not. */
  stop(): Promise<Ending> {
    this.#isPaused = false
    return this.#process.stop(longestStopMs)
  }

  #hear(news: AppNews): void {
    if ('arrivedAt' in news) {
      const arrivals = this.#arrivals.get(news.arrivedAt)
      if (arrivals === undefined) return
      arrivals.count += 1
      arrivals.look()
    } else if ('error' in news) {
      this.#settle(news.id, ({ reject }) => reject(new Error(news.error)))
    } else {
      this.#settle(news.id, ({ resolve }) => resolve(news.answer))
    }
  }

  #settle(id: number, settle: (pending: Pending) => void): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (pending !== undefined) settle(pending)
  }
}
