import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { type Logger, oauth2 } from '@latchkey/express'
import { TestClock } from '@latchkey/testing'
import express from 'express'
import type { AppCall, AppNews, AppQuestion, AppSettings } from './app-messages.ts'
import { listening, startOnExpress } from './app-on-express.ts'
import { startOnFastify } from './app-on-fastify.ts'
import type { CommonOptions, RunningApp } from './app-program.ts'
import { openStore } from './app-store.ts'
import { delayed } from './delayed-store.ts'
import { StorePoints } from './store-points.ts'
import { startTodayApp } from './today-app.ts'

// An app in a process of its own. Its parent sends the settings and asks for what a test needs; each line that the app
// logs is one line of JSON on the standard output. It ends at SIGTERM, as an app that is deployed anew, or with its
// parent.

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
  running = await startApp(settings)
  const { server } = running
  server.on('request', (_req, res) => {
    underWay += 1
    res.once('close', () => {
      underWay -= 1
    })
  })
  return (server.address() as AddressInfo).port // a TCP server has no other kind of address
}

async function startApp(settings: AppSettings): Promise<RunningApp> {
  if (settings.kind === 'today') {
    const app = express()
    app.get('/healthz', (_req, res) => void res.json({ pid: process.pid }))
    const parts = await startTodayApp(app, settings, clock)
    return { ...parts, server: await listening(app) }
  }
  const options = optionsOf(settings)
  const onError = (error: unknown): void =>
    log('error', { event: 'app.error' }, inspect(error, { depth: Infinity, showHidden: true }))
  const start = settings.framework === 'fastify' ? startOnFastify : startOnExpress
  return start(options, settings.resourceUrl, onError)
}

function optionsOf(settings: AppSettings): CommonOptions {
  const logger = jsonLogger()
  const store = delayed(
    openStore(settings.store, clock, { ...settings.storeOptions, logger }),
    settings.storeDelayMs,
  )
  const { provider, other } = settings
  return {
    ...settings.options,
    baseUrl: settings.baseUrl,
    secret: settings.secrets,
    providers: [oauth2(provider), ...(other === undefined ? [] : [oauth2(other)])],
    store: points.along(store),
    clock,
    logger,
  }
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
