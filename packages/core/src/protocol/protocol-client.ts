import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import { type AuthorizationRequest, buildAuthorizationUrl } from './authorization.ts'
import { type AuthorizationResponse, readAuthorizationResponse } from './authorization-response.ts'
import { type MintRequest, mintTokens } from './client-credentials.ts'
import { logIn, renewLogin, renewOrLogIn } from './client-login.ts'
import { type ClientRequestContext, clientRequestContext } from './client-request.ts'
import { DeviceClient } from './device-client.ts'
import { exchangeError } from './exchange-error.ts'
import type { JsonObject } from './json-object.ts'
import { KeySource } from './jwks.ts'
import { MetadataSource, type ServerMetadata } from './metadata.ts'
import { type Provider, signsUsersIn } from './provider.ts'
import { type RefreshContext, type RefreshOptions, refreshTokens } from './refresh.ts'
import {
  type RevocationOutcome,
  revokeToken,
  revokeTokenSet,
  revokeTokens,
  type TokenTypeHint,
} from './revocation.ts'
import { type SignInAnswer, signInAnswer } from './sign-in-answer.ts'
import type { TokenAnswer, TokenSet } from './token.ts'
import { requestTokens } from './token-request.ts'
import { displayText, mapUser, openidUserFields, type User } from './user.ts'
import { fetchUserinfo } from './userinfo.ts'

/** The user, with every claim that the provider sent. */
export interface UserProfile {
  readonly user: User
  /**
   * Claims of the ID token and of the userinfo answer, which wins; `user` is that of the authorization response, where
   * the server describes users there. Untrusted text.
   */
  readonly claims: JsonObject
}

/** What one code is exchanged with: the values of the authorization request. */
export interface CodeExchange {
  readonly code: string
  readonly redirectUri: string
  readonly codeVerifier: string
  readonly nonce: string
  readonly scope: readonly string[]
  /** Further parameters; they replace none of ours. */
  readonly params?: Readonly<Record<string, string>> | undefined
}

const defaultTimeoutMs = 10_000

/** One client at one authorization server. Safe for concurrent use; holds no tokens. */
export class ProtocolClient {
  readonly #provider: Provider
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #log: Logger
  readonly #metadata: MetadataSource
  readonly #keys: KeySource
  readonly #timeoutMs: number

  /** @param deps.timeoutMs of a code exchange, of userinfo and of a device's requests. */
  constructor(
    provider: Provider,
    deps: { transport: Transport; clock: Clock; log: Logger; timeoutMs?: number | undefined },
  ) {
    this.#provider = provider
    this.#timeoutMs = deps.timeoutMs ?? defaultTimeoutMs
    this.#transport = deps.transport
    this.#clock = deps.clock
    this.#log = deps.log
    this.#metadata = new MetadataSource({ provider, ...deps })
    this.#keys = new KeySource({ ...deps, provider: provider.id })
  }

  /** A getter, so that printing a client does not print the client secret. */
  get provider(): Provider {
    return this.#provider
  }

