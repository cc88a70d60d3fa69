import { grantHandle } from '../request-oauth/account.ts'
import { isIssuedTo } from '../session/issued-to.ts'
import type { KnownSession } from '../session/sessions.ts'
import type { EarlyRead } from '../vault/early-read.ts'
import type { Vault } from '../vault/vault.ts'
import { GrantHabits } from './grant-habits.ts'
import type { ProviderClients } from './provider-clients.ts'

/**
 * Reads the grant that a request will probably use beside its session, so that both come back in one round trip. A wrong
 * guess costs one read.
 */
export class EarlyGrants {
  readonly #clients: ProviderClients
  readonly #vault: Pick<Vault, 'readEarly'>
  readonly #habits = new GrantHabits()

  constructor(clients: ProviderClients, vault: Pick<Vault, 'readEarly'>) {
    this.#clients = clients
    this.#vault = vault
  }

  /** @param known the session as this process saw it last: its accounts say where the grant lies. */
  read(url: string, { locator, record }: KnownSession): EarlyRead | undefined {
    const provider = this.#habits.expected(url)
    if (provider === undefined) return undefined
    const account = record.accounts.find((one) => one.provider === provider)
    const client = this.#clients.known(provider)
    if (account === undefined || client === undefined || !isIssuedTo(client, account)) return undefined
    return this.#vault.readEarly(grantHandle(client, { account, locator, userId: record.userId }))
  }

  /** A request to `url` used tokens of this provider. */
  note(url: string, provider: string): void {
    this.#habits.note(url, provider)
  }
}
