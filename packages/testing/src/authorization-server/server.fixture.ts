import { createHash } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { TestClock } from '../clock.ts'
import { UserAgent } from '../user-agent.ts'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from './server.ts'

/** Where the fixture's client is sent back to; nothing listens there. */
export const REDIRECT: string = 'http://127.0.0.1:9/callback'
/** A PKCE verifier. */
export const VERIFIER: string = 'v'.repeat(43)
/** Its S256 challenge. */
export const CHALLENGE: string = createHash('sha256').update(VERIFIER).digest('base64url')

/** Status and JSON of a token answer. */
export interface TokenAnswer {
  readonly status: number
  readonly body: Record<string, string>
}

/** A server with one client, and the steps of a client written out. */
export class Fixture {
  readonly as: AuthorizationServer
  readonly clock: TestClock
  readonly agent: UserAgent = new UserAgent()

  constructor(as: AuthorizationServer, clock: TestClock) {
    this.as = as
    this.clock = clock
  }

  authorizeUrl(params: Record<string, string | undefined> = {}): string {
    const url = new URL(this.as.endpoints.authorization)
    const all = { response_type: 'code', client_id: 'app', redirect_uri: REDIRECT, state: 's-1', ...params }
    for (const [name, value] of Object.entries(all))
      if (value !== undefined) url.searchParams.set(name, value)
    return url.href
  }

  /** The authorization response of a user who agrees. */
  async response(params: Record<string, string | undefined> = {}, user = 'Ada'): Promise<URLSearchParams> {
    const page = await this.agent.get(this.authorizeUrl(params))
    const answer = await this.agent.submit(page, { button: user, redirect: 'manual' })
    return new URL(answer.location ?? '').searchParams
  }

  async code(params: Record<string, string | undefined> = {}, user = 'Ada'): Promise<string> {
    return (await this.response(params, user)).get('code') ?? ''
  }

  async token(form: Record<string, string>, headers: Record<string, string> = {}): Promise<TokenAnswer> {
    const credentials = 'authorization' in headers ? {} : { client_id: 'app', client_secret: 'app-secret-1' }
    const response = await fetch(this.as.endpoints.token, {
      method: 'POST',
      body: new URLSearchParams({ ...credentials, ...form }),
      headers,
    })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  exchange(code: string, extra: Record<string, string> = {}): Promise<TokenAnswer> {
    return this.token({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, ...extra })
  }

  refresh(token: string | undefined): Promise<TokenAnswer> {
    return this.token({ grant_type: 'refresh_token', refresh_token: token ?? '' })
  }

  async signedIn(params: Record<string, string | undefined> = {}): Promise<Record<string, string>> {
    return (await this.exchange(await this.code(params))).body
  }

  /** The keys as a client fetches them. */
  async publishedKeys(): Promise<JWTVerifyGetKey> {
    const response = await fetch(this.as.endpoints.jwks)
    return createLocalJWKSet((await response.json()) as JSONWebKeySet)
  }

  /** Lets a test write `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.as.close()
  }

  async userinfo(accessToken: string | undefined): Promise<Response> {
    return fetch(this.as.endpoints.userinfo, { headers: { authorization: `Bearer ${accessToken}` } })
  }
}

/** Starts the server on a frozen clock. */
export async function fixture(options: Partial<AuthorizationServerOptions> = {}): Promise<Fixture> {
  const clock = new TestClock({ frozen: true })
  const clients = [{ clientId: 'app', clientSecret: 'app-secret-1', redirectUris: [REDIRECT] }]
  const as = await startAuthorizationServer({ clients, clock, ...options })
  return new Fixture(as, clock)
}
