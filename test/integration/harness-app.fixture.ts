import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Latchkey, type LatchkeyOptions, latchkey } from '@latchkey/express'
import { latchkey as latchkeyForFastify } from '@latchkey/fastify'
import express, { type ErrorRequestHandler, type Express } from 'express'
import Fastify from 'fastify'
import { ExpressRoutes } from './express-routes-on-fastify.fixture.ts'

/** What an app under test consists of. */
export interface HarnessApp {
  readonly options: LatchkeyOptions<'example'>
  /** Before Latchkey is there. */
  readonly before: (app: Express) => void
  readonly routes: (app: Express, auth: Latchkey<'example'>) => void
  /** Gets every error that reaches the end of the app. */
  readonly onError: (error: unknown) => void
}

/** An app that serves, and has nothing to serve yet. */
export interface Serving {
  readonly server: Server
  readonly origin: string
  use(app: HarnessApp): Promise<Latchkey<'example'>>
  close(): Promise<void>
}

/** An Express app. */
export async function startExpress(): Promise<Serving> {
  const app = express()
  app.set('env', 'test')
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    origin: originOf(server),
    async use({ options, before, routes, onError }) {
      const auth = latchkey(options)
      before(app)
      app.use(auth)
      routes(app, auth)
      const report: ErrorRequestHandler = (error, _req, _res, next) => {
        onError(error)
        next(error)
      }
      app.use(report, auth.errorHandler)
      return auth
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** A Fastify app with the same routes. */
export async function startFastify(): Promise<Serving> {
  // The address must be known before the routes are, which Fastify wants before it listens.
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const app = Fastify({
    serverFactory(handler) {
      return holder.on('request', handler)
    },
    routerOptions: { maxParamLength: 5_000 },
  })
  // As Express does: any body is taken, and an answer to an unknown path repeats no query.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('There is no such page.'))
  return {
    server: holder,
    origin: originOf(holder),
    async use({ options, before, routes, onError }) {
      const made = latchkeyForFastify(options as never) // no test here has an onLogin that looks at its request
      const guards = new Set<unknown>()
      const requireLogin: typeof made.requireLogin = (...args) => {
        const guard = made.requireLogin(...args)
        guards.add(guard)
        return guard
      }
      // What the tests use of it is the same.
      const auth = Object.create(made, {
        requireLogin: { value: requireLogin },
      }) as unknown as Latchkey<'example'>
      before(new ExpressRoutes(app, guards, { isBefore: true }) as unknown as Express)
      await app.register(made)
      routes(new ExpressRoutes(app, guards, { isBefore: false }) as unknown as Express, auth)
      app.setErrorHandler((error, request, reply) => {
        onError(error)
        return made.errorHandler(error, request, reply)
      })
      await app.ready()
      return auth
    },
    close: () => app.close(),
  }
}

function originOf(server: Server): string {
  const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
  return `http://127.0.0.1:${port}`
}
