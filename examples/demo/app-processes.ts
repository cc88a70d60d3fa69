import { AppProcess } from './app-process.ts'
import type { Target } from './balancer.ts'
import { PlainFailure } from './plain-failure.ts'
import type { AppIsReady, AppSettings } from './settings.ts'

/** All processes of the app. One that dies is named, and another one takes its place. */
export class AppProcesses {
  readonly #settings: Omit<AppSettings, 'number'>
  readonly #onFailure: (failure: unknown) => void
  readonly #running = new Map<number, AppProcess>()
  readonly #targets = new Map<number, Target>()
  #isStopping = false

  /** @param onFailure is told when a process that died could not be replaced */
  constructor(settings: Omit<AppSettings, 'number'>, onFailure: (failure: unknown) => void) {
    this.#settings = settings
    this.#onFailure = onFailure
  }

  /** Those that answer at the moment. */
  get targets(): readonly Target[] {
    return [...this.#targets.values()].sort((one, other) => one.number - other.number)
  }

  /** Resolves when every one of them answers. @throws {PlainFailure} when one ends before that */
  async start(): Promise<readonly AppIsReady[]> {
    const numbers = Array.from({ length: this.#settings.processes }, (_, index) => index + 1)
    return Promise.all(numbers.map((number) => this.#startOne(number)))
  }

  /** Resolves when all have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#running.values()].map((process) => process.stop()))
  }

  async #startOne(number: number): Promise<AppIsReady> {
    const { processes } = this.#settings
    const name = processes === 1 ? 'the app' : `process ${number}`
    const started = new AppProcess({ ...this.#settings, number }, processes === 1 ? '' : `${name} | `)
    this.#running.set(number, started)
    void started.ended.then(() => this.#targets.delete(number))
    const ready = await started.ready.catch((error: Error) => {
      throw new PlainFailure(`${name} did not come up. ${error.message}`)
    })
    this.#targets.set(number, { number, port: ready.port })
    if (processes > 1) console.log(`${name} answers (pid ${started.pid})`)
    void started.ended.then((how) => this.#replace(name, started, how))
    return ready
  }

  async #replace(name: string, { number, pid }: AppProcess, how: string): Promise<void> {
    if (this.#isStopping) return
    const lost = this.#settings.redisUrl === undefined ? ' What it kept in memory is gone.' : ''
    console.log(`${name} (pid ${pid}) ${how}.${lost} Another one takes its place …`)
    await this.#startOne(number).catch(this.#onFailure)
    if (!this.#isStopping && this.#settings.processes === 1) console.log('the app answers again')
  }
}
