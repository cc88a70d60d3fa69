import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.scripts', 'demo.mjs')
const longestStartMs = 120_000

/** The demo as `npm run demo` starts it, in a process of its own on a free port. */
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
  static async start(env: Readonly<Record<string, string>> = {}): Promise<DemoProcess> {
    const port = env.PORT ?? String(await freePort())
    const child = spawn(process.execPath, [script], {
      // A visitor's environment, not that of a test runner.
      env: { ...process.env, NODE_ENV: '', LATCHKEY_SECRET: '', ...env, PORT: port },
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
    process.once('exit', () => child.kill('SIGKILL'))
    await ready
    return new DemoProcess(`http://127.0.0.1:${port}`, child, output)
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output.join('')
  }

  /** Presses Ctrl-C and resolves to the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    const [code] = await exited
    return code
  }
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
