import { latchkey, type RequestOAuth } from '@latchkey/fastify'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { CommonOptions, RunningApp } from './app-program.ts'
import { type AppRoute, appRoutes, type Visit } from './app-routes.ts'

/** The app on Fastify. */
export async function startOnFastify(
  options: CommonOptions,
  resourceUrl: string,
  onError: (error: unknown) => void,
): Promise<RunningApp> {
  // Longer than between two herds: a connection that ends just when it is used again would fail a request.
  const app = Fastify({ keepAliveTimeout: 120_000 })
  app.get('/healthz', () => ({ pid: process.pid }))
  const auth = latchkey<'example' | 'other'>(options)
  await app.register(auth)
  for (const route of appRoutes(auth, resourceUrl)) mount(app, route, auth.requireLogin())
  app.setErrorHandler((error, request, reply) => {
    onError(error)
    return auth.errorHandler(error, request, reply)
  })
  // As many as a herd sends at once.
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 })
  return {
    server: app.server,
    createSession: (session) => auth.createSession(session),
    close: () => app.close(),
  }
}

type Guard = ReturnType<ReturnType<typeof latchkey>['requireLogin']>

function mount(app: FastifyInstance, { method, path, isGuarded, answer }: AppRoute, guard: Guard): void {
  app.route({
    method: method === 'ALL' ? ['GET', 'POST'] : method,
    url: path,
    ...(isGuarded && { onRequest: guard }),
    async handler(request, reply) {
      const answered = await answer(visitOf(request, reply))
      if (answered === undefined) return reply
      reply.code(answered.status ?? 200)
      return 'json' in answered ? reply.send(answered.json) : reply.type('text/html').send(answered.text)
    },
  })
}

function visitOf(request: FastifyRequest, reply: FastifyReply): Visit {
  return {
    oauth: request.oauth as unknown as RequestOAuth, // whatever ids another program registered
    get data() {
      const { cookie: _, ...data } = request.session
      return data as Record<string, unknown> // what is left is the app's own
    },
    put: (name, value) => void Reflect.set(request.session, name, value),
    params: request.params as Readonly<Record<string, string | undefined>>, // no path has a wildcard
    header: (name) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    onLeave: (run) => void reply.raw.once('close', run),
  }
}
