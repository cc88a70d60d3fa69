export {
  type AccessToken,
  type AccessTokenOptions,
  type AccountStatus,
  type ApiAccess,
  type Clock,
  type ErrorCode,
  LatchkeyError,
  type LogFields,
  type Logger,
  type LoginRequiredReason,
  type OAuthErrorFields,
  type RequestOptions,
  type RequestParams,
  type ResponseData,
  type TokenSet,
  type Tokens,
} from '@latchkey/core'
export type { Provider, ProviderPreset } from '@latchkey/core/providers'
// Presets: each is named once, where it is listed.
export * from '@latchkey/core/providers'
export type { TerminalAccount } from './account.ts'
export type { AccountAbout } from './disk/account-file.ts'
export { type DiskStore, type DiskStoreOptions, diskStore, type StoredAccount } from './disk/disk-store.ts'
export type { AccountOptions, SignInOptions } from './options.ts'
export type { OpenBrowser } from './sign-in/browser.ts'
export type { LoopbackOptions } from './sign-in/loopback.ts'
export type { Prompt, PromptTexts, SignInWay } from './sign-in/request.ts'
export type { Terminal } from './sign-in/terminal.ts'
export { openAccount, signIn } from './sign-in.ts'