  /** Sign-in of devices without a browser, on the same metadata and keys. */
  get device(): DeviceClient {
    return new DeviceClient(this.#tokenContext(), this.#timeoutMs)
  }

  /**
   * The authorization server (its issuer, or its token endpoint) and our client there, as stable text for digests and
   * keys: tokens of one are never used at another.
   */
  identity(): string {
    const { issuer, tokenEndpoint, clientId } = this.#provider
    return JSON.stringify([issuer ?? tokenEndpoint ?? '', clientId])
  }

  /**
   * The URL that starts a sign-in.
   *
   * @throws {LatchkeyError} `as_unavailable` or `as_misconfigured` from discovery; `invalid_options` for `params`.
   */
  async authorizationUrl(request: AuthorizationRequest): Promise<string> {
    return buildAuthorizationUrl(this.#provider, await this.#metadata.get(), request)
  }

  /**
   * What an authorization response brings, once state, `iss` (RFC 9207) and error are checked.
   *
   * @param parameters from the raw query or form, so that a repeated parameter shows.
   * @throws {LatchkeyError} `invalid_callback` with `reason` (`duplicate`, `iss`, `state`, `no_code`, …),
   *   `access_denied`, `as_misconfigured` or `as_unavailable`.
   */
  async readAuthorizationResponse(
    parameters: URLSearchParams,
    expected: { readonly state: string },
  ): Promise<AuthorizationResponse> {
    return readAuthorizationResponse(this.#provider, await this.#metadata.get(), parameters, expected)
  }

  /**
   * Exchanges a code, once, and verifies the ID token.
   *
   * @throws {LatchkeyError} `invalid_callback`: code refused or ID token not to be believed.
   * @throws {LatchkeyError} `as_unavailable`: no usable answer. The code may be spent: never retried.
   * @throws {LatchkeyError} `as_misconfigured`: the server does not accept this client.
   */
  async exchangeCode(request: CodeExchange): Promise<SignInAnswer> {
    const metadata = await this.#metadata.get()
    const answer = await this.#exchange(metadata, request)
    if (answer.kind !== 'token_set') throw exchangeError(this.#provider, answer)
    return signInAnswer({ ...this.#tokenContext(), metadata }, answer, request.nonce)
  }

  /**
   * The user behind a sign-in, with every claim that the provider sent.
   *
   * @param described how the authorization response describes the user: at most a name is taken from it.
   * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`, or `invalid_callback` when userinfo is about somebody
   *   else than the ID token. `not_supported`: nothing says where users are described.
   */
  async profile(
    answer: Pick<SignInAnswer, 'tokens' | 'claims'>,
    described?: JsonObject,
  ): Promise<UserProfile> {
    const provider = this.#provider
    const endpoint = (await this.#metadata.get()).userinfoEndpoint
    if (endpoint === undefined && answer.claims === undefined) throw noUserinfo(provider)
    const fetched =
      endpoint === undefined
        ? {}
        : await fetchUserinfo({
            provider,
            endpoint,
            tokens: answer.tokens,
            subject: answer.claims?.sub,
            transport: this.#transport,
            clock: this.#clock,
            deadlineMs: this.#timeoutMs,
          })
    const claims = { ...answer.claims, ...fetched }
    const user = mapUser(provider, provider.userinfo?.fields ?? openidUserFields, claims)
    if (described === undefined) return { user, claims }
    const name = displayText(provider.authorizationResponseName?.(described))
    return { user: { ...(name !== undefined && { name }), ...user }, claims: { user: described, ...claims } }
  }

  /** True while a refresh token is there. */
  canRefresh(tokens: TokenSet): boolean {
    return tokens.refreshToken !== undefined
  }

  /**
   * One refresh: one POST, one answer. Never throws for what the server or the network does.
   *
   * @param options.deadlineMs for everything.
   */
  async refresh(tokens: TokenSet, options: RefreshOptions): Promise<TokenAnswer> {
    const { clientLogin } = this.#provider
    if (clientLogin !== undefined)
      return renewLogin(this.#tokenContext(), clientLogin, { tokens, ...options })
    return refreshTokens(this.#tokenContext(), tokens, options)
  }

  /**
   * A token of the client's own: one POST, one answer, never `dead`. Never throws for what the server or the network
   * does. Most servers send no refresh token with it.
   *
   * @param options.deadlineMs for everything.
   */
  async mint(request: MintRequest, options: { readonly deadlineMs: number }): Promise<TokenAnswer> {
    const { clientLogin } = this.#provider
    if (clientLogin !== undefined)
      return logIn(this.#tokenContext(), clientLogin, { audience: request.audience, ...options })
    return mintTokens(this.#tokenContext(), request, options.deadlineMs)
  }

  /**
   * The next token of the client's own after `tokens`: minted anew, or renewed where a login brought them. As
   * {@link ProtocolClient.mint}.
   */
  async mintAfter(
    tokens: TokenSet,
    request: MintRequest,
    options: { readonly deadlineMs: number },
  ): Promise<TokenAnswer> {
    const { clientLogin } = this.#provider
    if (clientLogin === undefined) return this.mint(request, options)
    return renewOrLogIn(this.#tokenContext(), clientLogin, { tokens, audience: request.audience, ...options })
  }

  /**
   * Revokes a token set (RFC 7009). True when nothing is left to do: revoked, unknown there, no endpoint, or refused
   * for good. False when it should be tried again. Never throws.
   */
  async revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean> {
    if (!signsUsersIn(this.#provider)) return true
    try {
      const metadata = await this.#metadata.get()
      const endpoint = metadata.revocationEndpoint
      if (endpoint === undefined) return true
      const context = { ...this.#requestContext(metadata), log: this.#log }
      return await revokeTokens(context, { endpoint, tokens, deadlineMs: options.deadlineMs })
    } catch {
      return false
    }
  }

  /**
   * Revokes one token, or a token set, at the revocation endpoint. `undefined`: there is none.
   *
   * @throws {LatchkeyError} from discovery; `invalid_options` when the client cannot prove itself.
   */
  async sendRevocations(
    what:
      | Pick<TokenSet, 'accessToken' | 'refreshToken'>
      | { readonly token: string; readonly hint?: TokenTypeHint | undefined },
  ): Promise<readonly RevocationOutcome[] | undefined> {
    const metadata = await this.#metadata.get()
    const endpoint = metadata.revocationEndpoint
    if (endpoint === undefined) return undefined
    const context = this.#requestContext(metadata)
    const limits = { endpoint, deadlineMs: this.#timeoutMs }
    if ('token' in what) return [await revokeToken(context, { ...limits, ...what })]
    return revokeTokenSet(context, { ...limits, tokens: what })
  }

  #exchange(metadata: ServerMetadata, request: CodeExchange): Promise<TokenAnswer> {
    const { code, redirectUri, codeVerifier } = request
    return requestTokens(this.#requestContext(metadata), {
      endpoint: metadata.tokenEndpoint,
      grant: { type: 'authorization_code', code, redirectUri, codeVerifier },
      params: request.params,
      requestedScope: request.scope,
      deadlineMs: this.#timeoutMs,
    })
  }

  #tokenContext(): RefreshContext {
    return {
      provider: this.#provider,
      transport: this.#transport,
      clock: this.#clock,
      log: this.#log,
      metadata: this.#metadata,
      keys: this.#keys,
    }
  }

  #requestContext(metadata: ServerMetadata): ClientRequestContext {
    return clientRequestContext(this.#tokenContext(), metadata)
  }
}

function noUserinfo({ id }: Provider): LatchkeyError {
  return new LatchkeyError(
    'not_supported',
    `${id}: nothing says where its users are described. Set userinfo: { endpoint, fields }.`,
    { provider: id },
  )
}
