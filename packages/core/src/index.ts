export { type Clock, systemClock } from './clock.ts'
export {
  type ErrorCode,
  type ErrorDetails,
  LatchkeyError,
  type LoginRequiredReason,
  type OAuthErrorFields,
} from './errors.ts'
export type { AccountEvent, LatchkeyEvents, TypedEmitter } from './events.ts'
export type { AccessToken, AccessTokenOptions, ApiAccess } from './fetch/api-access.ts'
export type { RequestOptions, ResponseData } from './fetch/authorized-request.ts'
export { type RateLimit, rateLimitOf } from './fetch/rate-limit.ts'
export type { LoginDetails } from './flows/settings.ts'
export type {
  ApplicationOptions,
  ButtonsOptions,
  CreatedSession,
  ImportedAccount,
  LoginRequirement,
  NewSession,
  ProviderInfo,
  Tokens,
} from './latchkey.ts'
export { consoleLogger, type LogFields, type Logger } from './log.ts'
export { LogLimit } from './log-limit.ts'
export {
  type AuthorizationUrlRequest,
  type ClientCredentialsRequest,
  type DeviceAuthorization,
  type DeviceAuthorizationRequest,
  type ExchangeOptions,
  type KeptAuthorization,
  type KnownTokens,
  OAuthClient,
  type OAuthClientOptions,
  type PendingAuthorization,
  type Profile,
  type RefreshTokensOptions,
  type RequestParams,
  type TokenResponse,
} from './oauth-client.ts'
export type { AppSessionOptions, LatchkeyOptions, RouteOptions, SignInOptions } from './options.ts'
export type { IdTokenClaims } from './protocol/id-token.ts'
export { decodeJwtUnverified, type UnverifiedJwt } from './protocol/jwt.ts'
export type {
  ApiKeyHeaders,
  Audience,
  ClaimPath,
  ClientAuth,
  ClientLogin,
  DeadRefresh,
  LoginCall,
  Provider,
  ProviderPreset,
  ResourceCredentials,
  TokenAnswerFields,
  TokenTimeClaims,
  UserFields,
  Userinfo,
} from './protocol/provider.ts'
export type { TokenTypeHint } from './protocol/revocation.ts'
export type { TokenSet } from './protocol/token.ts'
export type { User } from './protocol/user.ts'
// Presets: each is named once, where it is listed.
export * from './providers/index.ts'
export type {
  Account,
  AccountStatus,
  LoginOptions,
  LogoutOptions,
  RequestAccess,
  RequestOAuth,
  UserAccess,
} from './request-oauth.ts'
export { type MemoryStoreOptions, memoryStore } from './store/memory-store.ts'
export type {
  Admission,
  AdmissionOutcome,
  AppSessionStore,
  Attempt,
  AttemptFailure,
  GrantObservation,
  GrantRef,
  GrantStore,
  GrantWrite,
  Joined,
  LeaseStore,
  Member,
  SessionDeleteOutcome,
  SessionStore,
  SessionWrite,
  SessionWriteOutcome,
  Store,
  SubjectStore,
  UsedMarkerStore,
  UserStore,
  VersionedRecord,
} from './store/store.ts'
export { appSessionTombstoneSeconds } from './store/store.ts'
