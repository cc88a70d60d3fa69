import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import type { VersionedRecord } from '@latchkey/core'
import {
  exbo,
  type Latchkey,
  type LatchkeyOptions,
  latchkey,
  memoryStore,
  type RequestOAuth,
  type Store,
  spotify,
} from '@latchkey/express'
import {
  CookieJar,
  type EmulatedUser,
  type Emulators,
  type PageResponse,
  startEmulators,
  TestClock,
  UserAgent,
} from '@latchkey/testing'
import express from 'express'
import { afterEach, expect } from 'vitest'
import { subjectKey } from '../../packages/core/src/protocol/subject-key.ts'
import { Schedule } from './schedule.fixture.ts'
import { steppedDispatcher } from './stepped-dispatcher.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const characters = 'https://eapi.stalcraft.net/eu/characters'
const exboClient = { clientId: '4711', clientSecret: 'my-exbo-secret' }
const exboIdentity = JSON.stringify(['https://exbo.net/oauth/token', exboClient.clientId])
const firstExboId = 2_000
/** Seconds that an access token lives. */
export const tokenSeconds = 3_600

type AppOptions = LatchkeyOptions<'exbo' | 'spotify'>

/** What a test sets up differently. */
export interface DevicesSetup {
  readonly options?: Partial<AppOptions>
  /** @default a memory store */
  readonly store?: (clock: TestClock) => Store
  /** How many people there are at EXBO and Spotify. @default 10 */
  readonly users?: number
}

/** One process of the app. */
export interface Process {
  readonly origin: string
  readonly auth: Latchkey<'exbo' | 'spotify'>
  close(): Promise<void>
}

/** One app in two processes over one store, EXBO and Spotify around it, and the devices of its users. */
export interface Devices {
  readonly emulators: Emulators
  readonly clock: TestClock
  readonly schedule: Schedule
  readonly store: Store
  readonly processes: readonly [Process, Process]
  /** Accounts outlive their sessions. */
  readonly keepsAccounts: boolean
  /** From now on EXBO and Spotify take every browser for this person. */
  beUser(number: number): void
  /** A browser without cookies. @param home the process that answers it where nothing else is said */
  device(name: string, home?: number): Device
  /** The access token that EXBO accepts last of all from this person. */
  living(number: number): string | undefined
  /** The record of this person's EXBO grant, and how many sessions share it. */
  standing(
    number: number,
  ): Promise<{ readonly record: VersionedRecord | undefined; readonly sessions: number }>
}

type Running = Pick<Devices, 'emulators' | 'processes'> & { readonly told: readonly unknown[] }
const running: Running[] = []

afterEach(async () => {
  for (const { emulators, processes, told } of running.splice(0)) {
    await Promise.all(processes.map((process) => process.close()))
    await emulators.close()
    expect(emulators.marks.findIn(inspect(told, { depth: Infinity })), 'secrets in log or errors').toEqual([])
  }
})

/**
 * Starts everything. Time stands still but for the schedule and `clock.advance`. A sign-in with the header `x-refused`
 * is refused by the app.
 */
export async function startDevices(setup: DevicesSetup = {}): Promise<Devices> {
  const clock = new TestClock({ frozen: true })
  const users = Array.from({ length: setup.users ?? 10 }, (_, number) => person(number))
  const emulators = await startEmulators({ clock, users })
  const { as, switches } = emulators.exbo
  as.policy.accessTokenLifetimeSeconds = tokenSeconds
  switches.rateLimit = Number.MAX_SAFE_INTEGER
  const schedule = new Schedule(clock)
  const store = setup.store?.(clock) ?? memoryStore({ clock })
  const told: unknown[] = []
  const options: Omit<AppOptions, 'providers'> = {
    baseUrl: publicOrigin,
    secret: randomBytes(32).toString('base64url'),
    store: schedule.watch(store),
    clock,
    dispatcher: steppedDispatcher(emulators, schedule),
    logger: recorder(told),
    onLogin: (_login, req) => {
      if (req.headers['x-refused'] !== undefined) throw new Error('refused by the app')
    },
    ...setup.options,
  }
  const handed: string[] = []
  const start = (): Promise<Process> => startProcess(options, schedule, handed, told)
  const processes = [await start(), await start()] as const
  running.push({ emulators, processes, told })
  const slotOf = (number: number): string =>
    subjectKey({ identity: () => exboIdentity }, String(firstExboId + number))
  return {
    emulators,
    clock,
    schedule,
    store,
    processes,
    keepsAccounts: setup.options?.keepAccounts === true,
    beUser: (number) => {
      for (const provider of [emulators.exbo, emulators.spotify]) {
        provider.as.policy.autoApprove = person(number).id
      }
    },
    device: (name, home = 0) => new Device(name, home, { emulators, processes, schedule, handed }),
    living: (number) => as.liveFor(person(number).id)?.accessToken,
    standing: async (number) => ({
      record: await store.grants.read({ slot: slotOf(number), id: 'grant' }),
      sessions: await store.subjects.count(slotOf(number)),
    }),
  }
}

interface DeviceParts extends Pick<Devices, 'emulators' | 'processes' | 'schedule'> {
  /** Access tokens that the app was handed, the newest last. */
  readonly handed: readonly string[]
}

