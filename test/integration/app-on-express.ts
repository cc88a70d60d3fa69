import { createServer, type Server } from 'node:http'
import { latchkey, type RequestOAuth } from '@latchkey/express'
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import type { CommonOptions, RunningApp } from './app-program.ts'
import { type AppRoute, appRoutes, type Visit } from './app-routes.ts'

/** The app on Express. */
export async function startOnExpress(
  options: CommonOptions,
  resourceUrl: string,
  onError: (error: unknown) => void,
): Promise<RunningApp> {
  const app = express()
  app.get('/healthz', (_req, res) => void res.json({ pid: process.pid }))
  const auth = latchkey<'example' | 'other'>(options)
  app.use(auth)
  for (const route of appRoutes(auth, resourceUrl)) mount(app, route, auth.requireLogin())
  const report: ErrorRequestHandler = (error, _req, _res, next) => {
    onError(error)
    next(error)
  }
  app.use(report, auth.errorHandler)
  return {
    server: await listening(app),
    createSession: (session) => auth.createSession(session),
    close: () => auth.close(),
  }
}

/** A server for an Express app that a herd can visit. */
export async function listening(app: Express): Promise<Server> {
  const server = createServer(app)
  // Longer than between two herds: a connection that ends just when it is used again would fail a request.
  server.keepAliveTimeout = 120_000
  // As many as a herd sends at once.
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 }, resolve))
  return server
}

function mount(
  app: Express,
  { method, path, isGuarded, answer }: AppRoute,
  guard: express.RequestHandler,
): void {
  const route = app.route(path)
  const add = { GET: route.get, POST: route.post, ALL: route.all }[method].bind(route)
  add(...(isGuarded ? [guard] : []), async (req: Request, res: Response) => {
    const answered = await answer(visitOf(req, res))
    if (answered === undefined) return
    res.status(answered.status ?? 200)
    if ('json' in answered) res.json(answered.json)
    else res.send(answered.text)
  })
}

function visitOf(req: Request, res: Response): Visit {
  return {
    oauth: req.oauth as unknown as RequestOAuth, // whatever ids another program registered
    get data() {
      const { cookie: _, ...data } = req.session
      return data
    },
    put: (name, value) => void Reflect.set(req.session, name, value),
    params: req.params as Readonly<Record<string, string | undefined>>, // no path has a wildcard
    header: (name) => req.get(name),
    onLeave: (run) => void res.once('close', run),
  }
}
