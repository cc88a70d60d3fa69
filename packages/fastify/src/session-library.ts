import { type FastifySessionOptions, fastifySession } from '@fastify/session'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

type Done = (error?: Error) => void

/** What @fastify/session does with a request, and before an answer is sent. */
export interface SessionHooks {
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply, done: Done) => void
  readonly onSend: (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void
}

/**
 * The hooks of @fastify/session without its plugin in the app: there it would read every request's session before its
 * route, fail routes that never look at it, and send no cookie behind a proxy that ends TLS.
 */
export function sessionHooks(options: FastifySessionOptions): SessionHooks {
  const hooks: Partial<Record<string, unknown>> = {}
  const app = {
    decorate() {},
    decorateRequest() {},
    addHook(name: string, hook: unknown) {
      hooks[name] = hook
    },
  }
  fastifySession(app as unknown as FastifyInstance, options, throwIt) // all that it uses of an app
  const { onRequest, onSend } = hooks
  if (typeof onRequest !== 'function' || typeof onSend !== 'function')
    throw new Error(
      'This version of @fastify/session works otherwise than the one that Latchkey was made for.',
    )
  return { onRequest, onSend } as SessionHooks // functions, as the library writes them
}

function throwIt(error?: Error): void {
  if (error) throw error
}
