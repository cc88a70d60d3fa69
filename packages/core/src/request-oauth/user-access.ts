import { inspect } from 'node:util'
import type { ApiAccess } from '../fetch/api-access.ts'
import type { Provider } from '../protocol/provider.ts'
import type { KeptAccount } from '../session/kept-accounts.ts'
import { subjectGrantId } from '../session/record.ts'
import type { Account, AccountParts } from './account.ts'
import { AccountList, accessThrough } from './account-list.ts'

/**
 * A user of the app without a request: for jobs, queues and admin pages. `fetch` and `request` pick the account by the
 * URL's origin. Every member works detached.
 */
export interface UserAccess<Id extends string = string> extends ApiAccess {
  /** The app's own id of the user. */
  readonly userId: string
  /** The accounts that are kept for the user (option `keepAccounts`), oldest first. */
  readonly accounts: readonly Account<Id>[]
  /**
   * The account at `provider`.
   * @throws {LatchkeyError} `login_required`: none is kept there. `account_ambiguous`: several, and no `id`.
   */
  readonly account: (provider: Id, id?: string) => Account<Id>
  /**
   * Ends every session of this user; a sign-in that begins later is not affected. Kept accounts stay.
   * @throws {LatchkeyError} `store_unavailable`: some may have ended; ask again.
   */
  readonly logout: () => Promise<void>
}

/** What {@link userAccess} works with. */
export interface UserAccessParts extends AccountParts {
  readonly userId: string
  readonly kept: readonly KeptAccount[]
  readonly endUser: (userId: string) => Promise<number>
}

/** Makes the {@link UserAccess} of one user. */
export function userAccess<Id extends string>(parts: UserAccessParts): UserAccess<Id> {
  return new KeptAccess<Id>(parts)
}

class KeptAccess<Id extends string> implements UserAccess<Id> {
  readonly userId: string
  readonly fetch: ApiAccess['fetch']
  readonly request: ApiAccess['request']
  readonly accessToken: ApiAccess['accessToken']
  readonly account: UserAccess<Id>['account']
  readonly logout: UserAccess['logout']
  readonly #list: AccountList<Id>

  constructor(parts: UserAccessParts) {
    const { userId, kept } = parts
    this.userId = userId
    const pointers = kept.map((one) => ({
      account: { ...one, owner: 'user', grantId: subjectGrantId } as const,
      locator: '',
      userId,
    }))
    this.#list = new AccountList<Id>(parts, {
      pointers,
      user: undefined,
      requireSomebody: () => {},
      advice: keepingAdvice,
    })
    const { fetch, request, accessToken } = accessThrough(() => this.#list)
    this.fetch = fetch
    this.request = request
    this.accessToken = accessToken
    this.account = (provider, id) => this.#list.at(provider, id)
    this.logout = async () => {
      await parts.endUser(userId)
    }
  }

  get accounts(): readonly Account<Id>[] {
    return this.#list.all
  }

  /** Who it is and which accounts there are, nothing else. */
  toJSON(): Record<string, unknown> {
    const accounts = this.accounts.map(({ provider, id }) => ({ provider, id }))
    return { userId: this.userId, accounts }
  }

  [inspect.custom](): unknown {
    return this.toJSON()
  }
}

function keepingAdvice(provider: Provider | undefined): string {
  if (provider?.keepAccounts !== true)
    return 'Accounts are kept beyond sign-out with the option keepAccounts: true.'
  return `They must add it: req.oauth.login({ provider: '${provider.id}', link: true }).`
}
