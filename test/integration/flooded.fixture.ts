import { randomBytes } from 'node:crypto'
import type { LatchkeyOptions, OAuth2Options, RequestOAuth } from '@latchkey/express'
import type { Policy } from '@latchkey/testing'
import type { Express } from 'express'
import { type FloodCost, flood, keepAliveClient, navigation } from './flood.fixture.ts'
import { type Harness, type HarnessServers, startHarness, startServers } from './harness.fixture.ts'
import { countOf } from './run-counts.fixture.ts'
import { bothWays } from './signed-in.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

/** Requests of one flood. */
export const floodSize: number = countOf({ everyday: 300, full: 5_000 })
/** How many of them are under way together. */
export const usuallyAtOnce: number = 50

/** Two instances over one store, and one session that they are flooded with. */
export interface Flooded extends HarnessServers {
  readonly probe: StoreProbe
  readonly instances: readonly [Harness, Harness]
  /** Sends the flood round the instances with the session's cookie; the answers are status codes. */
  readonly flood: (path: (index: number) => string, how?: Flooding) => Promise<FloodCost>
}

/** How a flood differs from pages that are opened. */
export interface Flooding {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Each request has one of them, in turn. Absent: that of the session. */
  readonly cookies?: readonly string[]
  /** How many are under way together. */
  readonly atOnce?: number
  /** Seconds that the clock is set forward by after each batch. Absent: so many that the flood lasts a minute. */
  readonly stepSeconds?: number
}

/** What a test sets up differently. */
export interface FloodedSetup {
  readonly openid?: boolean
  readonly policy?: Partial<Policy>
  readonly provider?: Partial<OAuth2Options<'example'>>
  readonly options?: Partial<LatchkeyOptions<'example'>>
}

/** Starts the two instances and signs Ada in. */
export async function startFlooded({
  openid = false,
  policy,
  provider,
  options,
}: FloodedSetup = {}): Promise<Flooded> {
  const server = { policy: { rotate: true, reuseKillsFamily: true, ...policy } }
  const servers = await startServers({ openid, server })
  const { as, clock } = servers
  const probe = probedStore(clock)
  const secret = randomBytes(32).toString('base64url')
  const start = (): Promise<Harness> =>
    startHarness({
      servers,
      openid,
      ...(provider === undefined ? {} : { provider }),
      options: { baseUrl: publicOrigin, store: probe.store, secret, ...options },
      routes: floodedRoutes,
    })
  const instances = [await start(), await start()] as const
  const tokens = as.tokens('Ada', { scope: ['read'] })
  const session = { provider: 'example', user: { id: tokens.userId }, tokens } as const
  const own = (await instances[0].auth.createSession(session)).cookie
  const send = keepAliveClient(200)
  return {
    ...servers,
    probe,
    instances,
    flood: (path, { method = 'GET', headers = navigation, cookies = [own], ...pace } = {}) => {
      const { atOnce = usuallyAtOnce, stepSeconds = Math.max(1, (60 * atOnce) / floodSize) } = pace
      return flood(servers, probe, {
        count: floodSize,
        atOnce,
        stepSeconds,
        one: async (index) => {
          const { origin } = instances[index % 2] ?? instances[0]
          const request = {
            method,
            path: path(index),
            headers: {
              ...headers,
              host: new URL(publicOrigin).host,
              cookie: cookies[index % cookies.length] ?? own,
            },
          }
          return (await send(origin, request)).status
        },
      })
    },
  }
}

/** Everything that a route of an app could do for somebody who reloads it. */
function floodedRoutes(app: Express, auth: Harness['auth'], { rs }: HarnessServers): void {
  for (const [name, call] of bothWays) {
    app.get(`/call/${name}`, auth.requireLogin(), async (req, res) => {
      const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
      res.status((await call(oauth, `${rs.origin}/things`)).status).end()
    })
    app.get(`/application/${name}`, async (_req, res) => {
      res.status((await call(auth.application('example'), `${rs.origin}/things`)).status).end()
    })
  }
  app.get('/long', auth.requireLogin(), async (req, res) => {
    await req.oauth.accessToken({ minTtlSeconds: 1e9 })
    res.end()
  })
  app.get('/long/application', async (_req, res) => {
    await auth.application('example').accessToken({ minTtlSeconds: 1e9 })
    res.end()
  })
  app.get('/more', auth.requireLogin({ scope: ['more'] }), (_req, res) => void res.end())
  app.get('/elsewhere', auth.requireLogin({ provider: 'example' }), (_req, res) => void res.end())
  app.get('/status', auth.requireLogin(), async (req, res) => {
    const [account] = req.oauth.accounts
    res.json([await account?.status(), await account?.missingScopes('more')])
  })
  app.get('/disconnect', async (req, res) => {
    await Promise.all(req.oauth.accounts.map((account) => account.disconnect()))
    res.end()
  })
}
