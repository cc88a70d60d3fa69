import { type CookieSerializeOptions, fastifyCookie } from '@fastify/cookie'
import { type FastifySessionOptions, fastifySession } from '@fastify/session'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

type Done = (error?: Error) => void

/** What @fastify/session does with a request, and before an answer is sent. */
export interface SessionHooks {
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply, done: Done) => void
  readonly onSend: (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void
}

/** Cookies as @fastify/cookie reads and writes them. */
export interface Cookies {
  parse(header: string): Record<string, string | undefined>
  serialize(name: string, value: string, options?: CookieSerializeOptions): string
  sign(value: string, secret: string): string
  /** What a signed value says, if one of the secrets has signed it. */
  unsign(value: string, secrets: readonly string[]): string | undefined
}

/**
 * The hooks of @fastify/session without its plugin in the app: there it would read every request's session before its
 * route, fail routes that never look at it, and send no cookie behind a proxy that ends TLS.
 */
export async function sessionHooks(options: FastifySessionOptions): Promise<SessionHooks> {
  const hooks = await hooksOf((app, done) => fastifySession(app, options, done))
  return hooks as unknown as SessionHooks // the two that it adds
}

/** Loads the functions of @fastify/cookie without decorating the app, which may want to register it itself. */
export async function cookies(): Promise<Cookies> {
  await hooksOf((app) => fastifyCookie(app, {}))
  const { parse, serialize, sign, unsign } = fastifyCookie
  return {
    parse,
    serialize,
    sign,
    unsign(value, secrets) {
      for (const secret of secrets) {
        const { value: unsigned } = unsign(value, secret)
        if (unsigned !== null) return unsigned
      }
      return undefined
    },
  }
}

/** Registers a plugin nowhere, and keeps the hooks that it adds. */
function hooksOf(
  register: (app: FastifyInstance, done: Done) => unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const hooks: Record<string, unknown> = {}
  const app = {
    decorate: () => app,
    decorateRequest: () => app,
    decorateReply: () => app,
    addHook(name: string, hook: unknown) {
      hooks[name] = hook
      return app
    },
  }
  return new Promise((resolve, reject) => {
    const done: Done = (error) => (error ? reject(error) : resolve(hooks))
    const registered: unknown = register(app as unknown as FastifyInstance, done) // all that the two use of it
    // One of them calls back, the other one is asynchronous.
    if (registered instanceof Promise) registered.then(() => done(), reject)
  })
}
