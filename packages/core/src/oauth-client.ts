import type { Clock } from './clock.ts'
import { abortable } from './fetch/abortable.ts'
import {
  type ClientSettings,
  clientSettings,
  type OAuthClientOptions,
} from './oauth-client/client-options.ts'
import { DeviceAuthorization } from './oauth-client/device-authorization.ts'
import {
  type AuthorizationUrlRequest,
  callbackParameters,
  type KeptAuthorization,
  keptAuthorization,
  newAuthorization,
  type PendingAuthorization,
} from './oauth-client/pending-authorization.ts'
import { type Profile, profileOf } from './oauth-client/profile.ts'
import { Refreshes } from './oauth-client/refreshes.ts'
import {
  type RequestParams,
  requestedScope,
  requireText,
  tokenParams,
} from './oauth-client/request-checks.ts'
import type {
  ClientCredentialsRequest,
  DeviceAuthorizationRequest,
  ExchangeOptions,
  RefreshTokensOptions,
} from './oauth-client/requests.ts'
import { revoke } from './oauth-client/revoke.ts'
import {
  firstResponse,
  type KnownTokens,
  type TokenResponse,
  tokenSetOf,
} from './oauth-client/token-response.ts'
import { invalidOption } from './options/invalid-option.ts'
import { checkPreset } from './options/providers.ts'
import { requireClientCredentials } from './protocol/client-credentials.ts'
import { mintError } from './protocol/grant-error.ts'
import { ProtocolClient } from './protocol/protocol-client.ts'
import type { Provider, ProviderPreset } from './protocol/provider.ts'
import type { TokenTypeHint } from './protocol/revocation.ts'
import { resolveClient } from './providers/resolve-client.ts'
import { Transport } from './transport/transport.ts'

export type { OAuthClientOptions } from './oauth-client/client-options.ts'
export { DeviceAuthorization } from './oauth-client/device-authorization.ts'
export type {
  AuthorizationUrlRequest,
  KeptAuthorization,
  PendingAuthorization,
} from './oauth-client/pending-authorization.ts'
export type { Profile } from './oauth-client/profile.ts'
export type { RequestParams } from './oauth-client/request-checks.ts'
export type {
  ClientCredentialsRequest,
  DeviceAuthorizationRequest,
  ExchangeOptions,
  RefreshTokensOptions,
} from './oauth-client/requests.ts'
export type { KnownTokens, TokenResponse } from './oauth-client/token-response.ts'

/**
 * One OAuth 2 or OpenID client on its own: no store, no session, no web framework. It holds no tokens: what it returns is
 * for the app to keep. Safe for concurrent use. Printing it shows no secret.
 *
 * @example
 * const client = new OAuthClient(spotify())
 * const pending = await client.authorizationUrl({ redirectUri })
 * // send the user to pending.url, keep pending, and when they come back:
 * const { tokens } = await client.exchangeCode(callbackUrl, pending)
 */
export class OAuthClient<Id extends string = string> {
  readonly #provider: Provider<Id>
  readonly #settings: ClientSettings
  readonly #transport: Transport
  readonly #client: ProtocolClient
  readonly #refreshes: Refreshes

  /**
   * @param provider what a preset returns. Client id and secret left out come from `<ID>_CLIENT_ID` and
   *   `<ID>_CLIENT_SECRET`.
   * @throws {LatchkeyError} `invalid_options` that names option, variable and fix.
   */
  constructor(provider: ProviderPreset<Id>, options: OAuthClientOptions = {}) {
    checkPreset('The first argument of new OAuthClient()', provider, 'new OAuthClient(spotify())')
    this.#settings = clientSettings(options)
    this.#provider = resolveClient(provider, process.env)
    const { clock, log, timeoutMs, dispatcher } = this.#settings
    this.#transport = new Transport({ dispatcher, clock })
    this.#client = new ProtocolClient(this.#provider, { transport: this.#transport, clock, log, timeoutMs })
    this.#refreshes = new Refreshes(this.#client, timeoutMs)
  }

  /** What this client knows about its server, defaults and client id included; without the client secret. */
  get provider(): Omit<Provider<Id>, 'clientSecret'> {
    const { clientSecret, ...provider } = this.#provider
    return provider
  }