/** How a device comes to the app. */
export interface Visit {
  /** @default 'exbo' */
  readonly provider?: 'exbo' | 'spotify'
  readonly headers?: Readonly<Record<string, string>>
}

/** One browser. */
export class Device {
  readonly name: string
  readonly #home: number
  readonly #parts: DeviceParts
  readonly #cookies: CookieJar

  constructor(name: string, home: number, parts: DeviceParts, cookies?: CookieJar) {
    this.name = name
    this.#home = home
    this.#parts = parts
    this.#cookies = cookies ?? new CookieJar(() => parts.emulators.clock.now())
  }

  /** The same browser at the process with this number. */
  at(process: number): Device {
    return new Device(this.name, process, this.#parts, this.#cookies)
  }

  /** Signs in; the page that it leads to: 200, or what went wrong. */
  signIn({ provider = 'exbo', ...visit }: Visit = {}): Promise<PageResponse> {
    return this.#get(`/login/${provider}?returnTo=/whoami`, visit)
  }

  /** Adds an EXBO account to the session, or authorizes it anew there, by the page with the button, if there is one. */
  async step(purpose: 'link' | 'consent', visit: Visit = {}): Promise<PageResponse> {
    const page = await this.#get(`/login/exbo/${purpose}?returnTo=/whoami`, visit)
    if (!page.text.includes('<form')) return page
    return this.#browser().submit(page, { headers: this.#headers(visit) })
  }

  /** Calls EXBO's API; 200, or 302 and 303 where the user is sent to a login. */
  async call(visit: Visit = {}): Promise<number> {
    return (await this.#get('/call', visit, 'manual')).status
  }

  /** The access token that the app is handed; `undefined` where it is handed none. */
  async accessToken(visit: Visit = {}): Promise<string | undefined> {
    const { status } = await this.#get('/token', visit, 'manual')
    return status === 204 ? this.#parts.handed.at(-1) : undefined
  }

  /** The providers of the accounts of whoever is signed in, in order; empty: nobody is. */
  async accounts(visit: Visit = {}): Promise<readonly string[]> {
    return JSON.parse((await this.#get('/whoami', visit)).text) as string[] // our own route
  }

  async signOut(visit: Visit = {}): Promise<number> {
    const options = { redirect: 'manual', headers: this.#headers(visit) } as const
    return (await this.#browser().post(`${publicOrigin}/logout`, {}, options)).status
  }

  #get(path: string, visit: Visit, redirect: 'manual' | 'follow' = 'follow'): Promise<PageResponse> {
    const options = { redirect, headers: this.#headers(visit) }
    return this.#browser().get(publicOrigin + path, options)
  }

  #browser(): UserAgent {
    const { emulators, processes } = this.#parts
    const origins = { ...emulators.origins, [publicOrigin]: processes[this.#home]?.origin ?? '' }
    return new UserAgent({ clock: emulators.clock, origins }, this.#cookies)
  }

  /** Leads what the visit causes back to whoever makes it. */
  #headers({ headers }: Visit): Readonly<Record<string, string>> {
    return { 'x-actor': this.#parts.schedule.actor ?? this.name, ...headers }
  }
}

async function startProcess(
  options: Omit<AppOptions, 'providers'>,
  schedule: Schedule,
  handed: string[],
  told: unknown[],
): Promise<Process> {
  const auth = latchkey({
    ...options,
    providers: [exbo(exboClient), spotify({ clientId: 'my-app', clientSecret: 'my-own-secret' })],
  })
  const app = express()
  app.set('env', 'test')
  app.use((req, _res, next) => schedule.as(String(req.headers['x-actor'] ?? 'nobody'), next))
  app.use(auth)
  addRoutes(app, auth, handed)
  const note: express.ErrorRequestHandler = (error, _req, _res, next) => {
    told.push(error)
    next(error)
  }
  app.use(note, auth.errorHandler)
  const { server, origin } = await listen(app)
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await auth.close()
  }
  return { auth, origin, close }
}

function addRoutes(app: express.Express, auth: Process['auth'], handed: string[]): void {
  const oauthOf = (req: express.Request): RequestOAuth => req.oauth as unknown as RequestOAuth // whatever ids another program registered
  // Where a sign-in leads that stands in for a step whose session is gone.
  app.get('/', (_req, res) => void res.send('home'))
  app.get('/whoami', (req, res) => {
    res.json(req.oauth.accounts.map(({ provider }) => provider))
  })
  app.get('/call', auth.requireLogin(), async (req, res) => {
    const reply = await oauthOf(req).fetch(characters)
    await reply.body?.cancel()
    res.sendStatus(reply.status)
  })
  app.get('/token', auth.requireLogin(), async (req, res) => {
    handed.push((await oauthOf(req).account('exbo').accessToken()).value)
    res.sendStatus(204)
  })
}

function person(number: number): EmulatedUser {
  const name = `User ${number}`
  return { id: `user-${number}`, name, email: `user-${number}@example.com`, exboId: firstExboId + number }
}

async function listen(app: express.Express): Promise<{ readonly server: Server; readonly origin: string }> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
  return { server, origin: `http://127.0.0.1:${port}` }
}

function recorder(lines: unknown[]): NonNullable<AppOptions['logger']> {
  const keep = (...line: readonly unknown[]): void => void lines.push(line)
  return { debug: keep, info: keep, warn: keep, error: keep }
}
