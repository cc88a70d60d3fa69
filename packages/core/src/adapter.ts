/** What adapters for web frameworks are made of. Apps use an adapter, not this. */
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
export type { AppSessionSettings } from './options.ts'
export type { AppSessionStore } from './store/store.ts'
