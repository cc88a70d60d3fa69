import type { webcrypto } from 'node:crypto'
import type { JsonObject } from './json-object.ts'

/**
 * How the client proves who it is at the token, revocation and device authorization endpoints.
 * `client_secret_basic` leaves unreserved characters alone and form-encodes the rest (RFC 6749 §2.3.1);
 * `client_secret_basic_raw` sends id and secret as they are, for servers that do not decode them;
 * `client_secret_jwt` signs an assertion with the secret, by HS256 (OpenID Connect Core 1.0 §9).
 */
export type ClientAuth =
  | {
      readonly method:
        | 'client_secret_basic'
        | 'client_secret_basic_raw'
        | 'client_secret_post'
        | 'client_secret_jwt'
      /** Makes the secret of each request, for servers whose secrets expire (Apple). Absent: the provider's `clientSecret`. */
      readonly clientSecret?: (clientId: string) => string | Promise<string>
    }
  | { readonly method: 'private_key_jwt'; readonly privateKey: webcrypto.CryptoKey; readonly keyId?: string }
  | { readonly method: 'none' }

/** What proves the user at the resource server. */
export type ResourceCredentials =
  /** `Authorization: <scheme> <access token>`; `Bearer` is the usual one. */
  | { readonly scheme: string }
  /** Header pairs; `{access_token}`, `{client_id}` and `{client_secret}` are filled in. */
  | { readonly headers: Readonly<Record<string, string>> }

/** Makes the headers that prove a client without a token: an API key of its own, or its id and secret. */
export type ApiKeyHeaders = (
  /** Of the request, one of `resourceOrigins`. */
  origin: string,
  client: { readonly clientId: string; readonly clientSecret?: string },
) => Readonly<Record<string, string>>

/** Where the fields of a token answer stand when the server does not use the names of RFC 6749 §5.1. A dot descends. */
export interface TokenAnswerFields {
  readonly accessToken: string
  readonly refreshToken: string
  readonly tokenType: string
  /** Seconds from now, as a number or a numeric string. */
  readonly expiresIn: string
  /** Epoch seconds; wins over `expiresIn`. */
  readonly expiresAt: string
  readonly refreshTokenExpiresIn: string
  readonly scope: string
  readonly idToken: string
  /** For servers whose errors do not stand in `error` (Twitch, Nadeo: `message`). */
  readonly error: string
  readonly errorDescription: string
}

/** Claims of a token that is a JWT which say when it ends; read unverified, as a hint. */
export interface TokenTimeClaims {
  /** Epoch seconds, like those of `iat`, from which they are counted. */
  readonly expiresAt: string
  /** From then on the server wants it to be renewed. */
  readonly refreshAfter?: string
}

/** An API of a server that makes tokens for one API each. */
export interface Audience {
  /** As the server spells it. */
  readonly name: string
  /** Other names for it, in lower case: apps may use them in any case. */
  readonly aliases: readonly string[]
  /** The only origins that get its tokens. */
  readonly resourceOrigins: readonly string[]
}

/**
 * A POST without form encoding: a JSON body, or none. `{audience}`, `{basic}` (base64 of `<client id>:<client secret>`)
 * and `{refresh_token}` are filled in.
 */
export interface LoginCall {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, string>>
}

/**
 * How a client gets tokens of its own where the server does not speak OAuth 2: by a login with its credentials, renewed
 * by a refresh token. The first audience is the default.
 */
export interface ClientLogin {
  readonly login: LoginCall
  readonly refresh: LoginCall
  readonly audiences: readonly [Audience, ...Audience[]]
}

/** The name of a claim, or several: the first that has a usable value is taken. A dot descends (`images.0.url`). */
export type ClaimPath = string | readonly string[]

/** Which claim of the userinfo answer (or ID token) fills which field of the user. */
export interface UserFields {
  /** The stable id. It must be there: a sign-in without it fails, so there is no second choice. */
  readonly id: string
  /** Further ids of the same user, by name. */
  readonly ids?: Readonly<Record<string, string>>
  readonly name?: ClaimPath
  readonly email?: ClaimPath
  readonly emailVerified?: ClaimPath
  readonly picture?: ClaimPath
}

/** Where the user's claims come from. */
export interface Userinfo {
  /** Absent: `userinfo_endpoint` of the discovery document, else the ID token alone. */
  readonly endpoint?: string
  readonly method?: 'GET' | 'POST'
  readonly fields: UserFields
}

/** What a dead refresh token looks like: `error`, and where the server needs it the status beside it. */
export interface DeadRefresh {
  readonly error: string
  readonly status?: number
}

/**
 * Everything Latchkey knows about one authorization server and our client there: data only.
 * A preset is this with the server's part filled in; endpoint names follow RFC 8414.
 */
export interface Provider<Id extends string = string> {
  /** Stands in URLs and types: lower-case letters, digits and `-`. */
  readonly id: Id
  /** For people: "Sign in with <name>". */
  readonly name: string
  /** Inline SVG for the button, trusted: it is written into the page as it is. */
  readonly icon?: string

