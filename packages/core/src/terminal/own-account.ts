import { type Clock, systemClock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import { Events } from '../events.ts'
import { type ApiAccess, AuthorizedAccess } from '../fetch/api-access.ts'
import { keyedAccess } from '../fetch/keyed-access.ts'
import { resourceServerOf } from '../fetch/resource-server.ts'
import { type Tokens, tokenSetFrom } from '../latchkey/tokens.ts'
import { consoleLogger, type Logger, steadyLogger } from '../log.ts'
import { revoke } from '../oauth-client/revoke.ts'
import { ProtocolClient } from '../protocol/protocol-client.ts'
import type { Provider, ProviderPreset } from '../protocol/provider.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { resolveClient } from '../providers/resolve-client.ts'
import type { AccountStatus } from '../request-oauth/account.ts'
import { guardedStore } from '../store/guarded-store.ts'
import { memoryStore } from '../store/memory-store.ts'
import type { GrantRef, Store, VersionedRecord } from '../store/store.ts'
import { Transport } from '../transport/transport.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { Grant, GrantHandle, TokenSource } from '../vault/grant.ts'
import { Vault } from '../vault/vault.ts'
import { OptionalSealer } from './optional-sealer.ts'

/** Where one person's programs keep their grants. */
export type OwnStore = Pick<Store, 'grants' | 'leases'>

/** What an {@link OwnAccount} works with. */
export interface OwnAccountParts {
  readonly provider: ProviderPreset
  readonly store: OwnStore
  /** Where in the store. */
  readonly ref: GrantRef
  /** First the one that seals; none: records are stored in clear. */
  readonly secrets: readonly string[]
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
  readonly dispatcher?: Dispatcher | undefined
  /** Brings fresh tokens in the place of the authorization server. */
  readonly refresh?: ((current: TokenSet) => Promise<Tokens>) | undefined
}

/** One account of the person who runs the program: no session, no browser, and the same vault and `fetch` as everywhere. */
export class OwnAccount {
  readonly provider: Provider
  /** The provider's API in the account's name. Rejects with `login_required` where nothing is stored. */
  readonly access: ApiAccess
  readonly #parts: OwnAccountParts
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #client: ProtocolClient
  readonly #vault: Vault
  readonly #handle: GrantHandle

  /** @throws {LatchkeyError} `invalid_options` that names option, variable and fix. */
  constructor(parts: OwnAccountParts) {
    const { clock = systemClock, logger = consoleLogger, dispatcher, store, ref, secrets, refresh } = parts
    const log = steadyLogger(logger)
    this.#parts = parts
    this.#clock = clock
    this.provider = resolveClient(parts.provider, process.env)
    this.#transport = new Transport({ dispatcher, clock })
    this.#client = new ProtocolClient(this.provider, { transport: this.#transport, clock, log })
    // Nobody signs in to a session here: the other parts of a store are asked for nothing that has to last.
    const whole = guardedStore({ ...memoryStore({ clock }), ...store }, clock, log)
    this.#vault = new Vault({
      store: whole,
      sealer: new OptionalSealer(secrets),
      clock,
      events: new Events(log),
      log,
    })
    const source =
      refresh === undefined ? this.#client : new RefreshedElsewhere(this.#client, refresh, { clock, log })
    this.#handle = { ref, client: source, account: { provider: this.provider.id, id: ref.id } }
    this.access =
      this.provider.apiKeyHeaders === undefined
        ? new AuthorizedAccess({
            vault: this.#vault,
            handle: this.#handle,
            dispatcher: this.#transport.dispatcher,
            ...resourceServerOf(this.provider),
          })
        : keyedAccess(this.provider, this.#transport.dispatcher)
  }

  /** Names the authorization server and the client that its tokens are of. Not secret. */
  get identity(): string {
    return this.#client.identity()
  }

  /** How the authorization stands; `undefined`: there is none. Never refreshes and never calls the provider. */
  async status(): Promise<AccountStatus | undefined> {
    const grant = await this.#vault.read(this.#handle)
    return grant === undefined || grant.state === 'empty' ? undefined : this.#statusOf(grant)
  }

  /** The record of a new authorization, for the step that stores it. */
  record(tokens: TokenSet, authorizedAt: number = this.#clock.now()): VersionedRecord {
    return this.#vault.seal(this.#parts.ref, { state: 'live', tokens, authorizedAt, refreshCount: 0 })
  }

  /**
   * Forgets the authorization and revokes it. False: the provider could not be told, or has no way to be.
   * @throws {LatchkeyError} `store_unavailable`: nothing was forgotten. `not_supported`: an API key proves the account.
   */
  async end(): Promise<boolean> {
    const { store, ref } = this.#parts
    if (this.provider.apiKeyHeaders !== undefined) throw hasApiKey(this.provider)
    for (;;) {
      const record = await store.grants.read(ref)
      if (record === undefined) return true
      const grant = this.#vault.open(ref, record)
      if ((await store.grants.delete(ref, record.version)) === 'moved') continue
      if (grant?.state !== 'live') return true
      return revoke(this.#client, grant.tokens, undefined).then(
        () => true,
        () => false,
      )
    }
  }

  /** Lets a refresh under way end, and closes idle connections. */
  async close(): Promise<void> {
    await this.#vault.close()
    await this.#transport.close()
  }

  #statusOf(grant: Exclude<Grant, { state: 'empty' }>): AccountStatus {
    const { state, authorizedAt, refreshCount } = grant
    if (grant.state === 'ended') return { state, scope: grant.scope, authorizedAt, refreshCount }
    const { tokens } = grant
    const refreshTokenExpiresAt = refreshTokenExpiry(this.provider, tokens, authorizedAt)
    return {
      state,
      scope: tokens.scope,
      ...(tokens.expiresAt !== undefined && { expiresAt: tokens.expiresAt }),
      ...(refreshTokenExpiresAt !== undefined && { refreshTokenExpiresAt }),
      authorizedAt,
      refreshCount,
    }
  }
}

