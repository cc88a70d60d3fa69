/** What adapters for web frameworks are made of. Apps use an adapter, not this. */
export { type AppMember, appMembers } from './adapter/app-members.ts'
export { type AppSessionData, appSessionDataIn } from './adapter/app-session-data.ts'
export { AppSessions } from './adapter/app-sessions.ts'
export { type AnswerPrivacy, guardSharedCaches } from './adapter/guard-shared-caches.ts'
export { LazySession } from './adapter/lazy-session.ts'
export { bodyText } from './adapter/request-body.ts'
export { responseBegun } from './adapter/response-begun.ts'
export type { PlainRequest, Reply } from './flows/http.ts'
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