  /** OpenID issuer. With it ID tokens are required and verified, and missing endpoints are discovered. */
  readonly issuer?: string
  readonly authorizationEndpoint?: string
  readonly tokenEndpoint?: string
  readonly revocationEndpoint?: string
  /** RFC 8628: sign-in on another device. */
  readonly deviceAuthorizationEndpoint?: string
  readonly jwksUri?: string
  /** RFC 9207: the server always sends `iss` in the authorization response. Discovery fills it in. */
  readonly authorizationResponseIss?: boolean
  /** The granted scope stands in the authorization response, and not in the token answer (Strava). */
  readonly authorizationResponseScope?: boolean
  /**
   * Makes the user's name of the parameter `user` of the authorization response, a JSON object (Apple, at the first consent
   * alone). Nobody has signed it, so it says nothing else; all of it is `user` among the claims.
   */
  readonly authorizationResponseName?: (user: JsonObject) => string | undefined

  readonly clientId: string
  readonly clientSecret?: string
  readonly clientAuth: ClientAuth
  /** How the client proves itself at the revocation endpoint, where that is another way. */
  readonly revocationClientAuth?: ClientAuth

  readonly scope: readonly string[]
  readonly scopeSeparator: ' ' | ','
  /** Sends `scope=` even when there is none. */
  readonly sendEmptyScope: boolean
  /** Extra parameters of the authorization request. They never replace one of ours. */
  readonly params: Readonly<Record<string, string>>
  readonly pkce: 'required' | 'supported' | 'never'
  readonly responseMode: 'query' | 'form_post'

  readonly tokenBodyFormat: 'form' | 'json'
  /** Extra parameters and headers of token and revocation requests. */
  readonly tokenParams: Readonly<Record<string, string>>
  readonly tokenHeaders: Readonly<Record<string, string>>
  readonly tokenAnswer: Partial<TokenAnswerFields>
  /** Where the tokens are JWTs and the answer does not say when they end. */
  readonly tokenTimeClaims?: TokenTimeClaims
  /** The server gives confidential clients tokens of their own by client credentials (RFC 6749 §4.4). */
  readonly clientCredentials: boolean
  /** In place of client credentials. A provider with it alone signs nobody in. */
  readonly clientLogin?: ClientLogin
  /** Signature algorithms accepted on ID tokens. `HS256` only when listed here. */
  readonly idTokenAlgorithms: readonly string[]
  /** Other names by which ID tokens may call the issuer (Google: the same without `https://`). */
  readonly idTokenIssuers?: readonly string[]

  readonly userinfo?: Userinfo

  /** Exact origins (scheme, host, port) that may receive the access token. */
  readonly resourceOrigins: readonly string[]
  readonly credentials: ResourceCredentials
  /** What `application()` sends instead of tokens of the client's own: then none is minted. */
  readonly apiKeyHeaders?: ApiKeyHeaders
  /** Fixed extra headers of every API request. */
  readonly resourceHeaders: Readonly<Record<string, string>>

  /** What it is asked for includes a refresh token, so that one which does not come is worth saying; beside `offline_access`. */
  readonly expectsRefreshToken?: boolean
  readonly deadRefresh: readonly DeadRefresh[]
  /** A refresh kills the access token at once, so no caller is served the old one while it runs. */
  readonly refreshEndsAccessToken: boolean
  /** A new token set kills all earlier ones of that user. */
  readonly exclusive: boolean
  /**
   * The accounts belong to the app's user instead of to a session: they survive sign-out, come back at the next
   * sign-in, can be used without anybody signed in, and end by `disconnect()`, by the server, or after 180 days unused.
   * Absent: as the option `keepAccounts` says.
   */
  readonly keepAccounts?: boolean
  /** How long the refresh token lives, counted from the user's authorization; refreshing does not extend it. */
  readonly refreshTokenLifetime?: { readonly months: number } | { readonly days: number }
  /** How many days before that `account_expiring` is announced. */
  readonly expiryNoticeDays: number
  /** What revoking does: end the one token, or the user's whole authorization of this client. */
  readonly revocation: 'token' | 'authorization'

  /** Path of the redirect URI below `baseUrl`; default `/callback/<id>`. */
  readonly callbackPath?: string
  /** What the server demands of redirect URIs, checked at start. */
  readonly redirectUriRule?: 'loopback_literal'
}

/** False for a provider that only gives the client tokens of its own. */
export function signsUsersIn({
  issuer,
  authorizationEndpoint,
}: Pick<Provider, 'issuer' | 'authorizationEndpoint'>): boolean {
  return issuer !== undefined || authorizationEndpoint !== undefined
}

/** A provider whose client id and secret may still come from the environment: what the preset functions return. */
export interface ProviderPreset<Id extends string = string> extends Omit<Provider<Id>, 'clientId'> {
  readonly clientId?: string
}
