import { Agent, request } from 'undici'
import type { Apps } from './apps.ts'

/** What a steady load sends. */
export interface SteadyRequests {
  readonly path: string
  /** Sent in turn; none: visitors that nobody has signed in. */
  readonly cookies?: readonly string[]
  readonly perSecond: number
}

/** How it was answered. */
export interface SteadyOutcome {
  /** Requests by status; those without an answer by the code of their error. */
  readonly statuses: Readonly<Record<string, number>>
  readonly requests: number
  /** How long each took. */
  readonly durationsMs: readonly number[]
  /** Answers 503 that change a cookie or do not say when to come again. There must be none. */
  readonly unkept: number
  /** When the last answer that was not 200 came, on the clock of `performance.now()`. */
  readonly lastFailureAt: number
}

const tickMs = 10

/** Sends requests at an even pace to all processes of an app, whatever becomes of the answers. */
export class SteadyLoad {
  readonly #apps: Apps
  readonly #requests: SteadyRequests
  readonly #agent = new Agent({ connections: null, keepAliveTimeout: 60_000 })
  readonly #underWay = new Set<Promise<void>>()
  readonly #statuses: Record<string, number> = {}
  readonly #durationsMs: number[] = []
  readonly #timer: NodeJS.Timeout
  readonly #startedAt = performance.now()
  #sent = 0
  #unkept = 0
  #lastFailureAt = Number.NEGATIVE_INFINITY
  #stopped: Promise<SteadyOutcome> | undefined

  /** Starts at once. */
  constructor(apps: Apps, requests: SteadyRequests) {
    this.#apps = apps
    this.#requests = requests
    this.#timer = setInterval(() => this.#tick(), tickMs)
  }

  /** Requests whose answers have come. */
  get answered(): number {
    return this.#durationsMs.length
  }

  /** Sends no more, waits for what is under way, and closes the connections. */
  stop(): Promise<SteadyOutcome> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<SteadyOutcome> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
    await this.#agent.close()
    return {
      statuses: this.#statuses,
      requests: this.#sent,
      durationsMs: this.#durationsMs,
      unkept: this.#unkept,
      lastFailureAt: this.#lastFailureAt,
    }
  }

  #tick(): void {
    const due = ((performance.now() - this.#startedAt) / 1_000) * this.#requests.perSecond
    while (this.#sent < due) {
      const sent = this.#send(this.#sent)
      this.#underWay.add(sent)
      void sent.then(() => this.#underWay.delete(sent))
      this.#sent += 1
    }
  }

  async #send(index: number): Promise<void> {
    const { cookies = [], path } = this.#requests
    const cookie = cookies[index % cookies.length]
    const { origin } = this.#apps.at(index % this.#apps.members.length)
    const startedAt = performance.now()
    const status = await request(origin + path, {
      dispatcher: this.#agent,
      headers: { accept: 'application/json', ...(cookie === undefined ? {} : { cookie }) },
    }).then(
      async ({ statusCode, headers, body }) => {
        await body.dump()
        const isKept = headers['set-cookie'] === undefined && headers['retry-after'] !== undefined
        if (statusCode === 503 && !isKept) this.#unkept += 1
        return String(statusCode)
      },
      (error: NodeJS.ErrnoException) => error.code ?? 'error',
    )
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
    this.#durationsMs.push(performance.now() - startedAt)
    if (status !== '200') this.#lastFailureAt = performance.now()
  }
}
