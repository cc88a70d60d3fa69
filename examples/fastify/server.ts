import { exbo, latchkey, spotify } from '@latchkey/fastify'
import Fastify from 'fastify'

const auth = latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [spotify(), exbo()] })
const app = Fastify()
await app.register(auth)
app.setErrorHandler(auth.errorHandler)
app.get('/', (_request, reply) => reply.type('text/html').send(auth.buttons()))
app.get('/me', { onRequest: auth.requireLogin({ provider: 'spotify' }) }, async (request) => {
  const reply = await request.oauth.fetch('https://api.spotify.com/v1/me')
  return reply.json()
})
await app.listen({ port: 3000, host: '127.0.0.1' })
