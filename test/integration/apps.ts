import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { OAuth2Options } from '@latchkey/express'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  CookieJar,
  type FoundSecret,
  type ResourceServer,
  startAuthorizationServer,
  startResourceServer,
  TestClock,
  UserAgent,
} from '@latchkey/testing'
import type { Ending } from '../guarded-child.ts'
import type {
  AppKind,
  AppOptions,
  AppSettings,
  Framework,
  StoreAddress,
  StoreTimeouts,
} from './app-messages.ts'
import { AppProcess } from './app-process.ts'

/** Where browsers find the app, whichever process answers. */
export const publicOrigin = 'https://app.example'

/** How long an access token lives. Short, so that thousands of expiries fit into the life of a session. */
export const tokenLifetimeSeconds = 120

/** What takes longer than this hangs. */
const longestAnswerMs = 60_000

/** How the processes and the servers around them are started. */
export interface AppsSetup {
  /** How many processes. */
  readonly count: number
  /** Where they keep their records; a function: each by its place. */
  readonly store: StoreAddress | ((place: number) => StoreAddress)
  readonly server?: Partial<AuthorizationServerOptions>
  /** Fields of the preset, such as endpoints behind a proxy; a function: by the servers. */
  readonly provider?: (servers: AppServers) => Partial<OAuth2Options<'example'>>
  /** @default 'latchkey' */
  readonly kind?: AppKind
  /** @default Express in the first place, Fastify in the second, and so on in turns */
  readonly framework?: Framework
  readonly options?: AppOptions
  /** Accounts of a second client of the same server can be linked. @default false */
  readonly hasOther?: boolean
  /** Asked at each start of a process. @default one for all */
  readonly secrets?: (place: number) => readonly string[]
  /** What the app's routes call for their user. @default the resource server */
  readonly resourceUrl?: string
  /** See `AppSettings`. @default 0 */
  readonly storeDelayMs?: number
  /** How long Redis has, where that is not what a test is about. @default as in an app */
  readonly storeOptions?: StoreTimeouts
}

/** The servers around the processes, in the process of the test. */
export interface AppServers {
  readonly as: AuthorizationServer
  readonly rs: ResourceServer
  readonly clock: TestClock
}

const client = { clientId: 'example-client', clientSecret: 'example-client-secret' }
/** The client of the second provider. */
export const otherClient = { clientId: 'other-client', clientSecret: 'other-client-secret' } as const

/** Starts an emulated authorization server, a resource server and the processes of one app. */
export async function startApps(setup: AppsSetup): Promise<Apps> {
  const clock = new TestClock()
  const as = await startAuthorizationServer({
    clients: [
      { ...client, redirectUris: [`${publicOrigin}/callback/example`] },
      { ...otherClient, redirectUris: [`${publicOrigin}/callback/other`] },
    ],
    clock,
    accessTokenLifetimeSeconds: tokenLifetimeSeconds,
    ...setup.server,
  })
  const accepts = (token: string) => {
    const grant = as.introspect(token)
    return grant && { sub: grant.userId ?? grant.clientId, scope: grant.scope, audience: grant.audience }
  }
  const rs = await startResourceServer({ accepts, clock, marks: as.marks })
  const apps = new Apps(setup, { as, rs, clock })
  try {
    await Promise.all(Array.from({ length: setup.count }, (_, place) => apps.replace(place)))
  } catch (error) {
    await apps.close()
    throw error
  }
  return apps
}

/** Processes of one app behind one public origin. Places are filled anew when a process was killed. */
export class Apps implements AsyncDisposable {
  readonly servers: AppServers
  /** Every process that ever ran. */
  readonly all: AppProcess[] = []
  readonly #setup: AppsSetup
  readonly #members: AppProcess[] = []
  readonly #secret = randomBytes(32).toString('base64url')
  #advancedSeconds = 0

