import { randomBytes } from 'node:crypto'
import { type ApiAccess, memoryStore, oauth2, type RequestOAuth } from '@latchkey/express'
import {
  type AuthorizationServer,
  type EmulatedUser,
  type ResourceServer,
  startAuthorizationServer,
  startResourceServer,
} from '@latchkey/testing'
import type { Express, Request, Response } from 'express'
import { expect, onTestFinished } from 'vitest'
import { type Harness, type HarnessServers, startHarness, startServers } from './harness.fixture.ts'
import { bothWays } from './signed-in.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

/** Whose token a request must carry: `main/<user>` of the session's own account, `kept/<user>` of the one that is kept. */
export const ownerHeader = 'x-owner'

/** Somebody of the crowd. */
export interface Person {
  readonly id: string
  /** Signed in with the main account, with the kept one beside it. */
  readonly cookie: string
}

/** An API that knows, for each request, whose token ought to be there. */
export interface OwnersApi {
  readonly server: ResourceServer
  /** Good tokens of somebody else than the header says. */
  wrong(): number
  /** Different owners that were seen. */
  owners(): number
}

/** Many people, each signed in at two instances of an app with two accounts from different servers. */
export interface Crowd extends HarnessServers {
  /** The server of the main accounts and that of the kept ones. */
  readonly authorizationServers: readonly [main: AuthorizationServer, kept: AuthorizationServer]
  readonly api: OwnersApi
  readonly instances: readonly [Harness, Harness]
  readonly people: readonly Person[]
  /**
   * Resolves when no request is under way, and no refresh that goes on after its caller has left. A clock that jumps in
   * the middle of one would be a silence of the server.
   */
  quiet(): Promise<void>
}

/** Starts it all and signs everybody in. */
export async function startCrowd(size: number): Promise<Crowd> {
  const users: readonly EmulatedUser[] = Array.from({ length: size }, (_, index) => ({
    id: `person-${index}`,
    name: `Person ${index}`,
  }))
  const policy = { rotate: true, reuseKillsFamily: true }
  const servers = await startServers({ server: { users, policy } })
  const { as: main, clock } = servers
  const client = { clientId: 'kept-client', clientSecret: 'kept-client-secret', redirectUris: [] }
  const kept = await startAuthorizationServer({ clients: [client], users, clock, policy, marks: main.marks })
  onTestFinished(() => kept.close())
  const api = await startOwnersApi(main, kept, servers)
  const options = {
    baseUrl: publicOrigin,
    store: memoryStore({ clock }),
    secret: randomBytes(32).toString('base64url'),
  }
  const keeping = oauth2({
    id: 'kept',
    authorizationEndpoint: kept.endpoints.authorization,
    tokenEndpoint: kept.endpoints.token,
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    resourceOrigins: [api.server.origin],
    keepAccounts: true,
  })
  let underWay = 0
  const start = (): Promise<Harness> =>
    startHarness({
      servers,
      provider: { resourceOrigins: [api.server.origin] },
      others: [keeping],
      options,
      before: (app) => {
        app.use((_req, res, next) => {
          underWay += 1
          res.once('close', () => {
            underWay -= 1
          })
          next()
        })
      },
      routes: (app, auth) => crowdRoutes(app, auth, api.server.origin),
    })
  const instances = [await start(), await start()] as const
  const people: Person[] = []
  for (const { id } of users)
    people.push(await signIn(instances[people.length % 2] ?? instances[0], id, main, kept))
  const quiet = async (): Promise<void> => {
    await expect.poll(() => underWay + clock.pending, { timeout: 60_000, interval: 5 }).toBe(0)
  }
  return { ...servers, authorizationServers: [main, kept], api, instances, people, quiet }
}

async function signIn(
  { auth }: Harness,
  id: string,
  main: AuthorizationServer,
  kept: AuthorizationServer,
): Promise<Person> {
  const userId = `app-${id}`
  const common = { user: { id }, userId }
  await auth.createSession({ ...common, provider: 'kept' as 'example', tokens: kept.tokens(id) })
  const { cookie } = await auth.createSession({ ...common, provider: 'example', tokens: main.tokens(id) })
  const { accounts } = await auth.from({ headers: { cookie } })
  expect(accounts.map(({ provider }) => provider)).toEqual(['example', 'kept'])
  return { id, cookie }
}

async function startOwnersApi(
  main: AuthorizationServer,
  kept: AuthorizationServer,
  { clock }: HarnessServers,
): Promise<OwnersApi> {
  let wrong = 0
  const owners = new Set<string>()
  const ownerOf = (token: string): string | undefined => {
    const [own, other] = [main.introspect(token), kept.introspect(token)]
    if (own !== undefined) return `main/${own.userId}`
    return other && `kept/${other.userId}`
  }
  const server = await startResourceServer({
    accepts: (token) => {
      const owner = ownerOf(token)
      return owner === undefined ? undefined : { owner }
    },
    answer: ({ headers }, claims) => {
      const { owner } = claims as { readonly owner: string } // of `accepts`
      owners.add(owner)
      if (headers[ownerHeader] !== owner) wrong += 1
      return { owner }
    },
    clock,
    marks: main.marks,
  })
  onTestFinished(() => server.close())
  return { server, wrong: () => wrong, owners: () => owners.size }
}

/** `/<who>/<how>`: one call of the API. The headers say whose it is, and how it is disturbed. */
function crowdRoutes(app: Express, auth: Harness['auth'], apiOrigin: string): void {
  const access: Readonly<Record<string, (oauth: RequestOAuth) => Promise<ApiAccess>>> = {
    // Both accounts fit the API's origin: it is the one that signed in.
    session: async (oauth) => oauth,
    main: async (oauth) => oauth.account('example' as never), // ids are another program's here
    kept: async (oauth) => oauth.account('kept' as never), // as above
    job: async (oauth) => {
      const user = await auth.user(oauth.userId ?? '')
      if (user === undefined) throw new Error('nobody')
      return user
    },
  }
  for (const [who, of] of Object.entries(access)) {
    for (const [how, call] of bothWays) {
      app.get(`/${who}/${how}`, async (req, res) => {
        const account = await of(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
        if (req.get('x-long') !== undefined) await account.accessToken({ minTtlSeconds: 1e9 })
        await answer(req, res, async (signal) => {
          const headers = { [ownerHeader]: req.get(ownerHeader) ?? '' }
          return call(account, `${apiOrigin}/${who}`, { headers, signal })
        })
      })
    }
  }
}

/** Ends the call when the visitor leaves, or at once where the request says so. */
async function answer(
  req: Request,
  res: Response,
  call: (signal: AbortSignal) => Promise<{ readonly status: number; readonly text: string }>,
): Promise<void> {
  const aborter = new AbortController()
  res.once('close', () => aborter.abort())
  if (req.get('x-abort') !== undefined) setImmediate(() => aborter.abort())
  try {
    const { status, text } = await call(aborter.signal)
    res.status(status).send(text)
  } catch (error) {
    if (!aborter.signal.aborted) throw error
    res.status(499).end()
  }
}
