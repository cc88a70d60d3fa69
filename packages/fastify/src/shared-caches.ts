import { sharedCacheHeaders } from '@latchkey/core/adapter'
import type { FastifyReply } from 'fastify'
import type { RequestState } from './request-state.ts'

/**
 * Keeps an answer that belongs to one visitor out of shared caches. To be called when it is sent, so that what the app
 * says later about caching does not win.
 */
export function guardSharedCaches(reply: FastifyReply, state: RequestState): void {
  if (state.isPrivate || state.session?.isShown) reply.headers(sharedCacheHeaders(reply.getHeaders()))
}
