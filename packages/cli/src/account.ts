import { inspect } from 'node:util'
import { type AccountStatus, type ApiAccess, LatchkeyError, type Provider } from '@latchkey/core'
import type { OwnAccount } from '@latchkey/core/terminal'
import type { AccountAbout } from './disk/account-file.ts'

/** What {@link TerminalAccount} works with. */
interface TerminalAccountParts {
  readonly own: OwnAccount
  readonly provider: Provider
  readonly profile: string
  readonly about: AccountAbout | undefined
  readonly validate: ((account: ApiAccess) => boolean | Promise<boolean>) | undefined
}

/**
 * The signed-in account of a program in a terminal: the provider's API in its name, with a token that is refreshed once for
 * all processes, and stored. None of its members ever asks the person or opens a browser; `fetch`, `request` and `accessToken`
 * work detached. All of them reject with `account_mismatch` once somebody else has signed in to the profile. Printing it shows
 * no secret.
 */
export class TerminalAccount implements ApiAccess {
  readonly provider: string
  readonly profile: string
  /** Whose it is, where the provider said it. */
  readonly user: { readonly id: string; readonly name?: string } | undefined
  readonly #parts: TerminalAccountParts

  /** Made by `signIn()` and `openAccount()`. */
  constructor(parts: TerminalAccountParts) {
    this.#parts = parts
    this.provider = parts.provider.id
    this.profile = parts.profile
    this.user = parts.about?.user
  }

  /** The platform's `fetch` with a fresh token, under the rules of `req.oauth.fetch`. */
  get fetch(): ApiAccess['fetch'] {
    return this.#parts.own.access.fetch
  }

  /** undici's lean `request` under the same rules. */
  get request(): ApiAccess['request'] {
    return this.#parts.own.access.request
  }

  /** The token itself. @throws {LatchkeyError} `login_required`, `as_unavailable`, `as_misconfigured`, `store_unavailable` */
  get accessToken(): ApiAccess['accessToken'] {
    return this.#parts.own.access.accessToken
  }

  /** How the authorization stands; `undefined`: there is none any more. Never calls the provider. */
  async status(): Promise<AccountStatus | undefined> {
    return this.#parts.own.status()
  }

  /** Those of the wanted scopes that were not granted, in their order. */
  async missingScopes(...wanted: readonly string[]): Promise<readonly string[]> {
    const status = await this.status()
    const granted = status?.state === 'live' ? status.scope : []
    return wanted.filter((scope) => !granted.includes(scope))
  }

  /** True while there are tokens, or an API key, whatever their age. */
  async isAuthorized(): Promise<boolean> {
    if (this.#isKeyed) return true
    try {
      return (await this.status())?.state === 'live'
    } catch (error) {
      if (isSomebodyElse(error)) return false
      throw error
    }
  }

  /**
   * True when a token can be had now, which may refresh it, and `validate` agrees.
   * @throws {LatchkeyError} `as_unavailable`, `store_unavailable`: nobody knows.
   */
  async isValid(): Promise<boolean> {
    const { validate } = this.#parts
    try {
      if (!this.#isKeyed) await this.accessToken()
      return validate === undefined || (await validate(this))
    } catch (error) {
      if ((LatchkeyError.is(error) && error.code === 'login_required') || isSomebodyElse(error)) return false
      throw error
    }
  }

  /**
   * Forgets the tokens, here and on disk, for every process, and revokes them.
   * @returns `isRevoked` false: the provider could not be told, or has no way to be.
   * @throws {LatchkeyError} `store_unavailable`: nothing was forgotten. `not_supported`: it has an API key.
   */
  async logout(): Promise<{ readonly isRevoked: boolean }> {
    return { isRevoked: await this.#parts.own.end() }
  }

  /** Closes idle connections. A program need not: they do not keep it alive. */
  close(): Promise<void> {
    return this.#parts.own.close()
  }

  /** Provider, profile and user, nothing else. */
  toJSON(): Record<string, unknown> {
    const { provider, profile, user } = this
    return { provider, profile, user }
  }

  static {
    Object.defineProperty(TerminalAccount.prototype, inspect.custom, {
      value: TerminalAccount.prototype.toJSON,
    })
  }

  get #isKeyed(): boolean {
    return this.#parts.provider.apiKeyHeaders !== undefined
  }
}

function isSomebodyElse(error: unknown): boolean {
  return LatchkeyError.is(error) && error.code === 'account_mismatch'
}