  /** Use {@link startApps}. */
  constructor(setup: AppsSetup, servers: AppServers) {
    this.#setup = setup
    this.servers = servers
    servers.as.marks.add('secret', this.#secret)
  }

  /** Those that have a place now, killed ones too until they are replaced. */
  get members(): readonly AppProcess[] {
    return this.#members
  }

  /** The process in this place. */
  at(place: number): AppProcess {
    const member = this.#members[place]
    if (member === undefined) throw new Error(`There is no process in place ${place}.`)
    return member
  }

  /** Starts a process in this place. The one before, if there is one, is no longer among the members. */
  async replace(place: number): Promise<AppProcess> {
    const before = this.#advancedSeconds
    const app = await AppProcess.start(this.#settings(place))
    this.all.push(app)
    if (this.#advancedSeconds > before) await app.advance(this.#advancedSeconds - before)
    this.#members[place] = app
    return app
  }

  /** Deploys this place anew: the new process serves before the old one is asked to end. Resolves when it has ended. */
  async restart(place: number): Promise<Ending> {
    const old = this.at(place)
    await this.replace(place)
    return old.stop()
  }

  /** Lets time pass everywhere. No request should be under way: the clocks move one after the other. */
  async advance(seconds: number): Promise<void> {
    this.#advancedSeconds += seconds
    await this.servers.clock.advance(seconds)
    const running = this.all.filter(({ isRunning }) => isRunning)
    await Promise.all(running.map((app) => app.advance(seconds)))
  }

  /** Every access token has run out. */
  expire(): Promise<void> {
    return this.advance(tokenLifetimeSeconds + 10)
  }

  /** Signs a user in without a browser; answers the cookie. @param place the process that does it */
  async signIn(userId: string, place = 0): Promise<string> {
    const { as } = this.servers
    const tokens = as.tokens(userId)
    const session = { provider: 'example', user: { id: userId }, tokens } as const
    const cookie = await this.at(place).createSession(session)
    const [, secret = ''] = cookie.split(/[.;]/)
    if (!as.marks.add('session cookie', secret)) throw new Error('The cookie has no secret half.')
    return cookie
  }

  /** A browser that reaches the process in this place. */
  browser(place: number, cookies: CookieJar = new CookieJar(() => this.servers.clock.now())): UserAgent {
    const origins = { [publicOrigin]: this.at(place).origin }
    return new UserAgent({ clock: this.servers.clock, origins }, cookies)
  }

  /** One request of a script with this cookie. Redirects are not followed. */
  async get(place: number, path: string, cookie: string, init: RequestInit = {}): Promise<Response> {
    const headers = { cookie, accept: 'application/json', ...init.headers }
    const tooLong = AbortSignal.timeout(longestAnswerMs)
    const signal = init.signal ? AbortSignal.any([init.signal, tooLong]) : tooLong
    return fetch(this.at(place).origin + path, { redirect: 'manual', ...init, headers, signal })
  }

  /** Whether the vault gives out, through this process, the newest token of a grant that is alive. */
  async vaultIsLive(place: number, cookie: string, userId: string): Promise<boolean> {
    const reply = await this.get(place, '/vault', cookie)
    const text = await reply.text()
    const live = this.servers.as.liveFor(userId)
    if (reply.status !== 200 || live?.accessToken === undefined || live.revoked) return false
    const { digest } = JSON.parse(text) as { readonly digest: string } // of the program's own route
    return digest === createHash('sha256').update(live.accessToken).digest('hex')
  }

  /** Secrets in what any process has printed, or was started with. Must be empty. */
  leaks(): readonly FoundSecret[] {
    const { marks } = this.servers.as
    return this.all.flatMap((app) => [...marks.findIn(app.output), ...marks.findIn(startOf(app))])
  }

  /** Stops every process gracefully, then the servers; resolves to the endings of those that no test has killed. */
  async close(): Promise<readonly Ending[]> {
    const left = this.all.filter(({ wasKilled }) => !wasKilled)
    const endings = await Promise.all(left.map((app) => app.stop()))
    await Promise.all([this.servers.as.close(), this.servers.rs.close()])
    return endings
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #settings(place: number): AppSettings {
    const { store, provider, secrets, hasOther = false, ...setup } = this.#setup
    const { as, rs } = this.servers
    const given = secrets?.(place)
    const resourceUrl = setup.resourceUrl ?? `${rs.origin}/me`
    for (const secret of given ?? []) as.marks.add('secret', secret)
    const common = {
      authorizationEndpoint: as.endpoints.authorization,
      tokenEndpoint: as.endpoints.token,
      revocationEndpoint: as.endpoints.revocation,
      userinfo: as.endpoints.userinfo,
      scope: ['read'],
      resourceOrigins: [new URL(resourceUrl).origin],
    }
    const other = { ...common, id: 'other', ...otherClient, revocation: 'token' } as const
    return {
      kind: setup.kind ?? 'latchkey',
      framework: setup.framework ?? (place % 2 === 0 ? 'express' : 'fastify'),
      baseUrl: publicOrigin,
      secrets: given ?? [this.#secret],
      provider: { id: 'example', ...client, ...common, ...provider?.(this.servers) },
      ...(hasOther && { other }),
      options: setup.options ?? {},
      resourceUrl,
      store: typeof store === 'function' ? store(place) : store,
      storeDelayMs: setup.storeDelayMs ?? 0,
      storeOptions: setup.storeOptions ?? {},
      advancedSeconds: this.#advancedSeconds,
    }
  }
}

/** Arguments and environment of a process, where the system shows them. */
function startOf({ pid, isRunning }: AppProcess): string {
  if (!isRunning || process.platform !== 'linux') return ''
  try {
    return ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')).join('\n')
  } catch (error) {
    // It has ended a moment ago.
    if (['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) return ''
    throw error
  }
}