function hasApiKey({ id, name }: Provider): LatchkeyError {
  const message = `${name} is called with an API key, which nobody signs out of. Take it out of the configuration.`
  return new LatchkeyError('not_supported', message, { provider: id, reason: 'api_key' })
}

/** A client whose tokens the program gets from somewhere else. */
class RefreshedElsewhere implements TokenSource {
  readonly provider: Provider
  readonly #client: ProtocolClient
  readonly #refresh: (current: TokenSet) => Promise<Tokens>
  readonly #clock: Clock
  readonly #log: Logger

  constructor(
    client: ProtocolClient,
    refresh: (current: TokenSet) => Promise<Tokens>,
    { clock, log }: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.provider = client.provider
    this.#client = client
    this.#refresh = refresh
    this.#clock = clock
    this.#log = log
  }

  identity(): string {
    return this.#client.identity()
  }

  canRefresh(): boolean {
    return true
  }

  async refresh(tokens: TokenSet): Promise<TokenAnswer> {
    try {
      const fresh = await this.#refresh(tokens)
      const set = tokenSetFrom('refresh()', fresh, { receivedAt: this.#clock.now(), scope: tokens.scope })
      // As everywhere: a refresh that names no refresh token keeps the one before.
      return { kind: 'token_set', tokens: { ...carriedOver(tokens), ...set }, raw: {} }
    } catch (error) {
      if (LatchkeyError.is(error) && error.code === 'login_required')
        return { kind: 'dead', oauth: { error: 'invalid_grant' } }
      if (LatchkeyError.is(error) && error.code === 'invalid_options') throw error
      // Its message may quote what it was given.
      const cause = error instanceof Error ? error.name : typeof error
      this.#log.error({ event: 'refresh_option.failed', cause }, 'The option refresh failed.')
      return { kind: 'retry', reason: 'network', outcome: 'not_processed' }
    }
  }

  revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean> {
    return this.#client.revoke(tokens, options)
  }
}

function carriedOver({
  refreshToken,
  refreshTokenExpiresAt,
  idToken,
  identity,
}: TokenSet): Partial<TokenSet> {
  return {
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(refreshTokenExpiresAt === undefined ? {} : { refreshTokenExpiresAt }),
    ...(idToken === undefined ? {} : { idToken }),
    ...(identity === undefined ? {} : { identity }),
  }
}
