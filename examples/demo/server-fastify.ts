import { join } from 'node:path'
import fastifyFormbody from '@fastify/formbody'
import fastifyStatic from '@fastify/static'
import { consoleLogger } from '@latchkey/core'
import { latchkey } from '@latchkey/fastify'
import Fastify from 'fastify'
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
const place = { number, processes, store: storeName, framework: 'fastify' } as const

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

declare module '@latchkey/fastify' {
  interface Register {
    auth: typeof auth
  }
}
declare module 'fastify' {
  interface Session {
    /** What the last click on a button brought; shown on the page that follows. */
    lastCall?: CallResult
    /** What the last nightly job did. */
    lastJob?: readonly JobLine[]
    /** What the last call in the app's own name brought. */
    lastAppCall?: AppCall
  }
}

const app = Fastify()
app.addHook('onRequest', async (_request, reply) => {
  reply.headers(safetyHeaders)
})
await app.register(fastifyStatic, { root: join(import.meta.dirname, 'public') })
await app.register(fastifyFormbody)
await app.register(auth)
app.setErrorHandler(auth.errorHandler)

app.get('/', async (request, reply) => {
  reply.header('Cache-Control', 'no-store').type('text/html; charset=utf-8')
  const { lastCall, lastJob, lastAppCall } = request.session
  if (!request.oauth.isAuthenticated) {
    // The page is there for visitors even while Redis is not.
    const known = await users.all().catch(() => [])
    return welcomePage({
      buttons: auth.buttons(),
      providers,
      knownUsers: known.length,
      lastJob,
      lastAppCall,
      place,
    })
  }
  const { user } = request.oauth
  const shown = await viewOfAccounts(request.oauth.accounts)
  return accountPage({ user, ...shown, lastCall, lastJob, lastAppCall, place })
})

const signedIn = { onRequest: auth.requireLogin() }

// One more account for whoever is signed in. A form proves that it is wanted.
app.post<{ Params: { provider: string } }>('/accounts/:provider', signedIn, async (request, reply) => {
  const provider = providers.find(({ preset }) => preset.id === request.params.provider)
  if (provider === undefined) return reply.callNotFound()
  await request.oauth.login({ provider: provider.preset.id, link: true, returnTo: '/' })
})

app.post<{ Params: { provider: string } }>(
  '/accounts/:provider/disconnect',
  signedIn,
  async (request, reply) => {
    const account = request.oauth.accounts.find(({ provider }) => provider === request.params.provider)
    await account?.disconnect()
    return reply.redirect('/', 303)
  },
)

// One more scope: what was granted before is asked for as well.
app.post('/played', signedIn, async (request) => {
  await request.oauth.login({ provider: 'spotify', scope: [spotify.more.scope], returnTo: '/' })
})

app.post('/everywhere', signedIn, async (request) => {
  await request.oauth.logout({ everywhere: true })
})

// What a scheduler would do at night: nobody has to be signed in, and no request is needed.
app.post('/nightly-job', async (request, reply) => {
  const accountsOf = async (userId: string) => (await auth.user(userId))?.accounts ?? []
  request.session.lastJob = await nightlyJob(accountsOf, await users.all(), providers)
  return reply.redirect('/', 303)
})

// In the app's own name: one token for all processes and all visitors.
app.post('/nadeo', async (request, reply) => {
  request.session.lastAppCall = await callNadeo(auth.application('nadeo', { audience: 'live' }), 10)
  return reply.redirect('/', 303)
})

for (const [path, calls] of [['/call', 1] as const, ['/call-50', 50] as const]) {
  app.post(path, signedIn, async (request, reply) => {
    const { fetch } = request.oauth
    const { provider } = request.oauth.requireUser()
    request.session.lastCall = await callApi({ provider, fetch }, calls)
    return reply.redirect('/', 303)
  })
}

await app.ready()
const port = await listen(app.routing, settings.port, async () => {
  await app.close()
  closeStore()
})
const ready: AppIsReady = { port, providers: auth.providers }
if (process.send) process.send(ready)
else console.log(`ready ${baseUrl}`)
