import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import {
  auth0,
  bitfount,
  exbo,
  memoryStore,
  latchkey as onExpress,
  type ProviderPreset,
  type RequestOAuth,
  spotify,
  trackmania,
} from '@latchkey/express'
import { latchkey as onFastify } from '@latchkey/fastify'
import { redisStore } from '@latchkey/redis'
import { type EmulatorName, type Emulators, startEmulators } from '@latchkey/testing'
import express from 'express'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'
import { redisIsMissing, startRedis } from '../redis-server.ts'

// The same story with every emulated provider, on every adapter, over every store.

/** A provider that signs users in, and a call to its API. */
interface Story {
  readonly preset: (emulators: Emulators) => ProviderPreset
  readonly url: string
  /** Seconds after which its access tokens have ended. */
  readonly lifetimeSeconds: number
}

const stories: Readonly<Record<Exclude<EmulatorName, 'nadeo'>, Story>> = {
  spotify: {
    preset: (emulators) => spotify(clientOf('SPOTIFY', emulators)),
    url: 'https://api.spotify.com/v1/me',
    lifetimeSeconds: 3_600,
  },
  exbo: {
    preset: (emulators) => exbo(clientOf('EXBO', emulators)),
    url: 'https://eapi.stalcraft.net/eu/characters',
    lifetimeSeconds: 31_536_000,
  },
  trackmania: {
    preset: (emulators) => trackmania({ ...clientOf('TRACKMANIA', emulators), scope: ['clubs'] }),
    url: 'https://api.trackmania.com/api/user/clubs',
    lifetimeSeconds: 3_600,
  },
  auth0: {
    preset: (emulators) => {
      const { domain, audience } = emulators.auth0
      return auth0({ domain, audience, ...clientOf('AUTH0', emulators) })
    },
    url: 'https://api.example.com/things',
    lifetimeSeconds: 86_400,
  },
  bitfount: {
    preset: (emulators) => bitfount({ clientId: clientOf('BITFOUNT', emulators).clientId }),
    url: 'https://hub.bitfount.com/api/pods',
    lifetimeSeconds: 86_400,
  },
}

function clientOf(name: string, { environment }: Emulators) {
  return {
    clientId: environment[`${name}_CLIENT_ID`],
    clientSecret: environment[`${name}_CLIENT_SECRET`],
  }
}

/** What the app does, whatever the framework. */
async function act(oauth: Pick<RequestOAuth, 'fetch' | 'user'>, url: string): Promise<object> {
  const [first] = await Promise.all(Array.from({ length: 5 }, () => oauth.fetch(url)))
  await first?.text()
  return { name: oauth.user?.name, status: first?.status }
}

const adapters = {
  async Express(options: Options, url: string) {
    const app = express()
    const server = app.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
    const auth = onExpress({ ...options, baseUrl: origin })
    onTestFinished(() => auth.close())
    app.use(auth)
    app.get('/act', auth.requireLogin(), async (req, res) => void res.json(await act(req.oauth, url)))
    app.use(auth.errorHandler)
    return origin
  },
  async Fastify(options: Options, url: string) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const auth = onFastify({ ...options, baseUrl: origin })
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(auth)
    app.setErrorHandler(auth.errorHandler)
    app.get('/act', { onRequest: auth.requireLogin() }, (request) => act(request.oauth, url))
    await app.listen({ host: '127.0.0.1', port })
    return origin
  },
}

type Options = Omit<Parameters<typeof onExpress>[0], 'baseUrl' | 'onLogin'>

async function storeOf(kind: 'memory' | 'Redis', clock: Emulators['clock']) {
  if (kind === 'memory') return memoryStore({ clock })
  const redis = await startRedis()
  onTestFinished(() => redis.close())
  return redisStore(new Redis(redis.url, { lazyConnect: true }))
}

describe.each(['Express', 'Fastify'] as const)('on %s', (adapter) => {
  describe.each(['memory', 'Redis'] as const)('over %s', (kind) => {
    it.skipIf(kind === 'Redis' && redisIsMissing).each(Object.entries(stories))(
      'signs in at %s, calls, refreshes once for everybody, asks again when the grant has ended, signs out',
      async (name, { preset, url, lifetimeSeconds }) => {
        const emulators = await startEmulators()
        onTestFinished(() => emulators.close())
        const { clock, dispatcher, marks } = emulators
        const lines: string[] = []
        const log = (fields: object, message: string): void =>
          void lines.push(message, JSON.stringify(fields))
        const options = {
          secret: randomBytes(32).toString('base64url'),
          providers: [preset(emulators)],
          store: await storeOf(kind, clock),
          // Longer than any token lives.
          signIn: { idleSeconds: 390 * 86_400, absoluteSeconds: 390 * 86_400 },
          ...{ clock, dispatcher, logger: { debug: log, info: log, warn: log, error: log } },
        }
        const origin = await adapters[adapter](options, url)
        const browser = emulators.browser()
        const { as } = emulators[name as keyof typeof stories]
        await browser.signIn(`${origin}/login/${name}`, { as: 'Ada' })
        const called = async (): Promise<unknown> => JSON.parse((await browser.get(`${origin}/act`)).text)
        const fine = { name: expect.stringMatching(/^ada$/i), status: 200 }
        expect(await called()).toEqual(fine)
        expect(as.mints).toMatchObject({ authorization_code: 1, refresh_token: 0 })

        await clock.advance(lifetimeSeconds + 1)
        expect(await called()).toEqual(fine)
        expect(as.mints.refresh_token).toBe(1)
        expect(as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])

        as.revokeGrant(as.grants().at(-1)?.grantId ?? '')
        await clock.advance(lifetimeSeconds + 1)
        const again = await browser.get(`${origin}/act`)
        expect(new URL(again.url).origin).toBe(realOrigin(emulators, as.origin))
        await browser.submit(again, { button: 'Ada' })
        expect(await called()).toEqual(fine)

        await browser.post(`${origin}/logout`, {}, { from: `${origin}/act` })
        const out = await browser.get(`${origin}/act`)
        expect(new URL(out.url).origin).toBe(realOrigin(emulators, as.origin))
        expect(marks.findIn(lines)).toEqual([])
      },
    )
  })
})

function realOrigin({ origins }: Emulators, local: string): string {
  return Object.entries(origins).find(([, server]) => server === local)?.[0] ?? ''
}
