import { RedisStore } from 'connect-redis'
import express, { type Request } from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { serve, surroundings } from '../bench-app.ts'
import type { BenchUser } from '../bench-user.ts'
import { RedisBridge } from '../redis-bridge.ts'

// What an app does by hand: express-session with connect-redis, the token in the session, the global fetch.

const sevenDaysMs = 7 * 86_400_000

/** What is in the session beside express-session's own. */
interface FloorSession {
  benchUser?: BenchUser
}

function sessionOf(req: Request): FloorSession {
  return req.session as FloorSession // what this program alone puts there
}

async function client(): Promise<RedisStore['client']> {
  const { redisUrl } = surroundings
  // The bridge has the few commands that connect-redis uses, and nothing else of node-redis.
  if (process.env.BENCH_CLIENT === 'ioredis')
    return new RedisBridge(redisUrl) as unknown as RedisStore['client']
  const redis = createClient({ url: redisUrl })
  await redis.connect()
  return redis as unknown as RedisStore['client'] // the same class; its types ask for one version of the protocol
}

serve(async (origin) => {
  const app = express()
  app.use(
    session({
      store: new RedisStore({ client: await client() }),
      secret: surroundings.secret,
      resave: false,
      saveUninitialized: false,
      cookie: { httpOnly: true, sameSite: 'lax', maxAge: sevenDaysMs },
    }),
  )
  app.post('/sign-in', express.json({ limit: '100kb' }), (req, res) => {
    sessionOf(req).benchUser = req.body
    res.end()
  })
  app.get('/me', (req, res) => {
    const user = sessionOf(req).benchUser
    if (user === undefined) return void res.status(401).end()
    res.json({ id: user.id, name: user.name })
  })
  app.get('/public', (_req, res) => void res.json({ isPublic: true }))
  app.get('/call', async (req, res) => {
    const tokens = sessionOf(req).benchUser?.tokens
    if (tokens === undefined || tokens.expiresAt <= Date.now() / 1000) return void res.status(401).end()
    const reply = await fetch(surroundings.upstream, {
      headers: { authorization: `Bearer ${tokens.accessToken}` },
    })
    res.json(await reply.json())
  })
  return { listener: app, signIn: (users) => Promise.all(users.map((user) => signIn(origin, user))) }
})

async function signIn(origin: string, user: BenchUser): Promise<string> {
  const reply = await fetch(`${origin}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(user),
  })
  await reply.arrayBuffer()
  const [cookie = ''] = reply.headers.getSetCookie()
  return cookie.split(';', 1)[0] ?? ''
}
