import { Agent, get } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { RequestOAuth } from '@latchkey/express'
import type { UserAgent } from '@latchkey/testing'
import type { Request, Response } from 'express'
import { describe, expect, it } from 'vitest'
import { people } from './fleet.fixture.ts'
import { events, type Harness, startHarness } from './harness.fixture.ts'
import { type OwnerCheckingApi, startOwnerCheckingApi } from './owner-checking-api.fixture.ts'
import { ownerHeader } from './owner-header.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

interface Outcome {
  readonly status: number
  readonly owner: unknown
}

type Way = (
  oauth: RequestOAuth,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
) => Promise<Outcome>

const viaFetch = async (
  fetch: RequestOAuth['fetch'],
  ...[url, headers, signal]: [string, Record<string, string>, AbortSignal]
) => {
  const reply = await fetch(url, { headers, signal })
  return { status: reply.status, owner: ((await reply.json()) as { owner: unknown }).owner } // our own API
}

/** Every way to call an API for somebody. */
const ways: readonly Way[] = [
  (oauth, ...rest) => viaFetch(oauth.fetch, ...rest),
  (oauth, ...rest) => viaFetch(oauth.account('example').fetch, ...rest),
  // Handed on, and used while other people's requests are served.
  async ({ fetch }, ...rest) => pause(1).then(() => viaFetch(fetch, ...rest)),
  async (oauth, url, headers, signal) => {
    const { statusCode, body } = await oauth.request(url, { headers, signal })
    return { status: statusCode, owner: ((await body.json()) as { owner: unknown }).owner } // our own API
  },
  async (oauth, url, headers, signal) => {
    const { value } = await oauth.accessToken()
    const reply = await fetch(url, { headers: { ...headers, authorization: `Bearer ${value}` }, signal })
    return { status: reply.status, owner: ((await reply.json()) as { owner: unknown }).owner } // our own API
  },
]

/** Calls the API for whoever asks, the way that the query names; `abort` gives up in the middle. */
function callRoute(api: OwnerCheckingApi) {
  return async (req: Request, res: Response): Promise<void> => {
    const leaving = new AbortController()
    res.once('close', () => leaving.abort(new Error('left')))
    if (req.query.abort !== undefined) {
      const steps = Number(req.query.abort)
      pause(steps).then(() => leaving.abort(new Error('changed its mind')))
    }
    const way = ways[Number(req.query.way)] ?? ways[0]
    const headers = { [ownerHeader]: req.get('x-visitor') ?? '' }
    const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
    try {
      res.json(await way?.(oauth, `${api.origin}/thing`, headers, leaving.signal))
    } catch (error) {
      if (!leaving.signal.aborted) throw error
      if (!res.destroyed) res.status(499).end()
    }
  }
}

interface Visitor {
  readonly id: string
  readonly cookie: string
}

async function signInAll(harness: Harness, count: number): Promise<readonly Visitor[]> {
  const visitors: Visitor[] = []
  for (const { id } of people(count)) {
    harness.as.policy.autoApprove = id
    const browser: UserAgent = harness.newBrowser()
    expect((await browser.get(`${harness.origin}/login/example`)).status).toBe(200)
    const cookie = browser.cookies.header(new URL(harness.origin)) ?? ''
    visitors.push({ id, cookie })
  }
  return visitors
}

/** How a request ended, as its visitor saw it. */
type Seen = 'own' | 'refused' | 'gave up' | 'left'

const any = (below: number): number => Math.floor(Math.random() * below)

