import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { freePort } from '../free-port.ts'
import { type Ending, GuardedChild } from '../guarded-child.ts'

const script = join(import.meta.dirname, '..', '..', '.scripts', 'demo.mjs')
const longestStartMs = 120_000
const longestStopMs = 30_000

/** The demo as `npm run demo -- …options` starts it, in a process of its own on a free port. */
export class DemoProcess {
  readonly baseUrl: string
  readonly #process: GuardedChild
  readonly #output: string[] = []

  private constructor(port: string, process: GuardedChild) {
    this.baseUrl = `http://127.0.0.1:${port}`
    this.#process = process
    for (const stream of [process.child.stdout, process.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output.push(text))
    }
  }

  /**
   * Resolves once the demo says that it is ready. `env` adds to the environment.
   *
   * @throws Error with all that the demo has printed
   */
  static async start(
    env: Readonly<Record<string, string>> = {},
    options: readonly string[] = [],
  ): Promise<DemoProcess> {
    const port = env.PORT ?? String(await freePort())
    const child = new GuardedChild(process.execPath, [script, ...options], {
      // A visitor's environment, not that of a test runner.
      env: { ...process.env, NODE_ENV: '', LATCHKEY_SECRET: '', REDIS_URL: '', ...env, PORT: port },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const demo = new DemoProcess(port, child)
    try {
      await demo.prints(new RegExp(`^ready ${demo.baseUrl}$`, 'm'))
    } catch {
      throw new Error(`The demo ended with ${await demo.stop()}:\n${demo.output}`)
    }
    return demo
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output.join('')
  }

  /** How the demo ends, once it does. */
  get ended(): Promise<Ending> {
    return this.#process.ended
  }

  /** Resolves when the demo has printed something that fits. @throws Error with what it has printed instead */
  async prints(pattern: RegExp): Promise<void> {
    const hasPrinted = (): boolean => pattern.test(this.output)
    const isDecided = (): boolean => hasPrinted() || !this.#process.isRunning
    await vi.waitUntil(isDecided, { timeout: longestStartMs, interval: 50 }).catch(() => {})
    // With its end, all of its output has come.
    if (!this.#process.isRunning) await this.ended
    if (!hasPrinted()) throw new Error(`The demo did not print ${pattern}:\n${this.output}`)
  }

  /** The processes that the demo has started, and those that these have. */
  async children(): Promise<readonly RunningProcess[]> {
    const all = await runningProcesses()
    const below = (parent: number): readonly RunningProcess[] =>
      all.filter(({ ppid }) => ppid === parent).flatMap((one) => [one, ...below(one.pid)])
    return below(this.#process.pid)
  }

  /** Kills the process that was started first, and nothing else. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL')
    await this.ended
  }

  /** Presses Ctrl-C and resolves to the exit code. */
  async stop(): Promise<Ending> {
    this.#process.signal('SIGINT')
    const timer = setTimeout(() => this.#process.signal('SIGKILL'), longestStopMs)
    try {
      return await this.ended
    } finally {
      clearTimeout(timer)
    }
  }
}

/** A process of this machine. */
export interface RunningProcess {
  readonly pid: number
  readonly ppid: number
  readonly command: string
}

/** Those of `processes` that have not ended. */
export async function stillRunning(processes: readonly RunningProcess[]): Promise<readonly RunningProcess[]> {
  const now = await runningProcesses()
  return now.filter((one) => processes.some(({ pid, command }) => one.pid === pid && one.command === command))
}

/** Every process that runs now; one that has ended and waits to be seen does not count. */
async function runningProcesses(): Promise<readonly RunningProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='])
  const lines = stdout.matchAll(/^ *(\d+) +(\d+) +([^Z ]\S*) +(.*)$/gm)
  return [...lines].map(([, pid, ppid, , command = '']) => ({
    pid: Number(pid),
    ppid: Number(ppid),
    command,
  }))
}
