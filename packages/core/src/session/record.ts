import { boolean, type Fields, list, number, object, sealedObject, text } from '../crypto/sealed-json.ts'
import type { User } from '../protocol/user.ts'
import type { GrantRef } from '../store/store.ts'

/** Who is signed in, as the store keeps it (sealed). */
export interface SessionRecord {
  readonly user: User
  /** The app's own key for the person. */
  readonly userId: string
  readonly accounts: readonly SessionAccount[]
  /** Epoch seconds of the sign-in. */
  readonly loginAt: number
  /** Epoch seconds after which the record is refused, whatever the store's time to live says. */
  readonly expiresAt: number
  /** Digest of the cookie's secret half. */
  readonly secretDigest: string
  /** The transaction that made this session, and where it led: a repeated callback goes there again. */
  readonly completed: CompletedTransaction
}

/** Points from a session to one account's grant. */
export interface SessionAccount {
  readonly provider: string
  /** The user's id at the provider. */
  readonly id: string
  /** Names the grant in the session's slot. */
  readonly grantId: string
  /** Key of the index of this account's sessions. */
  readonly subject: string
}

/** Where the grant of a session's account is stored: session-owned grants lie in the session's own slot. */
export function grantRefOf(locator: string, account: SessionAccount): GrantRef {
  return { slot: locator, id: account.grantId }
}

/** A transaction that ended in a sign-in. */
export interface CompletedTransaction {
  readonly transaction: string
  readonly returnTo: string
  /** The scope that it asked for. */
  readonly scope: readonly string[]
}

/** Format of the JSON inside the seal. A process that meets a higher one leaves the record alone. */
const schema = 1

/** The plaintext of a record. */
export function encodeSessionRecord(record: SessionRecord): Uint8Array {
  return Buffer.from(JSON.stringify({ schema, ...record }), 'utf8')
}

/**
 * Reads a plaintext field by field; nothing that is not named here gets through. The result is frozen, because one
 * process hands the same record to many requests.
 * @throws {SealError} `unknown_format`: written by a newer version. `corrupt`: anything else than a record.
 */
export function decodeSessionRecord(plaintext: Uint8Array): SessionRecord {
  const from = sealedObject(plaintext, schema)
  const completed = object(from.completed)
  return Object.freeze({
    user: userOf(object(from.user)),
    userId: text(from.userId),
    accounts: Object.freeze(list(from.accounts).map(accountOf)),
    loginAt: number(from.loginAt),
    expiresAt: number(from.expiresAt),
    secretDigest: text(from.secretDigest),
    completed: Object.freeze({
      transaction: text(completed.transaction),
      returnTo: text(completed.returnTo),
      scope: Object.freeze(list(completed.scope).map(text)),
    }),
  })
}

function userOf(from: Fields): User {
  return Object.freeze({
    provider: text(from.provider),
    id: text(from.id),
    ...(from.ids === undefined ? {} : { ids: idsOf(object(from.ids)) }),
    ...(from.name === undefined ? {} : { name: text(from.name) }),
    ...(from.email === undefined ? {} : { email: text(from.email) }),
    ...(from.emailVerified === undefined ? {} : { emailVerified: boolean(from.emailVerified) }),
    ...(from.picture === undefined ? {} : { picture: text(from.picture) }),
  })
}

function idsOf(from: Fields): Readonly<Record<string, string>> {
  // Without a prototype `__proto__` is a name like any other.
  const ids: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(from)) ids[name] = text(value)
  return Object.freeze(ids)
}

function accountOf(value: unknown): SessionAccount {
  const from = object(value)
  return Object.freeze({
    provider: text(from.provider),
    id: text(from.id),
    grantId: text(from.grantId),
    subject: text(from.subject),
  })
}
