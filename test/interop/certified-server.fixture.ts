import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { latchkey, oidc, type RequestOAuth } from '@latchkey/express'
import { type PageResponse, UserAgent } from '@latchkey/testing'
import express from 'express'

/** What the tests use of `oidc-provider`, which brings no types. */
interface CertifiedServer {
  readonly callback: () => RequestListener
  readonly on: (event: string, listener: (...details: readonly unknown[]) => void) => void
}

type CertifiedServerClass = new (issuer: string, configuration: object) => CertifiedServer

/** How the client is registered at the server, and how the app is set up to match. */
export interface Registration {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly preset: Partial<Parameters<typeof oidc>[0]>
  /** Private signature keys of the server as JWKs. */
  readonly serverKeys: readonly object[]
}

/** An app that signs in at a certified OpenID provider, and a browser. */
export interface InteropApp {
  readonly origin: string
  readonly issuer: string
  readonly browser: UserAgent
  /** Names of the server's events, such as `grant.success`, in order. */
  readonly events: readonly string[]
  /** Every line that the app logged, errors first. */
  readonly logged: readonly string[]
  signIn(path: string, browser?: UserAgent): Promise<PageResponse>
  oauthOf(browser: UserAgent): Promise<RequestOAuth>
  close(): Promise<void>
}

const clientId = 'interop client' // a space, so that the encoding of credentials shows
/** Everything that the server can sign ID tokens with. */
export const signatureAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'EdDSA',
  'HS256',
]
const noted = [
  'grant.success',
  'grant.error',
  'grant.revoked',
  'authorization.error',
  'refresh_token.consumed',
]

/** Starts the server and an Express app on loopback. Both use the system time. */
export async function startInterop({ metadata, preset, serverKeys }: Registration): Promise<InteropApp> {
  const app = express()
  const appServer = await listen(app)
  const origin = originOf(appServer)
  let handler: RequestListener = () => {}
  const asServer = await listen((request, response) => handler(request, response))
  const issuer = originOf(asServer)
  const certified = await certifiedServer(issuer, serverKeys, {
    client_id: clientId,
    redirect_uris: [`${origin}/callback/certified`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...metadata,
  })
  handler = certified.callback()
  const events: string[] = []
  for (const event of noted) certified.on(event, () => events.push(event))

  const logged: string[] = []
  const log = (fields: object, message: string): void =>
    void logged.push(`${JSON.stringify(fields)} ${message}`)
  const auth = latchkey({
    baseUrl: origin,
    providers: [
      oidc({
        id: 'certified',
        issuer,
        clientId,
        scope: ['openid', 'email', 'offline_access'],
        // This server issues refresh tokens only after a consent.
        params: { prompt: 'consent' },
        resourceOrigins: [issuer],
        revocation: 'token',
        ...preset,
      }),
    ],
    logger: { debug: log, info: log, warn: log, error: log },
  })
  const held: RequestOAuth[] = []
  app.use(auth)
  app.get('/me', auth.requireLogin(), async (req, res) => {
    const reply = await req.oauth.fetch(`${issuer}/me`)
    res.status(reply.status).json({ user: req.oauth.user, answer: await reply.text() })
  })
  app.get('/hold', (req, res) => {
    held.push(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
    res.end()
  })
  app.use(auth.errorHandler)
  const browser = new UserAgent()
  return {
    origin,
    issuer,
    browser,
    events,
    logged,
    signIn: async (path, agent = browser) => consent(agent, await agent.get(`${origin}${path}`)),
    oauthOf: async (agent) => {
      await agent.get(`${origin}/hold`)
      const oauth = held.pop()
      if (oauth === undefined) throw new Error('no req.oauth')
      return oauth
    },
    close: async () => {
      await Promise.all([closed(appServer), closed(asServer)])
      await auth.close()
    },
  }
}

/** Signs in as Ada and consents, with the server's own pages for development. */
export async function consent(browser: UserAgent, first: PageResponse): Promise<PageResponse> {
  let page = first
  if (page.text.includes('name="password"')) {
    page = await browser.submit(page, { button: 'Sign-in', fields: { login: 'ada', password: 'any' } })
  }
  return page.text.includes('value="consent"') ? browser.submit(page, { button: 'Continue' }) : page
}

/** A certified OpenID provider with one client; `features` are switched on beside revocation. */
export async function certifiedServer(
  issuer: string,
  keys: readonly object[],
  client: Readonly<Record<string, unknown>>,
  features: Readonly<Record<string, { readonly enabled: true }>> = {},
): Promise<CertifiedServer> {
  const name: string = 'oidc-provider'
  const { default: Provider } = (await import(name)) as { default: CertifiedServerClass } // it brings no types
  return new Provider(issuer, {
    clients: [client],
    jwks: { keys },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    enabledJWA: { idTokenSigningAlgValues: signatureAlgorithms },
    features: { revocation: { enabled: true }, devInteractions: { enabled: true }, ...features },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    ttl: {
      AccessToken: 3_600,
      IdToken: 3_600,
      RefreshToken: 86_400,
      Session: 86_400,
      Grant: 86_400,
      Interaction: 600,
    },
    cookies: { keys: ['only for tests'] },
    findAccount: (_context: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true }),
    }),
  })
}

/** A server on any free port of 127.0.0.1. */
export async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** Where such a server listens. */
export function originOf(server: Server): string {
  const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
  return `http://127.0.0.1:${port}`
}

/** Ends such a server at once. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
