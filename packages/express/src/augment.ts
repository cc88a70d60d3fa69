import type { RequestOAuth } from '@latchkey/core'

/**
 * Tells `req.oauth` which provider ids there are. Optional; once per app:
 *
 * ```ts
 * declare module '@latchkey/express' { interface Register { auth: typeof auth } }
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

// Its declarations give every Express request its `session`; an unused import would not reach the published types.
export type { SessionData } from 'express-session'

declare global {
  namespace Express {
    interface Request {
      /** Who is signed in, and the providers' APIs in their name. There once `app.use(auth)` has run. */
      oauth: RequestOAuth<RegisteredId>
    }
  }
}
