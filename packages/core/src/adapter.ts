/** What adapters for web frameworks are made of. Apps use an adapter, not this. */
export { type AppMember, appMembers } from './adapter/app-members.ts'
export type { AppSessionPort } from './adapter/app-session-port.ts'
export { AppSessions } from './adapter/app-sessions.ts'
export { Exchange } from './adapter/exchange.ts'
export { Exchanges } from './adapter/exchanges.ts'
export { LazySession } from './adapter/lazy-session.ts'
export { Lifecycle } from './adapter/lifecycle.ts'
export type { PlainRequest, Reply } from './flows/http.ts'
export { type ResponseHeaders, sharedCacheHeaders } from './flows/shared-caches.ts'
export { type Carrying, carry } from './latchkey/carry.ts'
export {
  type AppSessionParts,
  type ButtonsOptions,
  Latchkey,
  type LoginRequirement,
  type ProviderInfo,
} from './latchkey.ts'
