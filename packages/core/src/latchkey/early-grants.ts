import { grantHandle } from '../request-oauth/account.ts'
import type { KnownSession } from '../session/sessions.ts'
import { EarlyRead, type EarlyReadParts } from '../vault/early-read.ts'
import { GrantHabits } from './grant-habits.ts'
import type { ProviderClients } from './provider-clients.ts'

/**
 * Reads the grant that a request will probably use beside its session, so that both come back in one round trip. A wrong
 * guess costs one read.
 */
export class EarlyGrants {
  readonly #clients: ProviderClients
  readonly #parts: EarlyReadParts
  readonly #habits = new GrantHabits()

  constructor(clients: ProviderClients, parts: EarlyReadParts) {
    this.#clients = clients
    this.#parts = parts
  }

  /** @param known the session as this process saw it last: its accounts say where the grant lies. */
  read(url: string, { locator, record }: KnownSession): EarlyRead | undefined {
    const provider = this.#habits.expected(url)
    if (provider === undefined) return undefined
    const account = record.accounts.find((one) => one.provider === provider)
    const client = this.#clients.known(provider)
    if (account === undefined || client === undefined) return undefined
    const { ref, keepSeconds } = grantHandle(client, { account, locator, userId: record.userId })
    return new EarlyRead(this.#parts, ref, keepSeconds)
  }

  /** A request to `url` used tokens of this provider. */
  note(url: string, provider: string): void {
    this.#habits.note(url, provider)
  }
}
