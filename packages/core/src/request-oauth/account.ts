import { inspect } from 'node:util'
import { LatchkeyError } from '../errors.ts'
import { type ApiAccess, AuthorizedAccess } from '../fetch/api-access.ts'
import { resourceServerOf } from '../fetch/resource-server.ts'
import { refreshTokenExpiry } from '../protocol/refresh-token-expiry.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { grantRefOf, type SessionAccount } from '../session/record.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { Grant, GrantHandle, RefreshingClient } from '../vault/grant.ts'
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
  readonly listed: readonly RefreshingClient[]
  /** True when `find` knows more than are listed. */
  readonly resolvesMore: boolean
  find(id: string): Promise<RefreshingClient | undefined>
}

/** What accounts work with. */
export interface AccountParts {
  readonly vault: Pick<Vault, 'fresh' | 'read'>
  readonly clients: AccountClients
  readonly dispatcher: Dispatcher
}

/** {@link Account} over a pointer of the session. */
export class SessionBoundAccount<Id extends string> implements Account<Id> {
  readonly provider: Id
  readonly id: string
  readonly fetch: ApiAccess['fetch']
  readonly request: ApiAccess['request']
  readonly accessToken: ApiAccess['accessToken']
  readonly status: Account['status']
  readonly #parts: AccountParts
  readonly #pointer: SessionAccount
  readonly #locator: string
  #access: Promise<AuthorizedAccess> | undefined

  constructor(parts: AccountParts, locator: string, pointer: SessionAccount) {
    this.#parts = parts
    this.#pointer = pointer
    this.#locator = locator
    this.provider = pointer.provider as Id // the ids of the session are those of the configured providers
    this.id = pointer.id
    this.fetch = async (input, init) => (await this.#authorized()).fetch(input, init)
    this.request = async (url, options) => (await this.#authorized()).request(url, options)
    this.accessToken = async (options) => (await this.#authorized()).accessToken(options)
    this.status = () => this.#status()
    Object.defineProperty(this, inspect.custom, { value: () => this.toJSON() })
  }

  /** True when this account's tokens may go to `url`. */
  async serves(url: URL): Promise<boolean> {
    const client = await this.#parts.clients.find(this.provider)
    return client !== undefined && resourceServerOf(client.provider).origins.allows(url)
  }

  /** Provider and id, nothing else. */
  toJSON(): Record<string, unknown> {
    return { provider: this.provider, id: this.id }
  }

  #authorized(): Promise<AuthorizedAccess> {
    this.#access ??= this.#handle().then(({ handle, client }) => {
      const { vault, dispatcher } = this.#parts
      return new AuthorizedAccess({ vault, handle, dispatcher, ...resourceServerOf(client.provider) })
    })
    return this.#access
  }

  async #status(): Promise<AccountStatus> {
    const { handle, client } = await this.#handle()
    const grant = await this.#parts.vault.read(handle)
    if (grant !== undefined) return statusOf(grant, client)
    throw new LatchkeyError('login_required', 'The tokens of this account are gone. Sign in again.', {
      provider: this.provider,
      reason: 'grant_ended',
    })
  }

  async #handle(): Promise<{ readonly handle: GrantHandle; readonly client: RefreshingClient }> {
    const { provider, id } = this.#pointer
    const client = await this.#parts.clients.find(provider)
    if (client === undefined) throw unknownProvider(provider)
    if (!belongs(this.#pointer, client)) throw issuedElsewhere(client)
    return {
      client,
      handle: { ref: grantRefOf(this.#locator, this.#pointer), client, account: { provider, id } },
    }
  }
}

/** The client that each pointer was last found to belong to: records are shared by many requests. */
const owners = new WeakMap<SessionAccount, RefreshingClient>()

/** True when the tokens were issued by the server, and to the client, that the provider is configured with now. */
function belongs(pointer: SessionAccount, client: RefreshingClient): boolean {
  if (owners.get(pointer) === client) return true
  if (subjectKey(client, pointer.id) !== pointer.subject) return false
  owners.set(pointer, client)
  return true
}

function issuedElsewhere({ provider: { id, name } }: RefreshingClient): LatchkeyError {
  const message = `The tokens were issued to another client, or by another server, than ${name} is configured with.`
  return new LatchkeyError('login_required', `${message} Sign in again.`, {
    provider: id,
    reason: 'no_account',
  })
}

/** The error for a provider id that is not configured. */
export function unknownProvider(provider: string): LatchkeyError {
  const message = `No provider "${provider}" is configured: add it to the providers of latchkey().`
  return new LatchkeyError('not_supported', message, { provider })
}

function statusOf(grant: Grant, client: RefreshingClient): AccountStatus {
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
