import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { exbo, latchkey, type RequestOAuth, spotify } from '@latchkey/express'
import { type Emulators, startEmulators } from '@latchkey/testing'
import express from 'express'
import { afterEach, expect } from 'vitest'

/** An app as its author writes it for the real providers, and what a test of it has. */
export interface OwnApp {
  readonly emulators: Emulators
  readonly origin: string
  /** The `req.oauth` of the newest request to `/`. */
  readonly oauth: () => RequestOAuth
  readonly close: () => Promise<void>
}

const running: OwnApp[] = []
const logged: unknown[] = []

afterEach(async () => {
  for (const app of running.splice(0)) {
    await app.close()
    const said = inspect(logged.splice(0), { depth: Infinity })
    expect(app.emulators.marks.findIn(said), 'secrets in the log').toEqual([])
  }
})

/** Starts the app with client ids of its own; the presets are the real ones but for the scope and a friend's API. */
export async function startOwnApp(): Promise<OwnApp> {
  const emulators = await startEmulators()
  const app = express()
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
  const origin = `http://127.0.0.1:${port}`
  const resourceOrigins = ['https://api.spotify.com', 'https://friend.example']
  const auth = latchkey({
    baseUrl: origin,
    providers: [
      spotify({
        clientId: 'my-app',
        clientSecret: 'my-own-secret',
        scope: ['user-top-read'],
        resourceOrigins,
      }),
      exbo({ clientId: '4711', clientSecret: 'my-exbo-secret' }),
    ],
    dispatcher: emulators.dispatcher,
    clock: emulators.clock,
    logger: recorder(logged),
  })
  const held: RequestOAuth[] = []
  app.use(auth)
  app.get('/', (req, res) => {
    held.push(req.oauth as unknown as RequestOAuth) // whatever ids another program registered
    res.json(req.oauth.user ?? null)
  })
  app.use(auth.errorHandler)
  const oauth = (): RequestOAuth => {
    const newest = held.at(-1)
    if (newest === undefined) throw new Error('no request yet')
    return newest
  }
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await auth.close()
    await emulators.close()
  }
  const own = { emulators, origin, oauth, close }
  running.push(own)
  return own
}

function recorder(lines: unknown[]): NonNullable<Parameters<typeof latchkey>[0]['logger']> {
  const keep = (...line: readonly unknown[]): void => void lines.push(line)
  return { debug: keep, info: keep, warn: keep, error: keep }
}
