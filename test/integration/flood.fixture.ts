import { Agent, request } from 'node:http'
import { onTestFinished } from 'vitest'
import type { HarnessServers } from './harness.fixture.ts'
import type { StoreProbe } from './store-probe.fixture.ts'

/** One request without a browser. */
export interface FloodRequest {
  /** @default 'GET' */
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the request once it is sent, as a visitor who leaves does. */
  readonly leaves?: boolean
}

/** An answer, or `left`. */
export interface FloodAnswer {
  readonly status: number | 'left'
  readonly location: string | undefined
  readonly text: string
}

/** A browser that opens a page, says so. */
export const navigation: Readonly<Record<string, string>> = {
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
}

/** The same for a form of the app's own pages. */
export const ownForm: Readonly<Record<string, string>> = { ...navigation, 'sec-fetch-site': 'same-origin' }

/** Sends requests over connections that are kept and used again. Ends with the test. */
export function keepAliveClient(
  maxSockets: number,
): (origin: string, request: FloodRequest) => Promise<FloodAnswer> {
  const agent = new Agent({ keepAlive: true, maxSockets })
  onTestFinished(() => agent.destroy())
  return (origin, wanted) => send(agent, origin, wanted)
}

async function send(agent: Agent, origin: string, wanted: FloodRequest): Promise<FloodAnswer> {
  for (;;) {
    const answer = await sendOnce(agent, origin, wanted)
    if (answer !== 'connection was closed') return answer
  }
}

/** The server may close a kept connection at the very moment when it is used again: then nothing was processed. */
function sendOnce(
  agent: Agent,
  origin: string,
  { method = 'GET', path, headers = {}, leaves = false }: FloodRequest,
): Promise<FloodAnswer | 'connection was closed'> {
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}${path}`, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => {
        const { statusCode = 0, headers: answered } = response
        resolve({ status: statusCode, location: answered.location, text: Buffer.concat(chunks).toString() })
      })
      response.once('error', leaves ? left : reject)
    })
    function left(): void {
      resolve({ status: 'left', location: undefined, text: '' })
    }
    sent.once('error', (error: Error & { readonly code?: string }) => {
      if (leaves) left()
      else if (sent.reusedSocket && error.code === 'ECONNRESET') resolve('connection was closed')
      else reject(error)
    })
    sent.end(() => {
      if (leaves) setImmediate(() => sent.destroy())
    })
  })
}

/** How a flood of requests goes. */
export interface FloodPlan {
  /** How many requests, and how many of them at once. */
  readonly count: number
  readonly atOnce: number
  /** Seconds that the clock is set forward by after each batch. */
  readonly stepSeconds: number
  /** Sends one of them; what it returns is counted. */
  readonly one: (index: number) => Promise<string | number>
}

/** What a flood cost. */
export interface FloodCost {
  readonly answers: Readonly<Record<string, number>>
  /** On the clock of the servers. */
  readonly seconds: number
  /** By endpoint of the authorization server, those that were called alone. */
  readonly asCalls: Readonly<Record<string, number>>
  /** Seconds between two token requests in a row; empty with fewer than two. */
  readonly tokenGaps: readonly number[]
  readonly storeCommandsPerRequest: number
  /** Names of the commands that the store got. */
  readonly storeCommands: readonly string[]
}

/** Sends a flood, and counts what the authorization server and the store got meanwhile. */
export async function flood(
  { as, clock }: Pick<HarnessServers, 'as' | 'clock'>,
  probe: StoreProbe,
  { count, atOnce, stepSeconds, one }: FloodPlan,
): Promise<FloodCost> {
  const before = { calls: { ...as.calls }, requests: as.requests.length, startedAt: clock.now() }
  probe.newCommands()
  const answers: Record<string, number> = {}
  for (let sent = 0; sent < count; sent += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, count - sent) }, (_, index) => one(sent + index))
    for (const answer of await Promise.all(batch)) answers[answer] = (answers[answer] ?? 0) + 1
    await clock.advance(stepSeconds)
  }
  const commands = probe.newCommands()
  const tokenTimes = as.requests.slice(before.requests).filter(({ endpoint }) => endpoint === 'token')
  return {
    answers,
    seconds: Math.round(clock.now() - before.startedAt),
    asCalls: Object.fromEntries(
      Object.entries(as.calls)
        .map(([name, calls]) => [name, calls - before.calls[name as keyof typeof as.calls]] as const)
        .filter(([, calls]) => calls > 0),
    ),
    tokenGaps: tokenTimes.slice(1).map(({ at }, index) => at - (tokenTimes[index]?.at ?? 0)),
    storeCommandsPerRequest: commands.length / count,
    storeCommands: [...new Set(commands)].toSorted(),
  }
}
