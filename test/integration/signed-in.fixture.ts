import type { ApiAccess, LatchkeyError, RequestOAuth } from '@latchkey/express'
import type { UserAgent } from '@latchkey/testing'
import type { Express } from 'express'
import { expect } from 'vitest'
import { type Harness, type HarnessSetup, startHarness } from './harness.fixture.ts'

/** A harness that hands out the `req.oauth` of requests. */
export interface Holding extends Harness {
  /** The `req.oauth` of one more request of this browser. */
  oauthOf(browser: UserAgent): Promise<RequestOAuth>
}

/** A harness with a browser signed in, and the `req.oauth` of one of its requests. */
export interface SignedIn extends Holding {
  readonly visitor: UserAgent
  readonly oauth: RequestOAuth
  /** The vault has the newest access token of the authorization server, and its grant is alive. */
  expectVaultIsLive(user?: string): Promise<void>
}

/** Starts a harness whose `req.oauth` a test can take. */
export async function startHolding(setup: HarnessSetup = {}): Promise<Holding> {
  const held: RequestOAuth[] = []
  const harness = await startHarness({
    ...setup,
    routes: (app, ...rest) => {
      holdRoute(app, held)
      setup.routes?.(app, ...rest)
    },
  })
  const oauthOf = async (browser: UserAgent): Promise<RequestOAuth> => {
    await browser.get(`${harness.origin}/hold`)
    const oauth = held.pop()
    if (oauth === undefined) throw new Error('no req.oauth')
    return oauth
  }
  return { ...harness, oauthOf }
}

/** Starts a harness and signs Ada in, long enough ago that a refresh is not held back for being too soon. */
export async function startSignedIn(setup: HarnessSetup = {}): Promise<SignedIn> {
  const harness = await startHolding(setup)
  const visitor = await harness.signedIn()
  const oauth = await harness.oauthOf(visitor)
  await harness.clock.advance(11)
  const expectVaultIsLive = async (user = 'user-ada'): Promise<void> => {
    const isLive = async () => (await oauth.accessToken()).value === harness.as.liveFor(user)?.accessToken
    // A refresh ahead of expiry is saved a moment after the server has rotated.
    await expect.poll(isLive, { message: 'the vault has the newest access token' }).toBe(true)
    const live = harness.as.liveFor(user)
    expect({ revoked: live?.revoked, family: live?.familyRevoked }).toEqual({ revoked: false, family: false })
  }
  return { ...harness, visitor, oauth, expectVaultIsLive }
}

function holdRoute(app: Express, held: RequestOAuth[]): void {
  app.get('/hold', (req, res) => {
    held.push(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
    res.end()
  })
}

/** One call of an API, however it was made. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** What both ways of calling an API take. */
export interface CallInit {
  readonly method?: string
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** One way to call an API. */
export type Call = (oauth: ApiAccess, url: string, init?: CallInit) => Promise<Answer>

/** Through `req.oauth.fetch`. */
export const fetchCall: Call = async (oauth, url, init) => {
  const reply = await oauth.fetch(url, init as RequestInit) // wrong types are part of some tests
  return { status: reply.status, text: await reply.text(), headers: Object.fromEntries(reply.headers) }
}

const withRequest: Call = async (oauth, url, init) => {
  const reply = await oauth.request(url, init as Parameters<ApiAccess['request']>[1]) // as above
  return { status: reply.statusCode, text: await reply.body.text(), headers: reply.headers }
}

/** For `describe.each`: both ways. */
export const bothWays: readonly (readonly [name: 'fetch' | 'request', call: Call])[] = [
  ['fetch', fetchCall],
  ['request', withRequest],
]

/** The fields of the error that a promise is rejected with; fails when it is not. */
export async function failure(promise: Promise<unknown>): Promise<Partial<LatchkeyError>> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome, 'an error').toBeInstanceOf(Error)
  return outcome as Partial<LatchkeyError> // any error has some of the fields
}
