import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import {
  type Latchkey,
  type LatchkeyOptions,
  type Logger,
  type OAuth2Options,
  oauth2,
  oidc,
  type ProviderPreset,
} from '@latchkey/express'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  type ForeignServer,
  type ResourceServer,
  SecretMarks,
  startAuthorizationServer,
  startForeignServer,
  startResourceServer,
  TestClock,
  UserAgent,
} from '@latchkey/testing'
import type { Express } from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { startExpress, startFastify } from './harness-app.fixture.ts'

/** What a test sets up differently. */
export interface HarnessSetup {
  /** An OpenID provider with discovery and ID tokens instead of plain OAuth. */
  readonly openid?: boolean
  /** Fields of the preset. */
  readonly provider?: Partial<OAuth2Options<'example'>>
  readonly server?: Partial<AuthorizationServerOptions>
  readonly options?: Partial<LatchkeyOptions<'example'>>
  /** Time stands still but for `clock.advance`. */
  readonly frozen?: boolean
  /** Of `startServers`, for several processes of the same app. Absent: its own. */
  readonly servers?: HarnessServers
  /** Providers beside `example`. */
  readonly others?: readonly ProviderPreset[]
  /** Runs before `app.use(auth)`. */
  readonly before?: (app: Express) => void
  /** The app's own routes beside those of the harness. */
  readonly routes?: (app: Express, auth: Latchkey<'example'>, harness: HarnessServers) => void
}

/** The servers around the app. */
export interface HarnessServers {
  readonly as: AuthorizationServer
  readonly rs: ResourceServer
  /** An origin that no token may ever reach. */
  readonly evil: ForeignServer
  readonly clock: TestClock
}

/** An app under test, real servers around it, and a browser. */
export interface Harness extends HarnessServers {
  readonly origin: string
  readonly auth: Latchkey<'example'>
  readonly browser: UserAgent
  /** Every line that Latchkey logged, at every level. */
  readonly logged: readonly LogLine[]
  /** Every error that reached the end of the app. */
  readonly errors: readonly unknown[]
  /** Everything that the app sent to browsers: headers and bodies. */
  readonly sent: readonly string[]
  /** Another browser, without cookies. */
  newBrowser(): UserAgent
  /** Signs a browser in and returns it. */
  signedIn(name?: string): Promise<UserAgent>
  close(): Promise<void>
}

/** One line of the log. */
export interface LogLine {
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

const running: Harness[] = []
const runningServers: HarnessServers[] = []

afterEach(async () => {
  const finished = running.splice(0)
  for (const harness of finished) await harness.close()
  for (const { as, rs, evil } of runningServers.splice(0)) {
    await Promise.all([as.close(), rs.close(), evil.close()])
  }
  for (const harness of finished) expectNoLeak(harness)
})

/**
 * Starts an authorization server, a resource server, a foreign server and an app with Latchkey on loopback. It is an
 * Express app, or a Fastify app where the variable LATCHKEY_TEST_FRAMEWORK says `fastify`.
 * The app has: `/` (buttons), `/me` (guarded; calls the resource server), `/whoami` (open; what req.oauth says).
 * After each test everything is closed, and every secret of the authorization server is searched in what the app
 * logged, threw and sent.
 */
export async function startHarness(setup: HarnessSetup = {}): Promise<Harness> {
  const serving = await start()
  const { origin } = serving
  const servers = setup.servers ?? (await startServers(setup))
  const { as, rs, clock } = servers
  as.registerRedirectUri(`${origin}/callback/example`)
  const logged: LogLine[] = []
  const errors: unknown[] = []
  const sent: string[] = []
  serving.server.prependListener('request', (_req, res) => record(res, sent))
  const options = {
    baseUrl: origin,
    providers: [providerOf(setup, as, rs), ...(setup.others ?? [])],
    clock,
    logger: recorder(logged),
    ...setup.options,
  } as LatchkeyOptions<'example'> // spreading partial options loses that the required ones are there
  const auth = await serving.use({
    options,
    before: (app) => setup.before?.(app),
    routes(app, made) {
      setup.routes?.(app, made, servers)
      addRoutes(app, made, rs)
    },
    onError: (error) => errors.push(error),
  })
  const harness: Harness = {
    ...servers,
    origin,
    auth,
    browser: new UserAgent({ clock }),
    logged,
    errors,
    sent,
    newBrowser: () => new UserAgent({ clock }),
    signedIn: async (name = 'Ada') => {
      const browser = new UserAgent({ clock })
      const page = await browser.signIn(`${origin}/login/example`, { as: name })
      expect(page.status).toBeLessThan(500)
      return browser
    },
    close: async () => {
      serving.server.closeAllConnections()
      await serving.close()
      await auth.close()
    },
  }
  running.push(harness)
  return harness
}

/** Whether this run is about Fastify. */
export const isFastify: boolean = process.env.LATCHKEY_TEST_FRAMEWORK === 'fastify'
const none = (): void => {}
/** For what only Express has. Nothing is skipped on Fastify: it is not there. */
export const itOnExpress: Pick<typeof it, 'each'> & ((name: string, test: () => Promise<void>) => void) =
  isFastify ? (Object.assign(none, { each: () => none }) as never) : it
/** The same for several. */
export const describeOnExpress: (name: string, tests: () => void) => void = isFastify ? none : describe
const start = isFastify ? startFastify : startExpress

/** Starts the servers around an app. They stop at the end of the test. */
export async function startServers(
  setup: Pick<HarnessSetup, 'openid' | 'server' | 'frozen'> = {},
): Promise<HarnessServers> {
  const clock = new TestClock({ frozen: setup.frozen ?? false })
  const marks = new SecretMarks()
  const client = {
    clientId: 'example-client',
    clientSecret: 'example-client-secret',
    redirectUris: [],
  }
  const oidc = setup.openid ?? false
  const as = await startAuthorizationServer({ clients: [client], clock, marks, oidc, ...setup.server })
  const rs = await startResourceServer({ accepts: (token) => claimsOf(as, token), clock, marks: as.marks })
  const servers = { as, rs, clock, evil: await startForeignServer({ marks: as.marks }) }
  runningServers.push(servers)
  return servers
}

/**
 * Searches every secret that the authorization server minted in everything that left the app, and every cookie that
 * the app made in what it logged and threw.
 */
export function expectNoLeak({ as, logged, errors, sent, evil }: Harness): void {
  const log = inspect(logged, { depth: Infinity })
  expect(as.marks.findIn(log), 'secrets in the log').toEqual([])
  for (const error of errors) expect(as.marks.findIn(error), 'secrets in an error').toEqual([])
  expect(as.marks.findIn(sent.join('\n')), 'secrets sent to browsers').toEqual([])
  expect(as.marks.findIn(Buffer.from(evil.received)), 'secrets at a foreign origin').toEqual([])
  const told = log + errors.map((error) => inspect(error, { depth: Infinity, showHidden: true })).join('\n')
  expect(cookiesIn(sent).filter((value) => told.includes(value)).length, 'cookies in the log').toBe(0)
}

/** What our cookies hold, and each part of it that a dot sets apart. */
function cookiesIn(sent: readonly string[]): readonly string[] {
  const values = sent.flatMap((text) => [...text.matchAll(/(?:latchkey|lk\.t)[^=";]*=([^";]+)/g)])
  const secrets = values.flatMap(([, value = '']) => [value, ...value.split('.')])
  return [...new Set(secrets)].filter((secret) => secret.length >= 20)
}

