import type { AuthorizationServer } from '@latchkey/testing'
import { Pool } from 'undici'
import type { Apps } from './apps.ts'

/** One herd: many requests at once. */
export interface HerdRequest {
  /** Sent in turn. */
  readonly cookies: readonly string[]
  readonly requests: number
  /** @default '/me' */
  readonly path?: string
  /** Which processes they go to, in turn. @default all that run */
  readonly places?: readonly number[]
}

/** How the requests of a herd were answered. */
export interface HerdOutcome {
  /** Requests by status; those without an answer by the code of their error. */
  readonly statuses: Readonly<Record<string, number>>
  /** How long each took. */
  readonly durationsMs: readonly number[]
}

/** What the authorization server counted about refreshes. */
export interface RefreshFigures {
  /** Refresh tokens that were rotated away. */
  readonly generations: number
  /** Token requests that presented one of them, for each generation. */
  readonly calls: readonly number[]
  readonly average: string
  readonly most: number
  readonly familiesKilled: number
  /** Grants whose live refresh token was presented and not rotated. */
  readonly unanswered: number
}

const longestAnswerMs = 60_000

/** Sends parallel requests over keep-alive connections to all processes of an app. */
export class Herd {
  readonly #apps: Apps
  readonly #pools = new Map<string, Pool>()

  constructor(apps: Apps) {
    this.#apps = apps
  }

  /** Sends them all at once; resolves when each is answered or has failed. */
  async run({ cookies, requests, path = '/me', places }: HerdRequest): Promise<HerdOutcome> {
    const { members } = this.#apps
    const targets = (places ?? members.map((_, place) => place)).map((place) => this.#apps.at(place))
    const running = targets.filter(({ isRunning }) => isRunning)
    const statuses: Record<string, number> = {}
    const durationsMs: number[] = []
    const perProcess = Math.ceil(requests / running.length)
    const send = async (index: number): Promise<void> => {
      const app = running[index % running.length]
      const cookie = cookies[index % cookies.length]
      if (app === undefined || cookie === undefined) throw new Error('A herd needs a process and a cookie.')
      const startedAt = performance.now()
      const outcome = await this.#send(this.#pool(app.origin, perProcess), path, cookie)
      durationsMs.push(performance.now() - startedAt)
      statuses[outcome] = (statuses[outcome] ?? 0) + 1
    }
    await Promise.all(Array.from({ length: requests }, (_, index) => send(index)))
    return { statuses, durationsMs }
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
    this.#pools.clear()
  }

  async #send(pool: Pool, path: string, cookie: string): Promise<string> {
    try {
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path,
        headers: { cookie, accept: 'application/json' },
      })
      await body.dump()
      return String(statusCode)
    } catch (error) {
      return String((error as { readonly code?: unknown }).code ?? error) // of a socket or of undici
    }
  }

  #pool(origin: string, connections: number): Pool {
    const key = `${origin} ${connections}`
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const pool = new Pool(origin, {
      connections,
      headersTimeout: longestAnswerMs,
      bodyTimeout: longestAnswerMs,
      keepAliveTimeout: longestAnswerMs,
    })
    this.#pools.set(key, pool)
    return pool
  }
}

/** Counts from the authorization server. Every grant is looked at. */
export function refreshFigures(as: AuthorizationServer): RefreshFigures {
  const calls: number[] = []
  let unanswered = 0
  for (const { grantId } of as.grants()) {
    const byGeneration = as.refreshCallsByGeneration(grantId)
    calls.push(...byGeneration.slice(0, -1))
    if ((byGeneration.at(-1) ?? 0) > 0) unanswered += 1
  }
  const sum = calls.reduce((total, count) => total + count, 0)
  return {
    generations: calls.length,
    calls,
    average: calls.length === 0 ? '0.000' : (sum / calls.length).toFixed(3),
    most: Math.max(0, ...calls),
    familiesKilled: as.grants().filter(({ familyRevoked }) => familyRevoked).length,
    unanswered,
  }
}
