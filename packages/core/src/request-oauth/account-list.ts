import { LatchkeyError } from '../errors.ts'
import { originRefused } from '../fetch/allowed-origins.ts'
import type { ApiAccess } from '../fetch/api-access.ts'
import { fetchTarget } from '../fetch/authorized-fetch.ts'
import { authorizedRequest } from '../fetch/authorized-request.ts'
import { resourceServerOf } from '../fetch/resource-server.ts'
import type { TokenBearer } from '../fetch/token-bearer.ts'
import { requireKnownName } from '../input/known-names.ts'
import type { Provider } from '../protocol/provider.ts'
import type { User } from '../protocol/user.ts'
import {
  type Account,
  type AccountClients,
  type AccountParts,
  type AccountPointer,
  BoundAccount,
} from './account.ts'

/** Whose accounts a list holds. */
export interface AccountOwner {
  readonly pointers: readonly AccountPointer[]
  /** Who signed in, where somebody did: of several accounts theirs is meant. */
  readonly user: Pick<User, 'provider' | 'id'> | undefined
  /** Throws when nobody is signed in, which comes before a missing account. */
  readonly requireSomebody: () => void
  /** What to do about an account that is not there, in words. */
  readonly advice: (provider: Provider | undefined) => string
}

/** A user's accounts, and which of them a call is about. */
export class AccountList<Id extends string> {
  readonly #clients: AccountClients
  readonly #owner: AccountOwner
  #accounts: readonly BoundAccount<Id>[]

  constructor(parts: AccountParts, owner: AccountOwner) {
    this.#clients = parts.clients
    this.#owner = owner
    const remove = (gone: BoundAccount<Id>): void => {
      this.#accounts = this.#accounts.filter((one) => one !== gone)
    }
    this.#accounts = owner.pointers.map((pointer) => new BoundAccount<Id>(parts, pointer, remove))
  }

  get all(): readonly Account<Id>[] {
    return this.#accounts
  }

  /**
   * @throws {LatchkeyError} `login_required`: not there. `account_ambiguous`: several, and no id. `invalid_options`: no
   *   such provider.
   */
  at(provider: Id, id: string | undefined): Account<Id> {
    this.#owner.requireSomebody()
    const found = this.#accounts.filter(
      (one) => one.provider === provider && (id === undefined || one.id === id),
    )
    const [account, second] = found
    if (account === undefined) {
      const ids = this.#clients.listed.map((client) => client.provider.id)
      if (!this.#clients.resolvesMore) requireKnownName('The option providers', provider, ids)
      throw this.#noAccount(provider)
    }
    if (second !== undefined) throw ambiguous(`account('${provider}')`, provider)
    return account
  }

  /**
   * The account that a request to `url` is made for.
   * @throws {LatchkeyError} `origin_not_allowed`, `login_required`, `account_ambiguous`
   */
  for(url: URL): BoundAccount<Id> | Promise<BoundAccount<Id>> {
    const serving = this.#accounts.map((account) => account.serves(url))
    if (serving.every((one) => typeof one === 'boolean')) return this.#among(serving, url)
    return Promise.all(serving).then((known) => this.#among(known, url))
  }

  #among(serving: readonly boolean[], url: URL): BoundAccount<Id> {
    const candidates = this.#accounts.filter((_, index) => serving[index])
    if (candidates.length > 0) return this.#meant(candidates)
    const known = this.#clients.listed.find(({ provider }) => resourceServerOf(provider).origins.allows(url))
    // With providers that are only known when asked for, the URL may well be one of theirs.
    if (known !== undefined || this.#clients.resolvesMore) this.#owner.requireSomebody()
    if (known !== undefined) throw this.#noAccount(known.provider.id)
    throw originRefused(url, this.#accounts.length === 1 ? this.#accounts[0]?.provider : undefined)
  }

  /** What a request to `url` goes out with. @throws as {@link AccountList.for} does. */
  bearerFor(url: URL): TokenBearer | Promise<TokenBearer> {
    const account = this.for(url)
    return account instanceof Promise ? account.then((found) => found.bearer()) : account.bearer()
  }

  /** The account that signed in, else the only one. @throws {LatchkeyError} `login_required`, `account_ambiguous` */
  main(): Account<Id> {
    this.#owner.requireSomebody()
    const [first] = this.#accounts
    if (first === undefined) throw this.#noAccount(this.#owner.user?.provider)
    return this.#meant(this.#accounts)
  }

  #meant(candidates: readonly BoundAccount<Id>[]): BoundAccount<Id> {
    const { user } = this.#owner
    const [first, second] = candidates
    if (first !== undefined && second === undefined) return first
    const own = candidates.find(({ provider, id }) => provider === user?.provider && id === user?.id)
    if (own === undefined) throw ambiguous('fetch')
    return own
  }

  #noAccount(provider: string | undefined): LatchkeyError {
    const where = provider === undefined ? 'no account' : `no account at "${provider}"`
    const known = this.#clients.listed.find((client) => client.provider.id === provider)?.provider
    return new LatchkeyError('login_required', `This user has ${where}. ${this.#owner.advice(known)}`, {
      reason: 'no_account',
      ...(provider === undefined ? {} : { provider }),
    })
  }
}

/** API access through whichever account of the list a call is about. */
export function accessThrough<Id extends string>(list: () => AccountList<Id>): ApiAccess {
  return {
    fetch: async (input, init) => (await list().for(fetchTarget(input))).fetch(input, init),
    request: (url, options) => authorizedRequest((target) => list().bearerFor(target), url, options),
    accessToken: async (options) => list().main().accessToken(options),
  }
}

function ambiguous(call: string, provider?: string): LatchkeyError {
  const message = `Several accounts fit ${call}: say which one, as account(provider, id).`
  return new LatchkeyError('account_ambiguous', message, provider === undefined ? {} : { provider })
}
