import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import Fastify, { type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { serve, surroundings } from '../bench-app.ts'
import type { BenchUser } from '../bench-user.ts'

// What an app on Fastify does by hand: @fastify/session with connect-redis, the token in the session, the global fetch.

const sevenDaysMs = 7 * 86_400_000

/** What is in the session beside @fastify/session's own. */
interface FloorSession {
  benchUser?: BenchUser
}

function sessionOf(request: FastifyRequest): FloorSession {
  return request.session as FloorSession // what this program alone puts there
}

serve(async (origin) => {
  const redis = createClient({ url: surroundings.redisUrl })
  await redis.connect()
  const app = Fastify({ bodyLimit: 100 * 1024 })
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    // The same class; its types ask for one version of the protocol, and @fastify/session's for a callback.
    store: new RedisStore({ client: redis as unknown as RedisStore['client'] }) as never,
    secret: surroundings.secret,
    saveUninitialized: false,
    rolling: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: false, maxAge: sevenDaysMs },
  })
  app.post('/sign-in', async (request) => {
    sessionOf(request).benchUser = request.body as BenchUser // of signIn() below
    return {}
  })
  app.get('/me', async (request, reply) => {
    const user = sessionOf(request).benchUser
    if (user === undefined) return reply.code(401).send()
    return { id: user.id, name: user.name }
  })
  app.get('/call', async (request, reply) => {
    const tokens = sessionOf(request).benchUser?.tokens
    if (tokens === undefined || tokens.expiresAt <= Date.now() / 1000) return reply.code(401).send()
    const answer = await fetch(surroundings.upstream, {
      headers: { authorization: `Bearer ${tokens.accessToken}` },
    })
    return answer.json()
  })
  await app.ready()
  return { listener: app.routing, signIn: (users) => Promise.all(users.map((user) => signIn(origin, user))) }
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
