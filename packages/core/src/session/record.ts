import { SealError } from '../crypto/seal.ts'
import { boolean, type Fields, list, number, object, sealedObject, text } from '../crypto/sealed-json.ts'
import type { User } from '../protocol/user.ts'
import type { GrantRef } from '../store/store.ts'

/** Who is signed in, as the store keeps it (sealed). */
export interface SessionRecord {
  readonly user: User
  /** The app's own key for the person. */
  readonly userId: string
  readonly accounts: readonly SessionAccount[]
  /** The session's place in the index of its user. */
  readonly membership: Membership
  /** Epoch seconds of the sign-in. */
  readonly loginAt: number
  /** Epoch seconds after which the record is refused, whatever the store's time to live says. */
  readonly expiresAt: number
  /** Digest of the cookie's secret half. */
  readonly secretDigest: string
  /** The last transaction of this session, and where it led: a repeated callback goes there again. */
  readonly completed: CompletedTransaction
}

/** Whose a grant is: it dies with its session, with the last session of its subject, or is kept for its user. */
export type GrantOwner = 'session' | 'subject' | 'user'

/** Points from a session to one account's grant. */
export interface SessionAccount {
  readonly provider: string
  /** The user's id at the provider. */
  readonly id: string
  readonly owner: GrantOwner
  /** Names the grant in its slot: the session's, or else the subject's. */
  readonly grantId: string
  /** Key of the index of this account's sessions, and of the subject's slot. */
  readonly subject: string
  /** The session's place in that index. Absent: the user had the account already when the session began. */
  readonly membership?: Membership
}

/** A session's place in an index. */
export interface Membership {
  readonly id: string
  /** Epoch seconds on the store's clock. */
  readonly joinedAt: number
}

/** The id of every grant that lies in its subject's own slot: there is one for each subject. */
export const subjectGrantId = 'grant'

/** Where the grant of a subject lies that does not belong to one session. */
export function subjectRef(subject: string): GrantRef {
  return { slot: subject, id: subjectGrantId }
}

/** Where the grant of a session's account is stored. */
export function grantRefOf(
  locator: string,
  { owner, subject, grantId }: Pick<SessionAccount, 'owner' | 'subject' | 'grantId'>,
): GrantRef {
  return { slot: owner === 'session' ? locator : subject, id: grantId }
}

/** The same, and for an account that a user keeps, whose it must be: meanwhile somebody else may keep it. */
export function grantOf(
  { locator, userId }: { readonly locator: string; readonly userId: string },
  account: Pick<SessionAccount, 'owner' | 'subject' | 'grantId'>,
): { readonly ref: GrantRef; readonly holder?: string } {
  const ref = grantRefOf(locator, account)
  return account.owner === 'user' ? { ref, holder: userId } : { ref }
}

/** A transaction that changed a session. */
export interface CompletedTransaction {
  readonly transaction: string
  readonly returnTo: string
  /** The account that it brought. */
  readonly subject: string
  /** The scope that it asked for. */
  readonly scope: readonly string[]
  /** Epoch seconds. */
  readonly at: number
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
    membership: membershipOf(from.membership),
    loginAt: number(from.loginAt),
    expiresAt: number(from.expiresAt),
    secretDigest: text(from.secretDigest),
    completed: Object.freeze({
      transaction: text(completed.transaction),
      returnTo: text(completed.returnTo),
      subject: text(completed.subject),
      scope: Object.freeze(list(completed.scope).map(text)),
      at: number(completed.at),
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
  const owner = ownerOf(from.owner)
  // Only what a user keeps can be older than the session.
  const isOlder = owner === 'user' && from.membership === undefined
  return Object.freeze({
    provider: text(from.provider),
    id: text(from.id),
    owner,
    grantId: text(from.grantId),
    subject: text(from.subject),
    ...(isOlder ? {} : { membership: membershipOf(from.membership) }),
  })
}

function ownerOf(value: unknown): GrantOwner {
  if (value === 'session' || value === 'subject' || value === 'user') return value
  throw new SealError('corrupt')
}

function membershipOf(value: unknown): Membership {
  const from = object(value)
  return Object.freeze({ id: text(from.id), joinedAt: number(from.joinedAt) })
}
