import { createServer, type RequestListener } from 'node:http'
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import type { BenchUser } from './bench-user.ts'
import { type Answers, answerQuestions } from './questions.ts'

/** An app that is measured. */
export interface BenchApp {
  readonly listener: RequestListener
  /** Signs users in without a browser; answers the `Cookie` header of each. */
  signIn(users: readonly BenchUser[]): Promise<readonly string[]>
  /** Sets the app's clock forward, where it has one of its own. */
  advance?(seconds: number): void
}

/** What an app has used since its start. */
export interface Usage {
  /** Of all its threads, user and system. */
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly heapBytes: number
}

/** What the process of an app answers to. */
export interface AppAnswers extends Answers {
  readonly origin: () => Promise<string>
  readonly signIn: (users: readonly BenchUser[]) => Promise<readonly string[]>
  readonly usage: () => Usage
  readonly advance: (seconds: number) => void
  readonly startProfile: () => Promise<void>
  /** Answers the profile as JSON. */
  readonly stopProfile: () => Promise<string>
}

/** Where an app finds what it works with. */
export const surroundings = {
  redisUrl: process.env.BENCH_REDIS_URL ?? '',
  upstream: process.env.BENCH_UPSTREAM ?? '',
  secret: process.env.BENCH_SECRET ?? '',
} as const

const profileIntervalMicros = 200
const signInsAtOnce = 50

/** Serves an app on loopback, and answers the benchmark's questions. @param make gets the app's own origin */
export function serve(make: (origin: string) => Promise<BenchApp>): void {
  const serving = start(make)
  const inspector = new Session()
  const answers: AppAnswers = {
    origin: async () => (await serving).origin,
    signIn: async (users) => signInAll((await serving).app, users),
    usage,
    advance: async (seconds) => (await serving).app.advance?.(seconds),
    startProfile: async () => {
      inspector.connect()
      await inspector.post('Profiler.enable')
      await inspector.post('Profiler.setSamplingInterval', { interval: profileIntervalMicros })
      await inspector.post('Profiler.start')
    },
    stopProfile: async () => {
      const { profile } = await inspector.post('Profiler.stop')
      inspector.disconnect()
      return JSON.stringify(profile)
    },
  }
  answerQuestions(answers)
}

async function start(
  make: (origin: string) => Promise<BenchApp>,
): Promise<{ origin: string; app: BenchApp }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
  const origin = `http://127.0.0.1:${port}`
  const app = await make(origin)
  server.on('request', app.listener)
  return { origin, app }
}

async function signInAll(app: BenchApp, users: readonly BenchUser[]): Promise<readonly string[]> {
  const cookies: string[] = []
  for (let first = 0; first < users.length; first += signInsAtOnce)
    cookies.push(...(await app.signIn(users.slice(first, first + signInsAtOnce))))
  return cookies
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed }
}
