import { randomId } from '../crypto/random.ts'
import { SealError, type Sealer } from '../crypto/seal.ts'
import { list, object, sealedObject, text } from '../crypto/sealed-json.ts'
import type { Logger } from '../log.ts'
import { askAgain } from '../store/ask-again.ts'
import { recordUnreadable, storeUnavailable } from '../store/guarded-store.ts'
import type { UserStore, VersionedRecord } from '../store/store.ts'
import type { SessionAccount } from './record.ts'
import { userKey } from './session-index.ts'

/** An account kept for a user: whose grant lies in its subject's slot, whether or not anybody is signed in. */
export type KeptAccount = Pick<SessionAccount, 'provider' | 'id' | 'subject'>

/** So long an account is kept that nobody uses. */
export const keptSeconds: number = 180 * 86_400
/** Format of the JSON inside the seal. A process that meets a higher one leaves the record alone. */
const schema = 1
const writeAttempts = 8

/** Which accounts each user keeps. */
export class KeptAccounts {
  readonly #store: UserStore
  readonly #sealer: Sealer
  readonly #log: Logger
  /** The list outlives its accounts: a session that began just now may use them until it ends. */
  readonly #ttlSeconds: number

  /** @param parts.absoluteSeconds how long a session lasts at most. */
  constructor(parts: {
    readonly store: UserStore
    readonly sealer: Sealer
    readonly log: Logger
    readonly absoluteSeconds: number
  }) {
    this.#store = parts.store
    this.#sealer = parts.sealer
    this.#log = parts.log
    this.#ttlSeconds = keptSeconds + parts.absoluteSeconds
  }

  /**
   * The accounts on a user's list, oldest first; whether the user still keeps them, their grants say. Looking renews
   * the list's time to live.
   * @throws {LatchkeyError} `store_unavailable`: the store failed, or the record needs a key or version we lack.
   */
  async list(userId: string): Promise<readonly KeptAccount[]> {
    const record = await this.#store.read(userKey(userId), this.#ttlSeconds)
    const accounts = record && this.#open(userId, record)
    if (record === undefined || accounts === undefined) return []
    if (!this.#sealer.isUpToDate(record.sealed)) await this.#sealAnew(userId)
    return accounts
  }

  /** Adds an account, once. @throws {LatchkeyError} `store_unavailable` */
  add(userId: string, { provider, id, subject }: KeptAccount): Promise<void> {
    return this.#change(userId, (accounts) => {
      const isThere = accounts.some((one) => one.subject === subject)
      return isThere ? accounts : [...accounts, { provider, id, subject }]
    })
  }

  /** @throws {LatchkeyError} `store_unavailable` */
  remove(userId: string, subject: string): Promise<void> {
    return this.#change(userId, (accounts) => accounts.filter((one) => one.subject !== subject))
  }

  /** So that a secret can be taken away some time after it was replaced. Not done now, it is done at the next look. */
  async #sealAnew(userId: string): Promise<void> {
    await this.#change(userId, (accounts) => accounts).catch(() => {})
  }

  async #change(
    userId: string,
    change: (accounts: readonly KeptAccount[]) => readonly KeptAccount[],
  ): Promise<void> {
    const key = userKey(userId)
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const standing = await this.#store.read(key, this.#ttlSeconds)
      // One that was tampered with lists nothing any more, and must not keep its user from a new list for ever.
      const accounts = (standing && this.#open(userId, standing)) ?? []
      const next = change(accounts)
      const isUpToDate = standing === undefined || this.#sealer.isUpToDate(standing.sealed)
      if (next.length === accounts.length && isUpToDate) return
      const record = this.#seal(userId, next)
      const write = (): Promise<'written' | 'moved'> =>
        this.#store.write(key, standing?.version, record, this.#ttlSeconds)
      if ((await askAgain(write)) === 'written') return
    }
    throw storeUnavailable('contended')
  }

  #seal(userId: string, accounts: readonly KeptAccount[]): VersionedRecord {
    const version = randomId(128)
    const plaintext = Buffer.from(JSON.stringify({ schema, accounts }), 'utf8')
    return { version, sealed: this.#sealer.seal({ kind: 'user', name: userKey(userId), version }, plaintext) }
  }

  #open(userId: string, { version, sealed }: VersionedRecord): readonly KeptAccount[] | undefined {
    try {
      const plaintext = this.#sealer.open({ kind: 'user', name: userKey(userId), version }, sealed)
      return list(sealedObject(plaintext, schema).accounts).map(accountOf)
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      this.#log.error(
        { event: 'vault.corrupt', fault: error.fault },
        "The record of a user's kept accounts does not open.",
      )
      if (error.fault === 'corrupt') return undefined
      throw recordUnreadable(error.fault)
    }
  }
}

function accountOf(value: unknown): KeptAccount {
  const from = object(value)
  return { provider: text(from.provider), id: text(from.id), subject: text(from.subject) }
}
