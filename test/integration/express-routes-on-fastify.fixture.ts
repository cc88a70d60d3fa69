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

  readonly #isBefore: boolean

  /**
   * @param guards functions that are hooks of Fastify's
   * @param isBefore what is used sees every request, and is no route
   */
  constructor(
    app: FastifyInstance,
    guards: ReadonlySet<unknown>,
    { isBefore }: { readonly isBefore: boolean },
  ) {
    this.#app = app
    this.#guards = guards
    this.#isBefore = isBefore
  }

  readonly get = (path: string | readonly string[], ...handlers: Handler[]): this =>
    this.#route(['GET'], path, handlers)
  readonly post = (path: string, ...handlers: Handler[]): this => this.#route(['POST'], path, handlers)
  readonly all = (path: string, ...handlers: Handler[]): this => this.#route(methods, path, handlers)

  readonly use = (...given: readonly (Handler | string)[]): this => {
    const handlers = given.filter((one) => typeof one !== 'string')
    const [first] = handlers
    if (first?.name === 'urlencodedParser') return this.#readForms()
    const path = given.find((one) => typeof one === 'string')
    if (!this.#isBefore && path === undefined) return this.#route(methods, '*', handlers)
    for (const handler of handlers) {
      this.#app.addHook('onRequest', async (request, reply) => {
        if (isBelow(path, request.url)) await run(handler, requestOf(request), responseOf(reply))
      })
    }
    return this
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
    for (const url of [path].flat().flatMap(withoutOptional)) {
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

/** What Express hands to something that is used at a path. */
function isBelow(path: string | undefined, url: string): boolean {
  return (
    path === undefined || (/^[/?]?$/.test(url.slice(path.length, path.length + 1)) && url.startsWith(path))
  )
}

/** Express writes optional parts in braces. */
function withoutOptional(path: string): readonly string[] {
  const [before = '', optional] = path.split(/[{}]/)
  return optional === undefined ? [path] : [before, before + optional]
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

/** What an app does that writes its answer itself, past Fastify. */
function takeOver(reply: FastifyReply): FastifyReply['raw'] {
  const { raw } = reply
  if (reply.sent) return raw
  reply.hijack()
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) raw.setHeader(name, value)
  return raw
}

const writing = new Set<unknown>(['write', 'writeHead', 'flushHeaders'])

function responseOf(reply: FastifyReply): unknown {
  const res: Record<string, unknown> = {
    json: (value: unknown) =>
      void reply.type('application/json; charset=utf-8').send(JSON.stringify(value ?? null)),
    send: (value: unknown) => {
      if (typeof value === 'string') void reply.type('text/html; charset=utf-8').send(value)
      else (res.json as (value: unknown) => void)(value)
    },
    end: (text?: string) => void (reply.sent ? reply.raw.end(text) : reply.send(text ?? '')),
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
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(res, name)) return res[name]
      if (!writing.has(name)) return bound(target, name)
      return (...args: unknown[]) => {
        const raw = takeOver(reply)
        const result: unknown = Reflect.apply(Reflect.get(raw, name) as () => unknown, raw, args)
        return result === raw ? proxy : result
      }
    },
  })
  return proxy
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}