/** One request over a connection that others use before and after. Rejects when somebody else's answer comes back. */
function ask(origin: string, agent: Agent, visitor: Visitor): Promise<Seen> {
  const { id, cookie } = visitor
  const [gives, leaves] = [any(10) === 0, any(20) === 0]
  const query = `way=${any(ways.length)}${gives ? `&abort=${any(8)}` : ''}`
  const request = get(`${origin}/call?${query}`, { agent, headers: { cookie, 'x-visitor': id } })
  if (leaves) pause(any(8)).then(() => request.destroy())
  return new Promise((resolve, reject) => {
    request.once('error', (error) => {
      if (leaves) return resolve('left')
      // The app's server closes idle connections, perhaps just when one is used again.
      if (request.reusedSocket && 'code' in error && error.code === 'ECONNRESET')
        resolve(ask(origin, agent, visitor))
      else reject(error)
    })
    request.once('response', async (response) => {
      const body = await text(response).catch(() => undefined)
      if (body === undefined) return leaves ? resolve('left') : reject(new Error('cut off'))
      if (response.statusCode === 499) return resolve('gave up')
      if (response.statusCode !== 200) return reject(new Error(`${response.statusCode}: ${body}`))
      const { status, owner } = JSON.parse(body) as Outcome // the answer of the route above
      if (owner !== id) return reject(new Error(`${id} got what belongs to ${owner}`))
      resolve(status === 401 ? 'refused' : 'own')
    })
  })
}

/** An app with such a route, in front of such an API. */
async function startCrowd(users: number) {
  const api = await startOwnerCheckingApi()
  let working = 0
  const harness = await startHarness({
    server: { users: people(users), policy: { rotate: true, reuseKillsFamily: true } },
    provider: { resourceOrigins: [api.origin] },
    before: (app) => {
      app.use((_req, res, next) => {
        working += 1
        res.once('close', () => {
          working -= 1
        })
        next()
      })
    },
    routes: (app) => app.get('/call', callRoute(api)),
  })
  api.authorizationServer = harness.as
  /** Refreshes go on after their callers have left. While one runs its deadlines wait on the clock, which must not jump. */
  const quiet = async (): Promise<void> => {
    do await pause(5)
    while (working > 0 || harness.clock.pending > 0)
  }
  return { harness, api, quiet, visitors: await signInAll(harness, users) }
}

describe('case 56: the wrong user’s token', () => {
  it(
    'case 56: among many users, refreshes, 401s, aborts and shared connections every call carries its own user’s token',
    async () => {
      const users = countOf({ everyday: 60, full: 500 })
      const [waves, perWave, lanes] = [
        countOf({ everyday: 10, full: 100 }),
        countOf({ everyday: 300, full: 1_000 }),
        64,
      ]
      const { harness, api, quiet, visitors } = await startCrowd(users)
      const { as, clock, origin } = harness
      const agent = new Agent({ keepAlive: true, maxSockets: lanes })
      const seen: Record<Seen, number> = { own: 0, refused: 0, 'gave up': 0, left: 0 }
      const startedAt = performance.now()
      for (let wave = 0; wave < waves; wave += 1) {
        await quiet()
        api.learn()
        await clock.advance(wave % 2 === 0 ? 3_700 : 11)
        let asked = 0
        const lane = async (): Promise<void> => {
          while (asked < perWave) {
            asked += 1
            const visitor = visitors[any(users)]
            if (visitor === undefined) continue
            if (any(12) === 0) {
              // The API stops taking this user's token in the middle of it all.
              api.learn()
              as.expireAccessTokens(visitor.id)
            }
            seen[await ask(origin, agent, visitor)] += 1
          }
        }
        await Promise.all(Array.from({ length: lanes }, lane))
      }
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
      agent.destroy()
      const refreshes = as.grants().reduce((sum, { generation }) => sum + generation, 0)
      const { requests, wrongOwner, noOwner, unauthorized, connections } = api.counts
      console.log(
        `case 56: ${users} users, ${waves * perWave} requests (${seen.own} own, ${seen.refused} refused, ` +
          `${seen['gave up']} gave up, ${seen.left} left), ${requests} API calls over ${connections} connections, ` +
          `${unauthorized} x 401, ${refreshes} refreshes, ${seconds} s: ${wrongOwner} wrong-user tokens`,
      )
      expect({ wrongOwner, noOwner }).toEqual({ wrongOwner: 0, noOwner: 0 })
      expect(seen.own).toBeGreaterThan(waves * perWave * 0.5)
      for (const some of [seen['gave up'], seen.left, unauthorized]) expect(some).toBeGreaterThan(waves)
      expect(refreshes).toBeGreaterThan(users)
      expect(as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])
      expect(events(harness, 'refresh.unknown_outcome')).toEqual([])
    },
    countTimeoutMs,
  )
})
