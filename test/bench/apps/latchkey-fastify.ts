import { latchkey, oauth2 } from '@latchkey/fastify'
import { redisStore } from '@latchkey/redis'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { serve, surroundings } from '../bench-app.ts'

// The same app on Latchkey for Fastify with its default options.

const { redisUrl, upstream, secret } = surroundings

serve(async () => {
  const auth = latchkey({
    // As behind a proxy that ends TLS: production takes no other.
    baseUrl: 'https://app.example',
    secret,
    providers: [
      oauth2({
        id: 'bench',
        clientId: 'bench-client',
        clientSecret: 'bench-client-secret',
        authorizationEndpoint: 'http://127.0.0.1:9/authorize',
        tokenEndpoint: 'http://127.0.0.1:9/token',
        userinfo: 'http://127.0.0.1:9/userinfo',
        scope: ['user-read-email', 'user-top-read'],
        resourceOrigins: [new URL(upstream).origin],
      }),
    ],
    store: redisStore(new Redis(redisUrl)),
    ...(process.env.BENCH_APP_SESSION === 'off' && { session: false }),
  })
  const app = Fastify()
  await app.register(auth)
  app.setErrorHandler(auth.errorHandler)
  app.get('/me', async (request, reply) => {
    const { user } = request.oauth
    return user === undefined ? reply.code(401).send() : { id: user.id, name: user.name }
  })
  app.get('/call/request', async (request) => {
    const { body } = await request.oauth.request(upstream)
    return body.json()
  })
  app.get('/call/fetch', async (request) => {
    const reply = await request.oauth.fetch(upstream)
    return reply.json()
  })
  await app.ready()
  return {
    listener: app.routing,
    signIn: (users) =>
      Promise.all(
        users.map(async ({ id, name, tokens }) => {
          const session = { provider: 'bench', user: { id, name } } as const
          const { cookie } = await auth.createSession(tokens === undefined ? session : { ...session, tokens })
          return cookie
        }),
      ),
  }
})
