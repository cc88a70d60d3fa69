import {
  type KeptAuthorization,
  LatchkeyError,
  OAuthClient,
  type OAuthClientOptions,
  type ProviderPreset,
} from '@latchkey/core'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
  TestClock,
  UserAgent,
} from '@latchkey/testing'
import { expect, onTestFinished } from 'vitest'

/** Where nobody listens: the browser of these tests stops before it. */
export const redirectUri = 'http://127.0.0.1:9/callback'

const client = { clientId: 'app', clientSecret: 'secret-of-app-at-least-32-bytes-long' }

/** What may not hold a secret when a test ends: every line that was logged, and every error that was thrown. */
export class Watch {
  readonly seen: unknown[] = []
  readonly logger: NonNullable<OAuthClientOptions['logger']>

  constructor() {
    const write = (...line: unknown[]): void => void this.seen.push(line)
    this.logger = { debug: write, info: write, warn: write, error: write }
  }

  /** The error of a call that must fail. */
  async failure(call: Promise<unknown>): Promise<LatchkeyError> {
    const error = await call.then(
      () => new Error('The call was expected to fail.'),
      (thrown: unknown) => thrown,
    )
    this.seen.push(error)
    if (LatchkeyError.is(error)) return error
    throw error
  }
}

/** A clock that tells what the client waits for. */
export class WatchedClock extends TestClock {
  /** Of the timer that was set last. */
  lastDelayMs = 0

  override after(delayMs: number, run: () => void): () => void {
    this.lastDelayMs = delayMs
    return super.after(delayMs, run)
  }
}

/** A client on its own, whose logs and errors are searched for secrets when the test ends. */
export function standalone(
  provider: ProviderPreset,
  server: { readonly marks: AuthorizationServer['marks'] },
  options: OAuthClientOptions = {},
): { readonly client: OAuthClient; readonly watch: Watch } {
  const watch = new Watch()
  const made = new OAuthClient(provider, { logger: watch.logger, ...options })
  onTestFinished(async () => {
    await made.close()
    expect(server.marks.findIn([made, ...watch.seen])).toEqual([])
  })
  return { client: made, watch }
}

/** A running authorization server with one client, and the options that lead a preset there. */
export async function startServer(options: Partial<AuthorizationServerOptions> = {}): Promise<{
  readonly as: AuthorizationServer
  readonly clock: WatchedClock
  readonly credentials: typeof client
  readonly endpoints: {
    readonly authorizationEndpoint: string
    readonly tokenEndpoint: string
    readonly revocationEndpoint: string
    readonly deviceAuthorizationEndpoint: string
    readonly userinfo: string
  }
}> {
  const clock = new WatchedClock()
  const clients = [{ ...client, redirectUris: [redirectUri] }]
  const as = await startAuthorizationServer({ clients, clock, ...options })
  onTestFinished(() => as.close())
  const { authorization, token, revocation, deviceAuthorization, userinfo } = as.endpoints
  const endpoints = {
    authorizationEndpoint: authorization,
    tokenEndpoint: token,
    revocationEndpoint: revocation,
    deviceAuthorizationEndpoint: deviceAuthorization,
    userinfo,
  }
  return { as, clock, credentials: client, endpoints }
}

/** The callback URL that a person's browser is led to, after they chose on the consent page. */
export async function callbackOf(
  pending: KeptAuthorization & { readonly url: string },
  button = 'Ada',
): Promise<string> {
  const browser = new UserAgent()
  const page = await browser.get(pending.url)
  const { location } = await browser.submit(page, { button, redirect: 'manual' })
  if (location === undefined) throw new Error('The server did not redirect.')
  return location
}
