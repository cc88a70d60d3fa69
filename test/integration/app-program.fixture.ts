import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import {
  type Latchkey,
  type Logger,
  latchkey,
  type NewSession,
  oauth2,
  type RequestOAuth,
} from '@latchkey/express'
import { TestClock } from '@latchkey/testing'
import express, { type ErrorRequestHandler, type Express } from 'express'
import type { AppCall, AppNews, AppQuestion, AppSettings } from './app-messages.ts'
import { addMemberRoutes } from './app-routes.ts'
import { openStore } from './app-store.ts'
import { delayed } from './delayed-store.ts'
import { StorePoints } from './store-points.ts'
import { startTodayApp } from './today-app.ts'

// An app in a process of its own. Its parent sends the settings and asks for what a test needs; each line that the app
// logs is one line of JSON on the standard output. It ends at SIGTERM, as an app that is deployed anew, or with its
// parent.

interface RunningApp {
  readonly server: Server
  createSession?(session: NewSession<'example'>): Promise<{ readonly cookie: string }>
  close(): Promise<void>
}

const clock = new TestClock()
const points = new StorePoints((arrivedAt) => tell({ arrivedAt }))
let running: RunningApp | undefined
/** Requests that are not answered yet. */
let underWay = 0

process.on('message', async ({ id, question }: AppCall) => {
  try {
    tell({ id, answer: await answer(question) })
  } catch (error) {
    tell({ id, error: inspect(error) })
  }
})
process.on('disconnect', () => process.exit(1))
process.once('SIGTERM', async () => {
  const { server } = running ?? {}
  // A connection that has not asked anything yet, or is kept by a client that went away, would hold the end up.
  const sweep = setInterval(() => underWay === 0 && server?.closeAllConnections(), 50)
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  clearInterval(sweep)
  await running?.close()
  process.exit(0)
})

function tell(news: AppNews): void {
  process.send?.(news)
}

async function answer(question: AppQuestion): Promise<object> {
  switch (question.ask) {
    case 'start':
      return { port: await start(question.settings) }
    case 'advance':
      await clock.advance(question.seconds)
      return {}
    case 'hold':
      points.hold(question.point, question.calls)
      return {}
    case 'release':
      points.release(question.point)
      return {}
    case 'createSession':
      return { cookie: (await running?.createSession?.(question.session))?.cookie }
    case 'usage': {
      const { user, system } = process.cpuUsage()
      return {
        residentBytes: process.memoryUsage.rss(),
        cpuMs: (user + system) / 1_000,
        storeCalls: points.calls,
      }
    }
  }
}

async function start(settings: AppSettings): Promise<number> {
  await clock.advance(settings.advancedSeconds)
  const app = express()
  app.get('/healthz', (_req, res) => void res.json({ pid: process.pid }))
  const parts =
    settings.kind === 'today' ? await startTodayApp(app, settings, clock) : useLatchkey(app, settings)
  const server = createServer(app).on('request', (_req, res) => {
    underWay += 1
    res.once('close', () => {
      underWay -= 1
    })
  })
  // Longer than between two herds: a connection that ends just when it is used again would fail a request.
  server.keepAliveTimeout = 120_000
  // As many as a herd sends at once.
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 }, resolve))
  running = { server, ...parts }
  return (server.address() as AddressInfo).port // a TCP server has no other kind of address
}

function useLatchkey(app: Express, settings: AppSettings): Omit<RunningApp, 'server'> {
  const logger = jsonLogger()
  const store = delayed(
    openStore(settings.store, clock, { ...settings.storeOptions, logger }),
    settings.storeDelayMs,
  )
  const { provider, other } = settings
  const auth = latchkey<'example' | 'other'>({
    ...settings.options,
    baseUrl: settings.baseUrl,
    secret: settings.secrets,
    providers: [oauth2(provider), ...(other === undefined ? [] : [oauth2(other)])],
    store: points.along(store),
    clock,
    logger,
  })
  app.use(auth)
  addRoutes(app, auth, settings.resourceUrl)
  addMemberRoutes(app, auth, settings.resourceUrl)
  const logError: ErrorRequestHandler = (error, _req, _res, next) => {
    log('error', { event: 'app.error' }, inspect(error, { depth: Infinity, showHidden: true }))
    next(error)
  }
  app.use(logError, auth.errorHandler)
  return { createSession: (session) => auth.createSession(session), close: () => auth.close() }
}

function addRoutes(app: Express, auth: Latchkey<'example' | 'other'>, resourceUrl: string): void {
  // It never looks at who asks.
  app.get('/plain', (_req, res) => void res.json({ plain: true }))
  // `x-abort: leave`: the call ends with its visitor.
  app.get('/me', auth.requireLogin(), async (req, res) => {
    const aborter = new AbortController()
    if (req.get('x-abort') === 'leave') res.once('close', () => aborter.abort())
    const reply = await req.oauth.fetch(resourceUrl, { signal: aborter.signal })
    res.status(reply.status).json({ user: req.oauth.user?.id, answer: await reply.text() })
  })
  // The call goes on although its handler has thrown.
  app.get('/throws', auth.requireLogin(), (req) => {
    void req.oauth.fetch(resourceUrl).catch(() => {})
    throw new Error('The handler broke.')
  })
  app.get(['/', '/whoami'], (req, res) => {
    res.json({ isAuthenticated: req.oauth.isAuthenticated, user: req.oauth.user?.id ?? null })
  })
  // Which access token the vault gives out, without giving it out.
  app.get('/vault', auth.requireLogin(), async (req, res) => {
    const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
    const { value } = await oauth.accessToken()
    res.json({ digest: createHash('sha256').update(value).digest('hex') })
  })
}

function jsonLogger(): Logger {
  const at =
    (level: string): Logger['info'] =>
    (fields, message) =>
      log(level, fields, message)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function log(level: string, fields: object, message: string): void {
  process.stdout.write(`${JSON.stringify({ level, ...fields, message })}\n`)
}
