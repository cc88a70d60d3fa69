import { join } from 'node:path'
import { consoleLogger } from '@latchkey/core'
import { LatchkeyError, latchkey } from '@latchkey/express'
import express, { type Request } from 'express'
import { listen } from './listen.ts'
import { type JobLine, nightlyJob } from './nightly-job.ts'
import { type DemoProvider, demoExbo, demoSpotify } from './providers.ts'
import { type AppIsReady, appSettings } from './settings.ts'
import { demoStore } from './store.ts'
import { type AccountView, accountPage, type CallResult, welcomePage } from './views.ts'

const settings = appSettings()
const { baseUrl, number, processes } = settings
const spotify = demoSpotify(settings.emulated)
const exbo = demoExbo(settings.emulated)
const providers = [spotify, exbo]
const { store, users, name: storeName, close: closeStore } = demoStore(settings)
/** Who answers, and where everything is kept: shown on every page. */
const place = { number, processes, store: storeName }

const auth = configured(() =>
  latchkey({
    baseUrl,
    providers: [spotify.preset, exbo.preset],
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
  }
}

const app = express()
app.disable('x-powered-by')
app.use((_req, res, next) => {
  res.set({
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; " +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  })
  next()
})
app.use(express.static(join(import.meta.dirname, 'public')))
app.use(auth)

app.get('/', async (req, res) => {
  res.set('Cache-Control', 'no-store')
  const { lastCall, lastJob } = req.session
  if (!req.oauth.isAuthenticated) {
    // The page is there for visitors even while Redis is not.
    const known = await users.all().catch(() => [])
    res.send(welcomePage({ buttons: auth.buttons(), providers, knownUsers: known.length, lastJob, place }))
    return
  }
  const { user } = req.oauth
  const views = await Promise.all(req.oauth.accounts.map(viewOf))
  const accounts = views.filter((view) => view !== undefined)
  const isMissing = ({ preset }: DemoProvider): boolean =>
    accounts.every(({ provider }) => provider.preset.id !== preset.id)
  const had = (provider: DemoProvider): boolean =>
    req.oauth.accounts.some((account) => account.provider === provider.preset.id)
  const addable = providers.filter(isMissing)
  res.send(accountPage({ user, accounts, addable, ended: addable.filter(had), lastCall, lastJob, place }))
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

for (const [path, calls] of [['/call', 1] as const, ['/call-50', 50] as const]) {
  app.post(path, auth.requireLogin(), async (req, res) => {
    const { url, emulator } = providerOf(req.oauth.requireUser().provider)
    const tokenRequestsBefore = (await emulator?.tokenRequests()) ?? 0
    const replies = await Promise.all(Array.from({ length: calls }, () => req.oauth.fetch(url)))
    await Promise.all(replies.map((reply) => reply.text()))
    req.session.lastCall = {
      calls,
      good: replies.filter((reply) => reply.ok).length,
      by: number,
      ...(emulator && { tokenRequests: (await emulator.tokenRequests()) - tokenRequestsBefore }),
    }
    res.redirect(303, '/')
  })
}

app.use(auth.errorHandler)

type Account = Request['oauth']['accounts'][number]

/** What the page shows of one account; `undefined` when its authorization has ended: the page offers to add it anew. */
async function viewOf(account: Account): Promise<AccountView | undefined> {
  return liveView(account).catch((error: unknown) => {
    if (LatchkeyError.is(error) && error.code === 'login_required') return undefined
    throw error
  })
}

/** Live data, and how the token is doing. */
async function liveView(account: Account): Promise<AccountView> {
  const provider = providerOf(account.provider)
  const reply = await account.fetch(provider.url)
  const rows = reply.ok ? provider.rows(await reply.json()) : []
  const status = await account.status()
  const { more } = provider
  const view = { provider, rows, status }
  if (more === undefined) return view
  if ((await account.missingScopes(more.scope)).length > 0) return { ...view, more: 'missing' }
  const played = await account.fetch(more.url)
  return { ...view, more: played.ok ? more.rows(await played.json()) : [] }
}

/** What `make` returns. A mistake in the configuration ends the program with advice instead of a stack. */
function configured<Value>(make: () => Value): Value {
  try {
    return make()
  } catch (error) {
    if (!LatchkeyError.is(error) || error.code !== 'invalid_options') throw error
    console.error(error.message)
    process.exit(1)
  }
}

function providerOf(id: string): (typeof providers)[number] {
  const provider = providers.find(({ preset }) => preset.id === id)
  if (provider === undefined) throw new Error(`The demo has no provider ${id}.`)
  return provider
}

const port = await listen(app, settings.port, async () => {
  await auth.close()
  closeStore()
})
const ready: AppIsReady = { port, providers: auth.providers }
if (process.send) process.send(ready)
else console.log(`ready ${baseUrl}`)
