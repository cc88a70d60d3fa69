import { inspect } from 'node:util'
import { LatchkeyError } from '../errors.ts'
import { type ApiAccess, AuthorizedAccess } from '../fetch/api-access.ts'
import { authorizedRequest } from '../fetch/authorized-request.ts'
import { resourceServerOf } from '../fetch/resource-server.ts'
import type { TokenBearer } from '../fetch/token-bearer.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import { isIssuedTo } from '../session/issued-to.ts'
import { keptSeconds } from '../session/kept-accounts.ts'
import { grantOf, type SessionAccount } from '../session/record.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { EarlyRead } from '../vault/early-read.ts'
import type { Grant, GrantHandle, TokenSource } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'

/** One user's account at one provider. Its API access works detached: `const { fetch } = account`. */
export interface Account<Id extends string = string> extends ApiAccess {
  readonly provider: Id
  /** The user's id at the provider. */
  readonly id: string
  /**
   * How the account's authorization stands. Never refreshes and never calls the provider.
   *
   * @throws {LatchkeyError} `login_required`: its record is gone, for example by a sign-out meanwhile.
   */
  readonly status: () => Promise<AccountStatus>
  /**
   * Those of the wanted scopes that have not been granted, in their order. Never calls the provider. An authorization
   * that has ended has none.
   *
   * @throws {LatchkeyError} `login_required`: its record is gone. `store_unavailable`.
   */
  readonly missingScopes: (...wanted: readonly string[]) => Promise<readonly string[]>
  /**
   * Revokes the authorization, forgets its tokens and takes the account out of all sessions of this user. The user
   * stays signed in.
   *
   * @throws {LatchkeyError} `store_unavailable`: it may still be there in part; ask again.
   */
  readonly disconnect: () => Promise<void>
}

/** How the authorization behind an {@link Account} stands. */
export interface AccountStatus {
  /** `ended`: the user must sign in again before the API can be used. */
  readonly state: 'live' | 'ended'
  /** Granted scope. */
  readonly scope: readonly string[]
  /** Epoch seconds at which the access token expires. Absent when unknown or ended. */
  readonly expiresAt?: number
  /** Epoch seconds after which no refresh is possible, where the provider says it. */
  readonly refreshTokenExpiresAt?: number
  /** Epoch seconds of the user's authorization; refreshes do not move it. */
  readonly authorizedAt: number
  /** How many refreshes there were since. */
  readonly refreshCount: number
}

/** The clients of all providers, those included that are only known when asked for. */
export interface AccountClients {
  readonly listed: readonly TokenSource[]
  /** True when `find` knows more than are listed. */
  readonly resolvesMore: boolean
  find(id: string): Promise<TokenSource | undefined>
}

/** What accounts work with. */
export interface AccountParts {
  readonly vault: Pick<Vault, 'fresh' | 'read'>
  readonly clients: AccountClients
  readonly dispatcher: Dispatcher
  /** A grant's record that was asked for already. */
  readonly early?: EarlyRead | undefined
  /** Told whose tokens are used. */
  onUse?(provider: string): void
  disconnect(userId: string, account: SessionAccount): Promise<void>
}

/** Which account of whom. */
export interface AccountPointer {
  readonly account: SessionAccount
  /** The session's; empty for an account that a user keeps. */
  readonly locator: string
  readonly userId: string
}

/** {@link Account} over a pointer of a session, or to what a user keeps. */
export class BoundAccount<Id extends string> implements Account<Id> {
  readonly provider: Id
  readonly id: string
  readonly #parts: AccountParts
  readonly #pointer: AccountPointer
  readonly #onDisconnected: (gone: BoundAccount<Id>) => void
  #access: AuthorizedAccess | undefined

  /** @param onDisconnected called when the account is gone. */
  constructor(
    parts: AccountParts,
    pointer: AccountPointer,
    onDisconnected: (gone: BoundAccount<Id>) => void,
  ) {
    this.#parts = parts
    this.#pointer = pointer
    this.#onDisconnected = onDisconnected
    this.provider = pointer.account.provider as Id // the ids of the session are those of the configured providers
    this.id = pointer.account.id
  }

