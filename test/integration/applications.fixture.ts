import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import type { ApiAccess, LatchkeyOptions, OAuth2Options } from '@latchkey/express'
import {
  type AuthorizationServer,
  type Policy,
  type ResourceServer,
  startResourceServer,
} from '@latchkey/testing'
import { expect, onTestFinished } from 'vitest'
import { type HarnessServers, startServers } from './harness.fixture.ts'
import { type Call, type Holding, startHolding } from './signed-in.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'

/** Whose token the API was shown, and what it was minted for. */
export interface Shown {
  /** The user, or the client itself. */
  readonly owner: string
  readonly scope: readonly string[]
  readonly audience: string | null
}

/** What a test of application tokens sets up differently. */
export interface ApplicationSetup {
  /** How many instances of the app share the store. @default 1 */
  readonly instances?: number
  readonly policy?: Partial<Policy>
  readonly provider?: Partial<OAuth2Options<'example'>>
  readonly options?: Partial<LatchkeyOptions<'example'>>
}

/** An app in several instances over one store, and an API that says whose token came. */
export interface Applications extends HarnessServers {
  readonly api: ResourceServer
  readonly probe: StoreProbe
  readonly instances: readonly Holding[]
  /** The first of the instances. */
  readonly app: Holding
  /** Calls the API once. */
  call(access: ApiAccess, call: Call): Promise<number>
  /** Token requests with client credentials that arrived at the authorization server. */
  mints(): number
  /** Different tokens that the API was shown since the last look, good and bad. */
  newTokens(): number
}

/** Starts it all. Every error that `call` met is searched for secrets at the end. */
export async function startApplications(setup: ApplicationSetup = {}): Promise<Applications> {
  const exclusive = setup.policy?.exclusive ?? false
  const servers = await startServers({ server: { policy: { ...setup.policy, exclusive } } })
  const { as, clock } = servers
  const api = await startApi(as, servers)
  const probe = probedStore(clock)
  const shared = { secret: randomBytes(32).toString('base64url'), store: probe.store, ...setup.options }
  const provider = { resourceOrigins: [api.origin], exclusive, ...setup.provider }
  const instances: Holding[] = []
  for (let place = 0; place < (setup.instances ?? 1); place += 1)
    instances.push(await startHolding({ servers, provider, options: shared }))
  const [app] = instances
  if (app === undefined) throw new Error('at least one instance')
  let seen = 0
  return {
    ...servers,
    api,
    probe,
    instances,
    app,
    call: async (access, call) => (await call(access, `${api.origin}/things`)).status,
    mints: () => mintRequests(as),
    newTokens: () => {
      const fresh = api.requests.slice(seen).map(({ headers }) => headers.authorization)
      seen = api.requests.length
      return new Set(fresh).size
    },
  }
}

/** How often a client asked for a token of its own. */
export function mintRequests(as: AuthorizationServer): number {
  return as.requests.filter(({ form }) => form.get('grant_type') === 'client_credentials').length
}

/** An API that answers whose token it was shown. It stops at the end of the test. */
export async function startApi(
  as: Pick<AuthorizationServer, 'introspect' | 'marks'>,
  { clock }: Pick<HarnessServers, 'clock'>,
): Promise<ResourceServer> {
  const accepts = (token: string): Shown | undefined => {
    const grant = as.introspect(token)
    if (grant === undefined) return undefined
    const { userId, clientId, scope, audience = null } = grant
    return { owner: userId ?? clientId, scope, audience }
  }
  const api = await startResourceServer({
    accepts,
    answer: (_request, claims) => claims,
    clock,
    marks: as.marks,
  })
  onTestFinished(() => api.close())
  return api
}

/** `count` calls at once. */
export function parallel<T>(count: number, one: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => one(index)))
}

/** How often each value is there. */
export function tally(values: readonly (string | number)[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

/** Nothing that the program can print of this holds a secret. */
export function expectNoSecret({ as }: Pick<HarnessServers, 'as'>, value: unknown): void {
  expect(as.marks.findIn(inspect(value, { depth: Infinity, showHidden: true }))).toEqual([])
  expect(as.marks.findIn(value)).toEqual([])
}
