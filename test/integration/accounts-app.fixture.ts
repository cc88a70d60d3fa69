import { type Latchkey, type LatchkeyOptions, oauth2, type ProviderPreset } from '@latchkey/express'
import {
  type AuthorizationServer,
  type PageResponse,
  type ResourceServer,
  startAuthorizationServer,
  startResourceServer,
  type UserAgent,
} from '@latchkey/testing'
import type { Express, Request } from 'express'
import { afterEach, expect } from 'vitest'
import { type HarnessServers, type HarnessSetup, startServers } from './harness.fixture.ts'
import { locationOf } from './login-steps.fixture.ts'
import { type Holding, startHolding } from './signed-in.fixture.ts'

/** The servers around an app whose users have accounts at two providers. */
export interface AccountServers extends HarnessServers {
  /** The authorization server of the providers beside `example`. */
  readonly other: AuthorizationServer
  /** Its API. */
  readonly otherApi: ResourceServer
}

/** What a test sets up differently. */
export interface AccountsSetup extends HarnessSetup {
  readonly servers?: AccountServers
  /** Fields of the presets beside `example`. */
  readonly otherProvider?: Partial<ProviderPreset>
}

/** An app with the providers `example`, `other` and `third`; the latter two are clients of the same server. */
export interface AccountsApp extends Holding, AccountServers {}

/** What `/accounts` says of a browser. */
export interface ShownAccounts {
  readonly userId: string | null
  /** The id of the user that signed in, at its provider. */
  readonly user: string | null
  /** `<provider>:<id>` of each. */
  readonly accounts: readonly string[]
}

const running: AccountServers[] = []

afterEach(async () => {
  for (const { other, otherApi } of running.splice(0)) await Promise.all([other.close(), otherApi.close()])
})

/** Starts both authorization servers and their APIs. They stop at the end of the test. */
export async function startAccountServers(setup: AccountsSetup = {}): Promise<AccountServers> {
  const servers = await startServers(setup)
  const { clock } = servers
  const { marks } = servers.as
  const clients = ['other', 'third'].map((id) => ({
    clientId: `${id}-client`,
    clientSecret: `${id}-client-secret`,
    redirectUris: [],
  }))
  const other = await startAuthorizationServer({ clients, clock, marks })
  const accepts = (token: string) => {
    const grant = other.introspect(token)
    return grant && { sub: grant.userId }
  }
  const otherApi = await startResourceServer({ accepts, clock, marks })
  const all = { ...servers, other, otherApi }
  running.push(all)
  return all
}

/** Starts the app. Revoking a token ends that token's grant and no other. */
export async function startAccountsApp(setup: AccountsSetup = {}): Promise<AccountsApp> {
  const servers = setup.servers ?? (await startAccountServers(setup))
  const { other, otherApi } = servers
  const others = ['other', 'third'].map((id) => ({
    ...oauth2({
      id,
      clientId: `${id}-client`,
      clientSecret: `${id}-client-secret`,
      authorizationEndpoint: other.endpoints.authorization,
      tokenEndpoint: other.endpoints.token,
      revocationEndpoint: other.endpoints.revocation,
      userinfo: other.endpoints.userinfo,
      scope: ['basic'],
      resourceOrigins: [otherApi.origin],
      revocation: 'token',
    }),
    ...setup.otherProvider,
  }))
  const holding = await startHolding({
    ...setup,
    servers,
    provider: { revocation: 'token', ...setup.provider },
    others: [...others, ...(setup.others ?? [])],
    routes: (app, auth, ...rest) => {
      addRoutes(app, auth as unknown as Latchkey, servers) // it has more providers than its type says
      setup.routes?.(app, auth, ...rest)
    },
  })
  for (const id of ['other', 'third']) {
    other.registerRedirectUri(`${holding.origin}/callback/${id}`, `${id}-client`)
  }
  return { ...holding, ...servers }
}