  get fetch(): ApiAccess['fetch'] {
    return async (input, init) => (await this.#authorized()).fetch(input, init)
  }

  get request(): ApiAccess['request'] {
    return (url, options) => authorizedRequest(() => this.bearer(), url, options)
  }

  get accessToken(): ApiAccess['accessToken'] {
    return async (options) => (await this.#authorized()).accessToken(options)
  }

  get status(): Account['status'] {
    return () => this.#status()
  }

  get missingScopes(): Account['missingScopes'] {
    return async (...wanted) => {
      const { state, scope } = await this.#status()
      return wanted.filter((item) => state === 'ended' || !scope.includes(item))
    }
  }

  get disconnect(): Account['disconnect'] {
    return async () => {
      await this.#parts.disconnect(this.#pointer.userId, this.#pointer.account)
      this.#onDisconnected(this)
    }
  }

  /** What its requests go out with. A promise only where the provider must be asked for. */
  bearer(): TokenBearer | Promise<TokenBearer> {
    const access = this.#authorized()
    return access instanceof Promise ? access.then(({ bearer }) => bearer) : access.bearer
  }

  /** True when this account's tokens may go to `url`. A promise only where the provider must be asked for. */
  serves(url: URL): boolean | Promise<boolean> {
    const serves = (client: TokenSource | undefined): boolean =>
      client !== undefined && resourceServerOf(client.provider).origins.allows(url)
    const client = this.#client()
    return client instanceof Promise ? client.then(serves) : serves(client)
  }

  /** Provider and id, nothing else. */
  toJSON(): Record<string, unknown> {
    return { provider: this.provider, id: this.id }
  }

  // An exported class may not name a computed member, so that its declaration follows from this file alone.
  static {
    Object.defineProperty(BoundAccount.prototype, inspect.custom, { value: BoundAccount.prototype.toJSON })
  }

  #authorized(): AuthorizedAccess | Promise<AuthorizedAccess> {
    if (this.#access !== undefined) return this.#access
    const client = this.#client()
    // A job may hold this object for long: an account that cannot be used now is looked up again at its next call.
    return client instanceof Promise
      ? client.then((found) => this.#accessWith(found))
      : this.#accessWith(client)
  }

  #accessWith(found: TokenSource | undefined): AuthorizedAccess {
    const { vault, dispatcher } = this.#parts
    const { handle, client } = this.#handle(found)
    this.#parts.onUse?.(this.provider)
    const { origins, credentials } = resourceServerOf(client.provider)
    this.#access = new AuthorizedAccess({ vault, handle, dispatcher, origins, credentials })
    return this.#access
  }

  async #status(): Promise<AccountStatus> {
    const { handle, client } = this.#handle(await this.#client())
    const grant = await this.#parts.vault.read(handle)
    if (grant !== undefined && grant.state !== 'empty') return statusOf(grant, client)
    throw new LatchkeyError('login_required', 'The tokens of this account are gone. Sign in again.', {
      provider: this.provider,
      accountId: this.id,
      reason: 'grant_ended',
    })
  }

  #client(): TokenSource | undefined | Promise<TokenSource | undefined> {
    const { clients } = this.#parts
    const listed = clients.listed.find(({ provider }) => provider.id === this.provider)
    return listed ?? clients.find(this.provider)
  }

  #handle(client: TokenSource | undefined): { readonly handle: GrantHandle; readonly client: TokenSource } {
    const { account } = this.#pointer
    if (client === undefined) throw unknownProvider(account.provider)
    if (!isIssuedTo(client, account)) throw issuedElsewhere(client)
    return { client, handle: grantHandle(client, this.#pointer, this.#parts.early) }
  }
}

/** How the vault knows the grant of an account. */
export function grantHandle(client: TokenSource, pointer: AccountPointer, early?: EarlyRead): GrantHandle {
  const { account } = pointer
  const { provider, id, owner } = account
  const handle = { ...grantOf(pointer, account), client, account: { provider, id }, early }
  return owner === 'user' ? { ...handle, keepSeconds: keptSeconds } : handle
}

function issuedElsewhere({ provider: { id, name } }: TokenSource): LatchkeyError {
  const message = `The tokens were issued to another client, or by another server, than ${name} is configured with.`
  return new LatchkeyError('login_required', `${message} Sign in again.`, {
    provider: id,
    reason: 'no_account',
  })
}

/** The error for a provider id that is not configured. */
function unknownProvider(provider: string): LatchkeyError {
  const message = `No provider "${provider}" is configured: add it to the providers of latchkey().`
  return new LatchkeyError('not_supported', message, { provider })
}

function statusOf(grant: Exclude<Grant, { state: 'empty' }>, client: TokenSource): AccountStatus {
  const { state, authorizedAt, refreshCount } = grant
  if (grant.state === 'ended') return { state, scope: grant.scope, authorizedAt, refreshCount }
  const { tokens } = grant
  const refreshTokenExpiresAt = refreshTokenExpiry(client.provider, tokens, authorizedAt)
  return {
    state,
    scope: tokens.scope,
    ...(tokens.expiresAt !== undefined && { expiresAt: tokens.expiresAt }),
    ...(refreshTokenExpiresAt !== undefined && { refreshTokenExpiresAt }),
    authorizedAt,
    refreshCount,
  }
}
