import type { RequestOAuth } from '@latchkey/core'
import type { Latchkey } from './plugin.ts'

/**
 * Tells `request.oauth` which provider ids there are. Optional; once per app:
 *
 * ```ts
 * declare module '@latchkey/fastify' { interface Register { auth: typeof auth } }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add `auth` to it
export interface Register {}

/** The provider ids of a {@link Register}, or `string` when nothing is registered. */
export type IdsOf<Registered> = Registered extends {
  readonly auth: { readonly providers: readonly { readonly id: infer Id extends string }[] }
}
  ? Id
  : string

/** The ids of the registered providers, or `string`. */
export type RegisteredId = IdsOf<Register>

// Its declarations give every Fastify request its `session`; an unused import would not reach the published types.
export type { FastifySessionObject } from '@fastify/session'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in, and the providers' APIs in their name. There once `app.register(auth)` has run. */
    oauth: RequestOAuth<RegisteredId>
  }
  interface FastifyContextConfig {
    /** A route of Latchkey's own. */
    isLatchkeys?: boolean
  }
  interface FastifyInstance {
    /** What was registered. */
    latchkey: Latchkey<RegisteredId>
  }
}
