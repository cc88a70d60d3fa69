import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { vi } from 'vitest'

const script = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.scripts', 'demo.mjs')
const longestStartMs = 120_000

/** The demo as `npm run demo -- …options` starts it, in a process of its own on a free port. */
export class DemoProcess {
  readonly baseUrl: string
  readonly #child: ChildProcess
  readonly #output: readonly string[]

  private constructor(baseUrl: string, child: ChildProcess, output: readonly string[]) {
    this.baseUrl = baseUrl
    this.#child = child
    this.#output = output
  }

  /** Resolves once the demo says that it is ready. `env` adds to the environment. */
  static async start(
    env: Readonly<Record<string, string>> = {},
    options: readonly string[] = [],
  ): Promise<DemoProcess> {
    const port = env.PORT ?? String(await freePort())
    const child = spawn(process.execPath, [script, ...options], {
      // A visitor's environment, not that of a test runner.
      env: { ...process.env, NODE_ENV: '', LATCHKEY_SECRET: '', REDIS_URL: '', ...env, PORT: port },
    })
    const output: string[] = []
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`The demo is not ready:\n${output.join('')}`)),
        longestStartMs,
      )
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output.push(text)
          if (output.join('').includes(`ready http://127.0.0.1:${port}\n`)) resolve()
        })
      }
      child.once('exit', (code) => reject(new Error(`The demo ended with ${code}:\n${output.join('')}`)))
      child.once('exit', () => clearTimeout(timer))
    })
    const kill = (): boolean => child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    await ready
    return new DemoProcess(`http://127.0.0.1:${port}`, child, output)
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output.join('')
  }

  /** Resolves when the demo has printed something that fits. */
  async prints(pattern: RegExp): Promise<void> {
    await vi.waitUntil(() => pattern.test(this.output), { timeout: longestStartMs, interval: 50 })
  }

  /** The processes that the demo has started, and those that these have, as a shell would list them. */
  async children(): Promise<readonly RunningProcess[]> {
    const all = await runningProcesses()
    const below = (parent: number): readonly RunningProcess[] =>
      all.filter(({ ppid }) => ppid === parent).flatMap((one) => [one, ...below(one.pid)])
    return below(this.#child.pid ?? 0)
  }

  /** Kills the process that was started first, and nothing else. */
  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  /** Resolves to the exit code when the demo ends. */
  async exitCode(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode
  }

  /** Presses Ctrl-C and resolves to the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGINT')
    return this.exitCode()
  }
}

/** A process of this machine. */
export interface RunningProcess {
  readonly pid: number
  readonly ppid: number
  readonly command: string
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

/** Those of `processes` that have not ended. */
export async function stillRunning(processes: readonly RunningProcess[]): Promise<readonly RunningProcess[]> {
  const now = await runningProcesses()
  return now.filter((one) => processes.some(({ pid, command }) => one.pid === pid && one.command === command))
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port could be had.')
  return address.port
}