  /**
   * Starts a sign-in. State, nonce and PKCE verifier are drawn here, 256 bits each. Keep the answer until the callback,
   * out of the reach of other users.
   *
   * @throws {LatchkeyError} `invalid_options`: redirect URI, scope, state or parameters. `as_unavailable`,
   *   `as_misconfigured`: discovery failed.
   * @see RFC 6749 §4.1.1, RFC 7636 §4
   */
  async authorizationUrl(request: AuthorizationUrlRequest): Promise<PendingAuthorization> {
    const values = newAuthorization(this.#provider, request)
    const { prompt, params } = request
    const url = await this.#client.authorizationUrl({
      ...values,
      ...(prompt === undefined ? {} : { prompt }),
      ...(params === undefined ? {} : { params }),
    })
    return { url, ...values }
  }

  /**
   * Completes a sign-in: checks `state`, `iss` (RFC 9207) and the server's own error, before anything is sent; then
   * exchanges the code once and verifies the ID token.
   *
   * @param callback the URL that the user came back to, `req.url`, or its parameters; of a form the body's.
   * @param pending what {@link OAuthClient.authorizationUrl} returned.
   * @throws {LatchkeyError} `state_mismatch`: the callback answers another request. `access_denied`: the user said no.
   * @throws {LatchkeyError} `invalid_callback`: malformed, code refused, or ID token not to be believed.
   * @throws {LatchkeyError} `as_unavailable`: no usable answer. The code may be spent; start again.
   * @throws {LatchkeyError} `as_misconfigured`: the server does not accept this client.
   * @see RFC 6749 §4.1.2 and §4.1.3
   */
  async exchangeCode(
    callback: string | URL | URLSearchParams,
    pending: KeptAuthorization,
    options: ExchangeOptions = {},
  ): Promise<TokenResponse> {
    const kept = keptAuthorization(this.#provider, pending)
    const params = tokenParams(options.params)
    const parameters = callbackParameters(this.#provider, callback, kept)
    const { code, scope = kept.scope } = await this.#client.readAuthorizationResponse(parameters, kept)
    return this.#exchange(code, { ...kept, scope }, params)
  }

  /**
   * Completes a sign-in with a code that the user pasted, for terminals that no redirect can reach. `state` and `iss` are
   * not there to be checked, so only PKCE and the nonce tie the code to this sign-in: where the callback URL can be had,
   * pass it to {@link OAuthClient.exchangeCode} instead.
   *
   * @throws {LatchkeyError} as {@link OAuthClient.exchangeCode}
   */
  async exchangePastedCode(
    code: string,
    pending: KeptAuthorization,
    options: ExchangeOptions = {},
  ): Promise<TokenResponse> {
    const kept = keptAuthorization(this.#provider, pending)
    const pasted = requireText('code', code, 'the authorization code as text').trim()
    if (/^\w+:\/\/|[?&]code=/.test(pasted)) throw invalidOption('code is a URL. Pass it to exchangeCode().')
    return this.#exchange(pasted, kept, tokenParams(options.params))
  }

  /**
   * Fresh tokens for a refresh token. Sends one request and never tries again by itself. A refresh token that comes back is
   * in the answer, else the old one is: store the answer before you use it. Calls for the same refresh token at the same
   * time share one request, so it is never spent twice at once by this client.
   *
   * @param tokens what this client returned before; `{ refreshToken }` will do.
   * @param options.scope less than was granted.
   * @throws {LatchkeyError} `login_required`: `reason` `grant_ended` (the refresh token is dead, or it is another user's),
   *   `refused`, or `no_refresh_token`.
   * @throws {LatchkeyError} `as_unavailable`: no usable answer; keep the old tokens. A new refresh token in a broken answer
   *   is not lost: the next call with the old one sends it.
   * @throws {LatchkeyError} `as_misconfigured`: the server does not accept this client.
   * @see RFC 6749 §6
   */
  async refresh(tokens: KnownTokens, options: RefreshTokensOptions = {}): Promise<TokenResponse> {
    const scope = options.scope === undefined ? undefined : requestedScope(options.scope, [])
    return this.#refreshes.refresh(tokenSetOf(tokens), { scope, params: tokenParams(options.params) })
  }

  /**
   * Revokes a token set, or one token. A token that the server does not know any more counts as revoked.
   *
   * @param what a token set: its refresh token, and its access token too where the server ends single tokens only. Text:
   *   that token.
   * @param options.tokenTypeHint what the text is; of a token set, which of the two to revoke alone.
   * @throws {LatchkeyError} `not_supported`: there is no revocation endpoint, or not for this kind of token.
   * @throws {LatchkeyError} `as_unavailable`: no answer; the token may still be valid. `as_misconfigured`: refused.
   * @see RFC 7009 §2
   */
  async revoke(
    what: KnownTokens | string,
    options: { readonly tokenTypeHint?: TokenTypeHint | undefined } = {},
  ): Promise<void> {
    return revoke(this.#client, what, options.tokenTypeHint)
  }

  /**
   * The user behind an access token: from the userinfo endpoint, and where there is none from the ID token. Userinfo about
   * somebody else than the ID token is refused.
   *
   * @param tokens what this client returned, its ID token with it. The text of an access token is taken too; then nothing
   *   says whose it should be.
   * @throws {LatchkeyError} `login_required` with `reason: 'refused'`: the access token is not accepted any more.
   * @throws {LatchkeyError} `not_supported`: nothing says where users are described. `as_unavailable`,
   *   `as_misconfigured`; `invalid_callback`: about another user.
   * @see OpenID Connect Core 1.0 §5.3
   */
  async userinfo(tokens: KnownTokens | string): Promise<Profile> {
    return profileOf(this.#client, tokens)
  }

  /**
   * A token of the client's own. At servers with exclusive tokens (EXBO) it ends the one before: keep it, and share it.
   *
   * @throws {LatchkeyError} `not_supported`: the provider, or this client there, has no such tokens.
   * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`
   * @see RFC 6749 §4.4
   */
  async clientCredentials(request: ClientCredentialsRequest = {}): Promise<TokenResponse> {
    requireClientCredentials(this.#provider)
    const { audience } = request
    const scope = requestedScope(request.scope, [])
    const params = tokenParams(request.params)
    const wanted = { scope, params, ...(audience === undefined ? {} : { audience }) }
    const answer = await this.#client.mint(wanted, { deadlineMs: this.#settings.timeoutMs })
    if (answer.kind !== 'token_set') throw mintError(this.#provider, answer)
    return { tokens: answer.tokens, raw: answer.raw }
  }

  /**
   * Starts a sign-in on another device: for terminals, televisions and everything without a browser.
   *
   * @throws {LatchkeyError} `not_supported`: the server has no endpoint for it. `as_unavailable`, `as_misconfigured`
   * @see RFC 8628
   */
  async deviceAuthorization(request: DeviceAuthorizationRequest = {}): Promise<DeviceAuthorization> {
    const { audience = this.#provider.params.audience, signal } = request
    const scope = requestedScope(request.scope, this.#provider.scope)
    const params = tokenParams(request.params)
    signal?.throwIfAborted()
    const { device } = this.#client
    const wanted = { scope, params, ...(audience === undefined ? {} : { audience }) }
    const codes = await abortable(device.codes(wanted), signal)
    const { clock } = this.#settings
    const expiresAt = Math.floor(clock.now() + codes.expiresInSeconds)
    return new DeviceAuthorization({ provider: this.#provider, device, clock, codes, scope, expiresAt })
  }

  /**
   * True when the access token is expired or will be within `leewaySeconds`. A token whose end nobody knows is not: it is
   * used until the API answers 401.
   */
  isExpired(tokens: { readonly expiresAt?: number | undefined }, leewaySeconds = 30): boolean {
    return tokens.expiresAt !== undefined && this.#clock.now() >= tokens.expiresAt - leewaySeconds
  }

  /** Closes idle connections. A program need not: they do not keep it alive. Never closes a dispatcher that was passed in. */
  close(): Promise<void> {
    return this.#transport.close()
  }

  get #clock(): Clock {
    return this.#settings.clock
  }

  async #exchange(
    code: string,
    kept: Omit<PendingAuthorization, 'url'>,
    params: RequestParams,
  ): Promise<TokenResponse> {
    const { redirectUri, codeVerifier, nonce, scope } = kept
    const answer = await this.#client.exchangeCode({ code, redirectUri, codeVerifier, nonce, scope, params })
    return firstResponse(this.#provider, answer)
  }
}
