import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Emulators, startEmulators, type UserAgent } from '@latchkey/testing'
import { afterEach, expect } from 'vitest'

/** How a test runs an example. */
export interface ExampleSetup {
  /** Where browsers find it, without a slash at its end. @default 'http://127.0.0.1:3000' */
  readonly baseUrl?: string
  /** Variables beside `LATCHKEY_BASE_URL` and the clients of the providers. */
  readonly environment?: Environment | ((emulators: Emulators) => Environment)
}

type Environment = Readonly<Record<string, string>>

/** A running program of `examples/`, and the providers that it takes for the real ones. */
export interface ExampleProgram {
  readonly emulators: Emulators
  readonly baseUrl: string
  /** Where it listens on 127.0.0.1. */
  readonly port: number
  /** Everything that it has printed. */
  readonly output: () => string
  /** A new browser that finds the program and the providers. */
  readonly browser: () => UserAgent
  /** Lets time pass for the program, the providers and the browsers. */
  readonly advance: (seconds: number) => Promise<void>
}

const root = join(import.meta.dirname, '../..')
const preload = new URL('./example-preload.fixture.ts', import.meta.url).href
const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

/**
 * Runs `server.ts` of an example in a process of its own, as its reader would, beside emulated providers; resolves when
 * it listens and rejects with what it said when it ends before. After the test no secret may stand in its output.
 */
export async function runExample(
  name: string,
  { baseUrl = 'http://127.0.0.1:3000', environment = {} }: ExampleSetup = {},
): Promise<ExampleProgram> {
  const emulators = await startEmulators()
  const child = startProcess(join(root, 'examples', name, 'server.ts'), {
    LATCHKEY_BASE_URL: baseUrl,
    EMULATED_ORIGINS: JSON.stringify(emulators.origins),
    ...emulators.environment,
    ...(typeof environment === 'function' ? environment(emulators) : environment),
  })
  const output = recorder(child)
  const ended = once(child, 'close')
  opened.push(async () => {
    child.kill()
    await ended
    await emulators.close()
    expect(emulators.marks.findIn(output()), 'secrets that the program printed').toEqual([])
  })
  const port = await Promise.race([told(child, 'listening'), ended.then(() => undefined)])
  if (port === undefined) throw new Error(`examples/${name} ended:\n${output()}`)
  const origins = { [new URL(baseUrl).origin]: `http://127.0.0.1:${port}` }
  return {
    emulators,
    baseUrl,
    port,
    output,
    browser: () => emulators.browser({ origins }),
    advance: async (seconds) => {
      const advanced = told(child, 'advanced')
      child.send({ advance: seconds })
      await Promise.all([advanced, emulators.clock.advance(seconds)])
    },
  }
}

/** With the environment of its reader, and not that of a test runner. */
function startProcess(file: string, environment: Environment): ChildProcess {
  const { PATH = '' } = process.env
  return spawn(process.execPath, ['--conditions=@latchkey/source', `--import=${preload}`, file], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Without the cache each program would strip the types of the packages again, which takes longer than all else.
    env: { PATH, NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/examples'), PORT: '0', ...environment },
  })
}

function recorder({ stdout, stderr }: ChildProcess): () => string {
  const printed: string[] = []
  for (const stream of [stdout, stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => printed.push(text))
  return () => printed.join('')
}

/** The number that comes with the next message of this name. */
async function told(child: ChildProcess, name: 'listening' | 'advanced'): Promise<number> {
  for (;;) {
    const [message] = await once(child, 'message')
    if (name in message) return message[name]
  }
}
