export { Auth0, type Auth0Options, type BitfountOptions, startAuth0, startBitfount } from './auth0/auth0.ts'
export type { Auth0Switches, CustomClaims } from './auth0/tenant.ts'
export {
  type ClientAuthMethod,
  DEFAULT_USERS,
  type EmulatedUser,
  type RegisteredClient,
} from './authorization-server/client.ts'
export type { LiveGrant } from './authorization-server/grants.ts'
export type { IdTokenBuilder, IdTokenChanges } from './authorization-server/id-token.ts'
export type { IssuedTokens, TokensOptions } from './authorization-server/issued-tokens.ts'
export type { Claims, KeySet } from './authorization-server/keys.ts'
export type { Endpoints } from './authorization-server/metadata.ts'
export type { DevicePollError, Policy } from './authorization-server/policy.ts'
export {
  AuthorizationServer,
  type AuthorizationServerEndpoint,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from './authorization-server/server.ts'
export type { GrantType } from './authorization-server/state.ts'
export type { AuthorizationServerBehaviour } from './authorization-server/token.ts'
export { TestClock, type TestClockOptions, type TimeSource } from './clock.ts'
export type { Cookie } from './cookie.ts'
export { CookieJar, type CookieRequest, type RefusedCookie } from './cookie-jar.ts'
export {
  type EmulatorClients,
  EmulatorGroup,
  type EmulatorName,
  type Emulators,
  type EmulatorsOptions,
  type ProviderEmulators,
  startEmulators,
} from './emulators.ts'
export { Exbo, type ExboOptions, startExbo } from './exbo/exbo.ts'
export { EXBO_USERS, type ExboSwitches } from './exbo/oauth.ts'
export type { ExboApiEndpoint } from './exbo/stalcraft-api.ts'
export { ForeignServer, type ForeignServerOptions, startForeignServer } from './foreign-server.ts'
export type { EmulatorServer } from './http/emulator-server.ts'
export type { Behaviour, Faults, FieldsPatch, Hold, HoldOptions, HoldPoint } from './http/faults.ts'
export type { ReceivedRequest } from './http/received-request.ts'
export { NADEO_ACCOUNTS, type NadeoAccount } from './nadeo/accounts.ts'
export { NadeoEmulator, type NadeoEmulatorOptions, startNadeo } from './nadeo/nadeo.ts'
export type { NadeoPresetOverrides } from './nadeo/preset-overrides.ts'
export type { NadeoCoreEndpoint, NadeoSwitches } from './nadeo/services.ts'
export type { PageResponse } from './page-request.ts'
export type { OpenidPresetOverrides, PresetOverrides } from './preset-overrides.ts'
export { type ApiServer, ProviderEmulator } from './provider-emulator.ts'
export { ResourceServer, type ResourceServerOptions, startResourceServer } from './resource-server.ts'
export { type FoundSecret, SecretMarks } from './secret-marks.ts'
export { SPOTIFY_SCOPES } from './spotify/accounts.ts'
export { Spotify, type SpotifyOptions, startSpotify } from './spotify/spotify.ts'
export { type SpotifyApiEndpoint, type SpotifyApiError, spotifyApiError } from './spotify/web-api.ts'
export { TRACKMANIA_SCOPES } from './trackmania/oauth.ts'
export { startTrackmania, Trackmania, type TrackmaniaOptions } from './trackmania/trackmania.ts'
export type { TrackmaniaSwitches } from './trackmania/user.ts'
export {
  type ConsentChoice,
  type FormBody,
  type NavigationOptions,
  type SubmitOptions,
  UserAgent,
  type UserAgentOptions,
} from './user-agent.ts'
