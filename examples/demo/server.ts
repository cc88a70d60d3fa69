import { join } from 'node:path'
import { LatchkeyError, latchkey } from '@latchkey/express'
import express from 'express'
import { announce, listen, portToUse } from './listen.ts'
import { demoExbo, demoSpotify } from './providers.ts'
import { accountPage, type CallResult, welcomePage } from './views.ts'

const port = portToUse()
const baseUrl = `http://127.0.0.1:${port}`
const spotify = await demoSpotify()
const exbo = await demoExbo(baseUrl)
const providers = [spotify, exbo]

const auth = configured(() => latchkey({ baseUrl, providers: [spotify.preset, exbo.preset] }))

declare module '@latchkey/express' {
  interface Register {
    auth: typeof auth
  }
}
declare module 'express-session' {
  interface SessionData {
    /** What the last click on a button brought; shown on the page that follows. */
    lastCall: CallResult
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
  if (!req.oauth.isAuthenticated) {
    res.send(welcomePage(auth.buttons(), providers))
    return
  }
  const { user } = req.oauth
  const provider = providerOf(user.provider)
  const reply = await req.oauth.fetch(provider.url)
  const rows = reply.ok ? provider.rows(await reply.json()) : []
  const status = await req.oauth.account(provider.preset.id).status()
  res.send(accountPage({ user, provider, rows, status, lastCall: req.session.lastCall }))
})

for (const [path, calls] of [['/call', 1] as const, ['/call-50', 50] as const]) {
  app.post(path, auth.requireLogin(), async (req, res) => {
    const { url, emulator } = providerOf(req.oauth.requireUser().provider)
    const tokenRequestsBefore = emulator?.tokenRequests() ?? 0
    const replies = await Promise.all(Array.from({ length: calls }, () => req.oauth.fetch(url)))
    await Promise.all(replies.map((reply) => reply.text()))
    req.session.lastCall = {
      calls,
      good: replies.filter((reply) => reply.ok).length,
      ...(emulator && { tokenRequests: emulator.tokenRequests() - tokenRequestsBefore }),
    }
    res.redirect(303, '/')
  })
}

app.use(auth.errorHandler)

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

await listen(app, port, async () => {
  await auth.close()
  await Promise.all(providers.map(({ emulator }) => emulator?.close()))
})
announce(baseUrl, providers)
