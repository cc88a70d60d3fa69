import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

// Routes of tests that are written for Express, on Fastify. What they see of Latchkey is Fastify's own.

type Next = (error?: unknown) => void
type Handler = (req: unknown, res: unknown, next: Next) => unknown
/** A hook of Fastify's in the place of a handler of Express's. */
export type Guard = (request: FastifyRequest) => Promise<void>

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** The part of an Express app that the tests use. */
export class ExpressRoutes {
  readonly #app: FastifyInstance
  readonly #guards: ReadonlySet<unknown>

  /** @param guards functions that are hooks of Fastify's */
  constructor(app: FastifyInstance, guards: ReadonlySet<unknown>) {
    this.#app = app
    this.#guards = guards
  }

  readonly get = (path: string | readonly string[], ...handlers: Handler[]): this =>
    this.#route(['GET'], path, handlers)
  readonly post = (path: string, ...handlers: Handler[]): this => this.#route(['POST'], path, handlers)
  readonly all = (path: string, ...handlers: Handler[]): this => this.#route(methods, path, handlers)

  readonly use = (...handlers: Handler[]): this => {
    const [first] = handlers
    if (first?.name === 'urlencodedParser') return this.#readForms()
    return this.#route(methods, '*', handlers)
  }

  /** Settings of Express's own have no counterpart. */
  readonly set = (): this => this

  #readForms(): this {
    const options = { parseAs: 'string', bodyLimit: 1024 * 1024 } as const
    this.#app.addContentTypeParser('application/x-www-form-urlencoded', options, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )
    return this
  }

  #route(
    method: readonly (typeof methods)[number][],
    path: string | readonly string[],
    handlers: readonly Handler[],
  ): this {
    const guards = handlers.filter((handler) => this.#guards.has(handler)) as unknown as Guard[]
    const steps = handlers.filter((handler) => !this.#guards.has(handler))
    for (const url of [path].flat()) {
      this.#app.route({
        method: [...method],
        url,
        onRequest: guards,
        exposeHeadRoute: false,
        async handler(request, reply) {
          const req = requestOf(request)
          const res = responseOf(reply)
          for (const step of steps) await run(step, req, res)
          return reply
        },
      })
    }
    return this
  }
}

function run(step: Handler, req: unknown, res: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const next: Next = (error) => (error === undefined ? resolve() : reject(error))
    const done = (): void => resolve()
    try {
      Promise.resolve(step(req, res, next)).then(done, reject)
    } catch (error) {
      reject(error)
    }
  })
}

function requestOf(request: FastifyRequest): unknown {
  const own: Readonly<Record<string, () => unknown>> = {
    get: () => (name: string) => request.headers[name.toLowerCase()],
    sessionID: () => request.session.sessionId,
    path: () => request.url.split('?', 1)[0],
  }
  return new Proxy(request, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(own, name)) return own[name]?.()
      const value: unknown = Reflect.get(target, name)
      return value === undefined ? bound(target.raw, name) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value),
  })
}

function responseOf(reply: FastifyReply): unknown {
  const res: Record<string, unknown> = {
    json: (value: unknown) =>
      void reply.type('application/json; charset=utf-8').send(JSON.stringify(value ?? null)),
    send: (value: unknown) => {
      if (typeof value === 'string') void reply.type('text/html; charset=utf-8').send(value)
      else (res.json as (value: unknown) => void)(value)
    },
    end: (text?: string) => void reply.send(text ?? ''),
    status(code: number) {
      reply.code(code)
      return proxy
    },
    set(name: string | Record<string, string>, value?: string) {
      if (typeof name === 'string') reply.header(name, value)
      else reply.headers(name)
      return proxy
    },
    type(type: string) {
      reply.type(type)
      return proxy
    },
    redirect: (first: number | string, second?: string) =>
      void (typeof first === 'number' ? reply.redirect(String(second), first) : reply.redirect(first)),
  }
  res.setHeader = res.set
  res.header = res.set
  const proxy: unknown = new Proxy(reply.raw, {
    get: (target, name) =>
      typeof name === 'string' && Object.hasOwn(res, name) ? res[name] : bound(target, name),
  })
  return proxy
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}
