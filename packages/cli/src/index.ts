export { LatchkeyError } from '@latchkey/core'
export {
  type AppleOptions,
  type Auth0Options,
  apple,
  auth0,
  type BitfountOptions,
  battlenet,
  bitfount,
  discord,
  dropbox,
  type ExboOptions,
  exbo,
  facebook,
  type GitLabOptions,
  github,
  githubApp,
  gitlab,
  google,
  type KeycloakOptions,
  keycloak,
  linkedin,
  type MicrosoftOptions,
  microsoft,
  type NadeoAudience,
  type NadeoOptions,
  nadeo,
  notion,
  type OAuth2Options,
  type OidcOptions,
  type OktaOptions,
  oauth2,
  oidc,
  okta,
  type Provider,
  type ProviderOptions,
  type ProviderPreset,
  reddit,
  type ScopeName,
  type SpotifyOptions,
  type SpotifyScope,
  slack,
  spotify,
  strava,
  type TrackmaniaScope,
  trackmania,
  twitch,
  type UserinfoOption,
} from '@latchkey/core/providers'
export { TerminalAccount } from './account.ts'
export type { AccountAbout } from './disk/account-file.ts'
export { DiskStore, type DiskStoreOptions, diskStore, type StoredAccount } from './disk/disk-store.ts'
export type { AccountOptions, SignInOptions } from './options.ts'
export type { OpenBrowser } from './sign-in/browser.ts'
export type { LoopbackOptions } from './sign-in/loopback.ts'
export type { Prompt, PromptTexts, SignInWay } from './sign-in/request.ts'
export type { Terminal } from './sign-in/terminal.ts'
export { openAccount, signIn } from './sign-in.ts'