/** The lines of the log that name this event. */
export function events(harness: Harness, event: string): readonly LogLine[] {
  return harness.logged.filter((line) => line.fields.event === event)
}

function providerOf(setup: HarnessSetup, as: AuthorizationServer, rs: ResourceServer) {
  const common = {
    id: 'example' as const,
    clientId: 'example-client',
    clientSecret: 'example-client-secret',
    resourceOrigins: [rs.origin],
  }
  if (setup.openid === true)
    return oidc({ ...common, issuer: as.issuer, scope: ['openid', 'email'], ...setup.provider })
  return oauth2({
    ...common,
    authorizationEndpoint: as.endpoints.authorization,
    tokenEndpoint: as.endpoints.token,
    revocationEndpoint: as.endpoints.revocation,
    userinfo: as.endpoints.userinfo,
    scope: ['read'],
    ...setup.provider,
  })
}

function claimsOf(as: AuthorizationServer, token: string): { readonly sub: string } | undefined {
  const grant = as.introspect(token)
  return grant && { sub: grant.userId ?? grant.clientId }
}

function addRoutes(app: Express, auth: Latchkey<'example'>, rs: ResourceServer): void {
  app.get('/', (_req, res) => void res.send(auth.buttons()))
  app.get('/me', auth.requireLogin(), async (req, res) => {
    const reply = await req.oauth.fetch(`${rs.origin}/me`)
    res.status(reply.status).json({ user: req.oauth.user?.id, answer: await reply.text() })
  })
  app.get('/whoami', (req, res) => {
    res.json({ isAuthenticated: req.oauth.isAuthenticated, user: req.oauth.user?.id ?? null })
  })
}

/** Copies what a response sends, headers included. */
function record(res: ServerResponse, sent: string[]): void {
  const end = res.end.bind(res)
  const write = res.write.bind(res)
  const writeHead = res.writeHead.bind(res)
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array)
      sent.push(Buffer.from(chunk as string).toString('utf8'))
  }
  res.writeHead = ((status: number, ...rest: never[]) => {
    sent.push(JSON.stringify(rest))
    return writeHead(status, ...rest)
  }) as ServerResponse['writeHead'] // overloads cannot be written as one function
  res.write = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk)
    return write(chunk, ...rest)
  }) as ServerResponse['write'] // as above
  res.end = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk)
    sent.push(JSON.stringify(res.getHeaders()))
    return end(chunk as never, ...rest)
  }) as ServerResponse['end'] // as above
}

function recorder(lines: LogLine[]): Logger {
  const at =
    (level: string): Logger['info'] =>
    (fields, message) => {
      lines.push({ level, fields, message })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