/** Options of an app whose users keep their accounts. */
export const keeping: Partial<LatchkeyOptions<'example'>> = { keepAccounts: true }

/**
 * `/accounts` says who is signed in with which accounts, `/link/:provider` links one, `/needs/:provider/:scope` is
 * guarded and says what was granted, `/ask/:provider/:scope` asks for it, `/api/:provider` calls the API, and a form
 * takes an account out of the session or ends all sessions of the user.
 */
function addRoutes(app: Express, auth: Latchkey, { rs, otherApi }: AccountServers): void {
  app.get('/accounts', ({ oauth }, res) => {
    const accounts = oauth.accounts.map(({ provider, id }) => `${provider}:${id}`)
    res.json({ userId: oauth.userId ?? null, user: oauth.user?.id ?? null, accounts })
  })
  app.all('/link/:provider', ({ oauth, params }) =>
    oauth.login({ provider: idOf(params.provider), link: true, returnTo: '/accounts' }),
  )
  app.all(
    '/needs/:provider{/:scope}',
    (req, res, next) => {
      const { provider, scope } = req.params
      const requirement = { provider, ...(scope === undefined ? {} : { scope: [scope] }) }
      return auth.requireLogin(requirement as { provider: string })(req, res, next) // segments of the path are text
    },
    async ({ oauth, params }, res) => {
      res.json((await oauth.account(idOf(params.provider)).status()).scope)
    },
  )
  app.all('/ask/:provider/:scope', ({ oauth, params }) =>
    oauth.login({ provider: idOf(params.provider), scope: [String(params.scope)], returnTo: '/accounts' }),
  )
  app.get('/api/:provider{/:id}', async ({ oauth, params }, res) => {
    const account = oauth.account(idOf(params.provider), params.id as string | undefined) // one segment of the path
    const reply = await account.fetch(`${params.provider === 'example' ? rs.origin : otherApi.origin}/me`)
    res.status(reply.status).send(await reply.text())
  })
  app.post('/disconnect/:provider{/:id}', async ({ oauth, params }, res) => {
    await oauth.account(idOf(params.provider), params.id as string | undefined).disconnect() // as above
    res.json(oauth.accounts.map(({ provider, id }) => `${provider}:${id}`))
  })
  app.post('/everywhere', ({ oauth }) => oauth.logout({ everywhere: true, returnTo: '/accounts' }))
}

/** The app's `auth` for any id. */
export function authOf({ auth }: AccountsApp): Latchkey {
  return auth as unknown as Latchkey // it has more providers than its type says
}

/** Whatever ids another program registered. */
export function idOf(provider: unknown): Parameters<Request['oauth']['account']>[0] {
  return provider as Parameters<Request['oauth']['account']>[0]
}

/** What the app says of a browser. */
export async function accountsOf({ origin }: AccountsApp, browser: UserAgent): Promise<ShownAccounts> {
  const page = await browser.get(`${origin}/accounts`)
  expect(page.status).toBe(200)
  return JSON.parse(page.text) as ShownAccounts // our own route
}

/** Presses the button of a link's or consent's page, and stops at the authorization server's consent page. */
export function pressContinue(
  browser: UserAgent,
  page: PageResponse,
  provider = 'other',
): Promise<PageResponse> {
  return browser.submit(page, { button: `Continue to ${provider}` })
}

/** Begins a link of the account of `as`, and stops with the callback URL that the browser would open next. */
export async function beginLink(
  { origin }: AccountsApp,
  browser: UserAgent,
  as: string,
  provider = 'other',
): Promise<string> {
  const consent = await pressContinue(browser, await browser.get(`${origin}/link/${provider}`), provider)
  return locationOf(await browser.submit(consent, { button: as, redirect: 'manual' }))
}

/** Links the account of `as`. */
export async function link(
  app: AccountsApp,
  browser: UserAgent,
  as: string,
  provider = 'other',
): Promise<PageResponse> {
  return browser.get(await beginLink(app, browser, as, provider), { from: app.other.origin })
}
