import type { IdTokenBuilder } from './id-token.ts'

/** Why a device gets no tokens yet, or never (RFC 8628 §3.5). */
export type DevicePollError =
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  | 'invalid_grant'

/** What an authorization server always does, as opposed to faults, which come and go. Every field can be set at any time. */
export interface Policy {
  /**
   * A client that is not registered is on first sight, with the secret that it shows first; a redirect URI needs no
   * registration, but has to follow the provider's rules. @default false
   */
  acceptsAnyClient: boolean
  /** A refresh issues a new refresh token and spends the old one; `'public'`: only for clients without a secret or key. @default true */
  rotate: boolean | 'public'
  /** A rotation makes the refresh token before it useless. `false`: every earlier one goes on working. @default true */
  spendOnRotate: boolean
  /** So long the refresh token spent last is still answered, with the live set of its family. @default 0 */
  graceSeconds: number
  /** Within the grace time the old refresh token rotates again instead of returning the live one. @default false */
  graceRotates: boolean
  /** A spent refresh token used after its grace time ends the whole grant (RFC 9700 §4.14.2). @default false */
  reuseKillsFamily: boolean
  /** A refresh that does not rotate repeats the refresh token in its answer. @default false */
  repeatRefreshToken: boolean
  /** A refresh ends the access tokens issued before, as GitHub Apps do. @default false */
  refreshEndsAccessToken: boolean
  /** Each code exchange ends the earlier tokens of that user and client, each client credentials grant those of the client. @default false */
  exclusive: boolean
  /** With `exclusive`: the earlier refresh tokens end too; `false`: the access tokens alone. @default true */
  exclusiveEndsRefreshTokens: boolean
  /** Whether a code exchange issues a refresh token at all; `'offline_access'`: only with that scope. @default 'always' */
  refreshTokens: 'always' | 'offline_access' | 'never'
  /** @default 3600 */
  accessTokenLifetimeSeconds: number
  /** Of the access tokens that client credentials bring. Absent: as all others. */
  applicationTokenLifetimeSeconds: number | undefined
  /** Counted from the authorization, never extended by a refresh. @default Infinity */
  refreshTokenLifetimeSeconds: number
  /** `error_description` for a refresh token whose lifetime is over; absent: none is sent. @default 'Refresh token expired' */
  expiredRefreshTokenText: string | undefined
  /** @default 60 */
  codeLifetimeSeconds: number
  /** @default 900 */
  deviceCodeLifetimeSeconds: number
  /** Seconds between two polls of a device. Absent: the answer names none, and 5 holds (RFC 8628 §3.2). @default 5 */
  deviceIntervalSeconds: number | undefined
  /** So many seconds more between two polls after each `slow_down`; the RFC says 5. @default 5 */
  deviceSlowDownSeconds: number
  /** Statuses of the answers to a poll, where they are not 400; Auth0: 403, and 429 for `slow_down`. @default none */
  deviceErrorStatuses: Readonly<Partial<Record<DevicePollError, number>>>
  /** `expired_token` is said once and `invalid_grant` from then on, as Auth0 does. @default false */
  deviceExpiredOnce: boolean
  /** @default true */
  verificationUriComplete: boolean
  /** `required` refuses a request without S256 challenge; `optional` checks it when sent; `ignored` never. @default 'optional' */
  pkce: 'required' | 'optional' | 'ignored'
  /** Status of `invalid_client` without Basic credentials; with them it is 401. @default 401 */
  invalidClientStatus: 400 | 401 | 403
  /** Token, revocation and device requests may have a JSON body instead of a form. @default false */
  jsonBodies: boolean
  /** How Basic credentials are read: form-decoded (RFC 6749 §2.3.1), raw, or either. @default 'either' */
  basicDecoding: 'form' | 'raw' | 'either'
  /** `iss` of the authorization response (RFC 9207): the issuer, none, or these values, repeated when several. @default 'issuer' with `oidc`, else 'none' */
  responseIss: 'issuer' | 'none' | readonly string[]
  /** Whether discovery says that `iss` is sent, true or not. @default true with `oidc` */
  advertisesResponseIss: boolean
  /** Changes the parameters of the authorization response in place, after all else. */
  callbackParams: ((params: URLSearchParams) => void) | undefined
  /** The id of a user who is signed in at once, without a consent page. */
  autoApprove: string | undefined
  /** Every user says no at once, without a consent page. @default false */
  autoDeny: boolean
  /** Seconds that the server's own clock is ahead; negative: behind. Seen in `iat` and `exp`. @default 0 */
  skewSeconds: number
  /** With the scope `openid`, a refresh issues an ID token too. @default true */
  idTokenOnRefresh: boolean
  /** Makes every ID token; absent: `build.sign()`. */
  idToken: ((build: IdTokenBuilder) => string) | undefined
  /** Scopes that are known; an unknown one is answered `invalid_scope`. Absent: all are. */
  knownScopes: readonly string[] | undefined
  /** What a denied or reduced consent grants of the requested scope. Absent: all of it. */
  grantedScope: ((requested: readonly string[]) => readonly string[]) | undefined
}

/** The defaults, with `overrides` laid over them. */
export function policyOf(oidc: boolean, overrides: Partial<Policy> = {}): Policy {
  return {
    acceptsAnyClient: false,
    rotate: true,
    spendOnRotate: true,
    graceSeconds: 0,
    graceRotates: false,
    reuseKillsFamily: false,
    repeatRefreshToken: false,
    refreshEndsAccessToken: false,
    exclusive: false,
    exclusiveEndsRefreshTokens: true,
    refreshTokens: 'always',
    accessTokenLifetimeSeconds: 3600,
    applicationTokenLifetimeSeconds: undefined,
    refreshTokenLifetimeSeconds: Infinity,
    expiredRefreshTokenText: 'Refresh token expired',
    codeLifetimeSeconds: 60,
    deviceCodeLifetimeSeconds: 900,
    deviceIntervalSeconds: 5,
    deviceSlowDownSeconds: 5,
    deviceErrorStatuses: {},
    deviceExpiredOnce: false,
    verificationUriComplete: true,
    pkce: 'optional',
    invalidClientStatus: 401,
    jsonBodies: false,
    basicDecoding: 'either',
    responseIss: oidc ? 'issuer' : 'none',
    advertisesResponseIss: oidc,
    callbackParams: undefined,
    autoApprove: undefined,
    autoDeny: false,
    skewSeconds: 0,
    idTokenOnRefresh: true,
    idToken: undefined,
    knownScopes: undefined,
    grantedScope: undefined,
    ...overrides,
  }
}
