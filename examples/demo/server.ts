import { join } from 'node:path'
import { consoleLogger } from '@latchkey/core'
import { latchkey } from '@latchkey/express'
import express from 'express'
import {
  callApi,
  callNadeo,
  closeStore,
  configured,
  presets,
  providers,
  safetyHeaders,
  settings,
  spotify,
  store,
  storeName,
  users,
  viewOfAccounts,
} from './app-parts.ts'
import { listen } from './listen.ts'
import { type JobLine, nightlyJob } from './nightly-job.ts'
import type { AppIsReady } from './settings.ts'
import { type AppCall, accountPage, type CallResult, welcomePage } from './views.ts'

const { baseUrl, number, processes } = settings
/** Who answers, and where everything is kept: shown on every page. */
const place = { number, processes, store: storeName, framework: 'express' } as const

const auth = configured(() =>
  latchkey({
    baseUrl,
    providers: [...presets],
    keepAccounts: true,
    ...(store && { store }),
    // What to register is said once, and not by each process.
    ...(process.connected && { logger: consoleLogger }),
  }),
)

auth.events.on('login', ({ userId }) => {
  users.add(userId).catch(() => console.error(`The list of users lacks ${userId}: Redis did not take it.`))
})

declare module '@latchkey/express' {
  interface Register {
    auth: typeof auth
  }
}
declare module 'express-session' {
  interface SessionData {
    /** What the last click on a button brought; shown on the page that follows. */
    lastCall: CallResult
    /** What the last nightly job did. */
    lastJob: readonly JobLine[]
    /** What the last call in the app's own name brought. */
    lastAppCall: AppCall
  }
}

const app = express()
app.disable('x-powered-by')
app.use((_req, res, next) => {
  res.set(safetyHeaders)
  next()
})
app.use(express.static(join(import.meta.dirname, 'public')))
app.use(auth)

app.get('/', async (req, res) => {
  res.set('Cache-Control', 'no-store')
  const { lastCall, lastJob, lastAppCall } = req.session
  if (!req.oauth.isAuthenticated) {
    // The page is there for visitors even while Redis is not.
    const known = await users.all().catch(() => [])
    res.send(
      welcomePage({
        buttons: auth.buttons(),
        providers,
        knownUsers: known.length,
        lastJob,
        lastAppCall,
        place,
      }),
    )
    return
  }
  const { user } = req.oauth
  const shown = await viewOfAccounts(req.oauth.accounts)
  res.send(accountPage({ user, ...shown, lastCall, lastJob, lastAppCall, place }))
})

// One more account for whoever is signed in. A form proves that it is wanted.
app.post('/accounts/:provider', auth.requireLogin(), async (req, res) => {
  const provider = providers.find(({ preset }) => preset.id === req.params.provider)
  if (provider === undefined) return void res.sendStatus(404)
  await req.oauth.login({ provider: provider.preset.id, link: true, returnTo: '/' })
})

app.post('/accounts/:provider/disconnect', auth.requireLogin(), async (req, res) => {
  const account = req.oauth.accounts.find(({ provider }) => provider === req.params.provider)
  await account?.disconnect()
  res.redirect(303, '/')
})

// One more scope: what was granted before is asked for as well.
app.post('/played', auth.requireLogin(), async (req) => {
  await req.oauth.login({ provider: 'spotify', scope: [spotify.more.scope], returnTo: '/' })
})

app.post('/everywhere', auth.requireLogin(), async (req) => {
  await req.oauth.logout({ everywhere: true })
})

// What a scheduler would do at night: nobody has to be signed in, and no request is needed.
app.post('/nightly-job', async (req, res) => {
  const accountsOf = async (userId: string) => (await auth.user(userId))?.accounts ?? []
  req.session.lastJob = await nightlyJob(accountsOf, await users.all(), providers)
  res.redirect(303, '/')
})

// In the app's own name: one token for all processes and all visitors.
app.post('/nadeo', async (req, res) => {
  req.session.lastAppCall = await callNadeo(auth.application('nadeo', { audience: 'live' }), 10)
  res.redirect(303, '/')
})

for (const [path, calls] of [['/call', 1] as const, ['/call-50', 50] as const]) {
  app.post(path, auth.requireLogin(), async (req, res) => {
    const { fetch } = req.oauth
    req.session.lastCall = await callApi({ provider: req.oauth.requireUser().provider, fetch }, calls)
    res.redirect(303, '/')
  })
}

app.use(auth.errorHandler)

const port = await listen(app, settings.port, async () => {
  await auth.close()
  closeStore()
})
const ready: AppIsReady = { port, providers: auth.providers }
if (process.send) process.send(ready)
else console.log(`ready ${baseUrl}`)
