import { latchkey, oauth2 } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import express, { type Request } from 'express'
import { Redis } from 'ioredis'
import { serve, surroundings } from '../bench-app.ts'
import { MovableClock } from '../movable-clock.ts'

// The same app on Latchkey with its default options. Where a benchmark needs time to pass, it has a clock of its own.

/** What is in the app's own session beside express-session's own. */
interface AppSession {
  visits?: number
}

function sessionOf(req: Request): AppSession {
  return req.session as AppSession // what this program alone puts there
}

const { redisUrl, upstream, secret } = surroundings
const { BENCH_AS = 'http://127.0.0.1:9', BENCH_CLOCK, BENCH_APP_SESSION } = process.env

function benchProvider() {
  return oauth2({
    id: 'bench',
    clientId: 'bench-client',
    clientSecret: 'bench-client-secret',
    authorizationEndpoint: `${BENCH_AS}/authorize`,
    tokenEndpoint: `${BENCH_AS}/token`,
    revocationEndpoint: `${BENCH_AS}/revoke`,
    userinfo: `${BENCH_AS}/userinfo`,
    scope: ['user-read-email', 'user-top-read'],
    resourceOrigins: [new URL(upstream).origin],
  })
}

serve(async () => {
  const clock = new MovableClock()
  const auth = latchkey({
    // As behind a proxy that ends TLS: production takes no other.
    baseUrl: 'https://app.example',
    secret,
    providers: [benchProvider()],
    store: redisStore(new Redis(redisUrl)),
    ...(BENCH_CLOCK === 'movable' && { clock }),
    ...(BENCH_APP_SESSION === 'off' && { session: false }),
  })
  const app = express()
  app.use(auth)
  app.get('/me', (req, res) => {
    const { user } = req.oauth
    if (user === undefined) return void res.status(401).end()
    res.json({ id: user.id, name: user.name })
  })
  app.get('/public', (_req, res) => void res.json({ isPublic: true }))
  app.get('/call/request', async (req, res) => {
    const { body } = await req.oauth.request(upstream)
    res.json(await body.json())
  })
  app.get('/call/fetch', async (req, res) => {
    const reply = await req.oauth.fetch(upstream)
    res.json(await reply.json())
  })
  app.get('/visits', (req, res) => {
    res.json({ id: req.oauth.user?.id, visits: sessionOf(req).visits ?? 0 })
  })
  app.get('/visit', (req, res) => {
    const session = sessionOf(req)
    session.visits = (session.visits ?? 0) + 1
    res.json({ id: req.oauth.user?.id, visits: session.visits })
  })
  app.use(auth.errorHandler)
  return {
    listener: app,
    signIn: (users) =>
      Promise.all(
        users.map(async ({ id, name, tokens }) => {
          const session = { provider: 'bench', user: { id, name } } as const
          const { cookie } = await auth.createSession(tokens === undefined ? session : { ...session, tokens })
          return cookie
        }),
      ),
    advance: (seconds) => clock.advance(seconds),
  }
})
