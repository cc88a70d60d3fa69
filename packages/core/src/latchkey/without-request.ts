import type { ApiAccess } from '../fetch/api-access.ts'
import { keptAccounts } from '../flows/kept.ts'
import { ownerOf } from '../flows/redeemed.ts'
import { requireClient } from '../flows/require-client.ts'
import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys, requireKnownName } from '../input/known-names.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { Settings } from '../options.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { User } from '../protocol/user.ts'
import { type UserAccess, userAccess } from '../request-oauth.ts'
import { type ApplicationOptions, Applications } from './applications.ts'
import type { Parts } from './parts.ts'
import { type Tokens, tokenSetFrom } from './tokens.ts'
import { userFrom } from './user-from.ts'
import { requireUserId } from './user-id.ts'

/** What `auth.createSession()` takes. */
export interface NewSession<Id extends string = string> {
  readonly provider: Id
  /** At least the user's id at the provider. */
  readonly user: Omit<User, 'provider'>
  /** Absent: the user is signed in, and the provider's API cannot be used until a consent. */
  readonly tokens?: Tokens
  /** The app's own id of the user. @default who keeps the account, else `<provider>:<id>` */
  readonly userId?: string
}

/** What `auth.importAccount()` takes. */
export interface ImportedAccount<Id extends string = string> {
  /** The app's own id of the user. */
  readonly userId: string
  readonly provider: Id
  readonly tokens: Tokens
}

/** A session that no browser made. Secret. */
export interface CreatedSession {
  /** `name=value`, as a `Cookie` header has it. */
  readonly cookie: string
  /** The complete `Set-Cookie` value. */
  readonly setCookie: string
}

const sessionNames: NamesOf<NewSession> = { provider: true, user: true, tokens: true, userId: true }
const importNames: NamesOf<ImportedAccount> = { userId: true, provider: true, tokens: true }
/** Tokens from elsewhere were received some time ago; how long does not matter past the age of a fresh one. */
const agedSeconds = 60

/** What an app does with Latchkey when no browser asks: jobs, admin pages, migrations, tests. */
export class WithoutRequest<Id extends string> {
  readonly #parts: Parts
  readonly #settings: Settings
  readonly #applications: Applications

  constructor(parts: Parts, settings: Settings) {
    this.#parts = parts
    this.#settings = settings
    const { clients, vault, transport } = parts
    this.#applications = new Applications({ clients, vault, dispatcher: transport.dispatcher })
  }

  application(provider: Id, options?: ApplicationOptions): ApiAccess {
    this.#requireProvider(provider)
    return this.#applications.access(provider, options)
  }

  async user(userId: string): Promise<UserAccess<Id> | undefined> {
    requireUserId('auth.user()', userId)
    const { kept, sessions, vault, clients, transport, flows } = this.#parts
    const accounts = await keptAccounts({ kept, vault, settings: { providers: clients } }, userId)
    if (accounts.length === 0 && (await sessions.count(userId)) === 0) return undefined
    return userAccess<Id>({
      userId,
      kept: accounts,
      vault,
      clients,
      dispatcher: transport.dispatcher,
      disconnect: (id, account) => flows.disconnect(id, account),
      endUser: (id) => flows.endUser(id),
    })
  }

  async endSessions(account: { readonly provider: Id; readonly id: string }): Promise<number> {
    const call = 'auth.endSessions()'
    requireShape(call, account, { provider: true, id: true })
    const { id }: { readonly id: unknown } = account
    if (typeof id !== 'string') {
      const fix = typeof id === 'number' ? ' Pass String(id).' : ''
      throw invalidOption(
        `${call}: id must be the user's id at the provider as text, not ${kindOf(id)}.${fix}`,
      )
    }
    return this.#parts.flows.endSessions(account)
  }

  async createSession(session: NewSession<Id>): Promise<CreatedSession> {
    const call = 'auth.createSession()'
    requireShape<NewSession>(call, session, sessionNames)
    const { provider, user, tokens, userId } = session
    const known = userFrom(call, provider, user)
    if (userId !== undefined) requireUserId(call, userId)
    const client = await requireClient(this.#parts.clients, provider)
    const set = tokens && this.#tokenSet(call, tokens, client)
    const setCookie = await this.#parts.flows.createSession({
      client,
      user: known,
      userId,
      tokens: set,
      authorizedAt: tokens?.authorizedAt,
    })
    return { cookie: setCookie.split(';', 1)[0] ?? '', setCookie }
  }

  async importAccount(account: ImportedAccount<Id>): Promise<void> {
    const call = 'auth.importAccount()'
    requireShape<ImportedAccount>(call, account, importNames)
    const { provider, userId, tokens } = account
    requireUserId(call, userId)
    const client = await requireClient(this.#parts.clients, provider)
    if (ownerOf(client) !== 'user') {
      throw invalidOption(
        `${call}: accounts at "${provider}" end with their session. Set keepAccounts: true, on latchkey() or on the provider.`,
      )
    }
    await this.#parts.flows.importAccount({
      client,
      userId,
      tokens: this.#tokenSet(call, tokens, client),
      authorizedAt: tokens.authorizedAt ?? this.#settings.clock.now(),
    })
  }

  #tokenSet(call: string, tokens: Tokens, { provider }: ProtocolClient): ReturnType<typeof tokenSetFrom> {
    const { scope } = provider
    return tokenSetFrom(call, tokens, { receivedAt: this.#settings.clock.now() - agedSeconds, scope })
  }

  #requireProvider(provider: unknown): void {
    const { providers, resolveProvider } = this.#settings
    if (typeof provider !== 'string')
      throw invalidOption(`auth.application() takes a provider's id first, not ${kindOf(provider)}.`)
    if (resolveProvider !== undefined) return
    const ids = providers.map(({ id }) => id)
    requireKnownName('The option providers', provider, ids)
  }
}

function requireShape<Options>(call: string, value: object, names: NamesOf<Options>): void {
  if (!isOptionsObject(value)) throw invalidOption(`${call} takes one object, not ${kindOf(value)}.`)
  requireKnownKeys(call, value, names)
}
