import type { Latchkey, Reply } from '@latchkey/core/adapter'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PlainFastifyRequest } from './translate.ts'

/** What `app.setErrorHandler()` takes. */
export type ErrorHandler = (
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

/** Fastify's error handler for Latchkey's errors. Every other error, and every begun response, is Fastify's own. */
export function errorHandler(
  core: Pick<Latchkey, 'errorReply'>,
  answer: (request: FastifyRequest, reply: FastifyReply, answered: Reply) => Promise<void>,
): ErrorHandler {
  return async (error, request, reply) => {
    const answered = reply.raw.headersSent
      ? undefined
      : await core.errorReply(error, new PlainFastifyRequest(request), request.oauth ?? undefined)
    if (answered === undefined) throw error
    await answer(request, reply, answered)
    return reply
  }
}
