import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AppIsReady, AppSettings } from './settings.ts'

const programs = { express: 'server.ts', fastify: 'server-fastify.ts' } as const
const longestStopMs = 5_000

/** One process of the app. It ends with this process at the latest. */
export class AppProcess {
  readonly number: number
  readonly pid: number | undefined
  /** Resolves once it listens and answers; rejects when it ends before that. */
  readonly ready: Promise<AppIsReady>
  /** How it ended, for people. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess

  /** Starts it. `label` stands before each line that it prints. */
  constructor(settings: AppSettings, label: string) {
    this.number = settings.number
    this.#child = spawn(process.execPath, [join(import.meta.dirname, programs[settings.framework])], {
      env: { ...process.env, DEMO_APP: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.pid = this.#child.pid
    print(this.#child, label)
    this.ended = ending(this.#child)
    this.ready = Promise.race([
      answering(this.#child),
      this.ended.then((how) => Promise.reject(new Error(`It ${how}.`))),
    ])
    // Whoever waits for it is told.
    this.ready.catch(() => {})
  }

  /** Lets it tidy up, and kills it when that takes too long. */
  async stop(): Promise<void> {
    this.#child.kill()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), longestStopMs)
    await this.ended
    clearTimeout(timer)
  }
}

function print({ stdout, stderr }: ChildProcess, label: string): void {
  if (stdout !== null) createInterface(stdout).on('line', (line) => console.log(label + line))
  if (stderr !== null) createInterface(stderr).on('line', (line) => console.error(label + line))
}

function ending(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(`could not be started: ${message}`))
    // With `close` all that it had to say is printed.
    child.once('close', (code, signal) =>
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    )
  })
}

/** That it listens is what it says itself; that it answers is seen. */
async function answering(child: ChildProcess): Promise<AppIsReady> {
  const ready = await new Promise<AppIsReady>((resolve) => {
    // The app sends this one message.
    child.once('message', (message) => resolve(message as AppIsReady))
  })
  const page = await fetch(`http://127.0.0.1:${ready.port}/`)
  await page.text()
  if (!page.ok) throw new Error(`It answers with ${page.status}.`)
  return ready
}
