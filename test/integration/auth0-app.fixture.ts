import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  auth0,
  bitfount,
  LatchkeyError,
  type LatchkeyOptions,
  latchkey,
  memoryStore,
  type RequestOAuth,
  type Store,
  type User,
} from '@latchkey/express'
import { latchkey as onFastify } from '@latchkey/fastify'
import { redisStore } from '@latchkey/redis'
import { type Emulators, startEmulators, type UserAgent } from '@latchkey/testing'
import express from 'express'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { redisOfTest } from './apps.fixture.ts'

/** Where browsers find the app. */
export const appOrigin = 'https://app.example'

/** The API of each provider. */
export const apiUrl = {
  auth0: 'https://api.example.com/seats',
  bitfount: 'https://hub.bitfount.com/api/seats',
} as const

/** What the app's one guarded route answers: who is signed in, and what became of a call. */
export interface Called {
  readonly user: User
  /** What the API answered, with a `location` where it is a redirect, or the code of the error that was thrown instead. */
  readonly answer: Readonly<Record<string, unknown>> | string
}

/** An app that signs in at Auth0 and at Bitfount, on either framework and store. */
export class Auth0App {
  readonly emulators: Emulators<'auth0' | 'bitfount'>
  readonly browser: UserAgent

  /** Calls that the app makes right now. */
  readonly underWay: () => number

  constructor(emulators: Auth0App['emulators'], origin: string, underWay: () => number) {
    this.emulators = emulators
    this.underWay = underWay
    this.browser = emulators.browser({ origins: { [appOrigin]: origin } })
  }

  /** The page that calls an API, however it ends. */
  page(url: string): ReturnType<UserAgent['get']> {
    return this.browser.get(`${appOrigin}/call?url=${encodeURIComponent(url)}`)
  }

  /** What that page says, where it is reached. */
  async call(url: string): Promise<Called> {
    const { status, text } = await this.page(url)
    expect([status, text]).toEqual([200, expect.stringMatching(/^\{/)])
    return JSON.parse(text) as Called // of the app's own route
  }
}

/** Starts the app. When the test ends, no secret may stand in what it logged, nor in what its errors say. */
export async function startAuth0App(
  framework: 'Express' | 'Fastify',
  kind: 'memory' | 'Redis',
): Promise<Auth0App> {
  const emulators = await startEmulators({ only: ['auth0', 'bitfount'] })
  onTestFinished(() => emulators.close())
  const { clock, dispatcher, environment, marks } = emulators
  const lines: unknown[] = []
  const log = (...line: unknown[]): void => void lines.push(line)
  onTestFinished(() => expect(marks.findIn(lines)).toEqual([]))
  const options = {
    baseUrl: appOrigin,
    secret: randomBytes(32).toString('base64url'),
    providers: [
      auth0({
        domain: emulators.auth0.domain,
        audience: emulators.auth0.audience,
        clientId: environment.AUTH0_CLIENT_ID,
        clientSecret: environment.AUTH0_CLIENT_SECRET,
      }),
      bitfount({ clientId: environment.BITFOUNT_CLIENT_ID }),
    ],
    store: await storeOf(kind, emulators),
    logger: { debug: log, info: log, warn: log, error: log },
    ...{ clock, dispatcher },
  }
  let underWay = 0
  const call = async (oauth: Caller, url: string): Promise<Called> => {
    underWay += 1
    const fetched = oauth.fetch(url).finally(() => {
      underWay -= 1
    })
    const answer = await fetched.then(answerOf, (error: unknown) => {
      lines.push(error)
      if (LatchkeyError.is(error) && error.code !== 'login_required') return error.code
      throw error
    })
    return { user: oauth.requireUser(), answer }
  }
  const start = framework === 'Express' ? startExpress : startFastify
  return new Auth0App(emulators, await start(options, call), () => underWay)
}

async function answerOf(reply: Response): Promise<Called['answer']> {
  const { status, headers } = reply
  const text = await reply.text()
  const body: object = text.startsWith('{') ? JSON.parse(text) : {}
  return { status, location: headers.get('location'), ...body }
}

async function storeOf(kind: 'memory' | 'Redis', { clock }: Emulators<'auth0'>): Promise<Store> {
  if (kind === 'memory') return memoryStore({ clock })
  const server = await redisOfTest()
  return redisStore(new Redis(server.url, { lazyConnect: true }))
}

type Options = Pick<
  LatchkeyOptions<'auth0' | 'bitfount'>,
  'baseUrl' | 'secret' | 'providers' | 'store' | 'logger' | 'clock' | 'dispatcher'
>
type Caller = Pick<RequestOAuth, 'fetch' | 'requireUser'>
type Call = (oauth: Caller, url: string) => Promise<Called>

/** @returns where it listens */
async function startExpress(options: Options, call: Call): Promise<string> {
  const app = express()
  const auth = latchkey(options)
  onTestFinished(() => auth.close())
  app.use(auth)
  app.get('/call', auth.requireLogin(), async (req, res) => {
    res.json(await call(req.oauth, String(req.query.url)))
  })
  app.use(auth.errorHandler)
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // a string is for pipes
}

/** @returns where it listens */
async function startFastify(options: Options, call: Call): Promise<string> {
  const app = Fastify()
  const auth = onFastify(options)
  await app.register(auth)
  app.get<{ Querystring: { url: string } }>('/call', { onRequest: auth.requireLogin() }, (request) =>
    call(request.oauth, request.query.url),
  )
  app.setErrorHandler(auth.errorHandler)
  onTestFinished(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}
