import { randomId } from '../crypto/random.ts'
import type { GrantRef, Joined, Member, VersionedRecord } from '../store/store.ts'
import { type SessionAccount, subjectGrantId } from './record.ts'
import { locatorOf, type Place, type SessionIndex } from './session-index.ts'

/** An account that a login brings into a session. */
export interface BroughtAccount extends Pick<SessionAccount, 'provider' | 'id' | 'subject'> {
  readonly grant: BroughtGrant
}

/** The grant of a {@link BroughtAccount}, by who owns it. */
export type BroughtGrant =
  /** `seal` makes the record that is stored in the session's slot. */
  | { readonly owner: 'session'; readonly seal: (ref: GrantRef) => VersionedRecord }
  /** `admit` stores it in the subject's slot and makes the session a member there, in one step. */
  | { readonly owner: 'subject' | 'user'; readonly admit: (member: Member) => Promise<Joined> }

/** A brought account that has its place in the subject's index, and perhaps a grant for the session's slot. */
export interface Arrival {
  readonly locator: string
  readonly account: SessionAccount
  readonly sealed?: { readonly id: string; readonly record: VersionedRecord }
}

/** The place that an account's arrival takes, perhaps also when it fails. */
export function placeOf({ provider, id, subject, grant }: BroughtAccount, member: Member): Place {
  const place = { key: subject, member }
  return grant.owner === 'subject' ? { ...place, sharing: { provider, id, subject } } : place
}

/** Joins the account's subject: from then on an end of all its sessions reaches this one. */
export async function arrivalOf(
  { provider, id, subject, grant }: BroughtAccount,
  member: Member,
  index: SessionIndex,
): Promise<Arrival> {
  const locator = locatorOf(member.id)
  const { owner } = grant
  const joined = await (owner === 'session' ? index.join(subject, member) : grant.admit(member))
  const membership = { id: member.id, joinedAt: joined.now }
  const grantId = owner === 'session' ? randomId(128) : subjectGrantId
  const account = { provider, id, subject, owner, grantId, membership }
  if (owner !== 'session') return { locator, account }
  return { locator, account, sealed: { id: grantId, record: grant.seal({ slot: locator, id: grantId }) } }
}

/** The accounts of a session after one has arrived: in the place of what it was before, else as the last one. */
export function accountsWith(
  accounts: readonly SessionAccount[],
  arrived: SessionAccount,
): readonly SessionAccount[] {
  const position = accounts.findIndex((one) => isSameAccount(one, arrived))
  const before = accounts[position]
  return before === undefined ? [...accounts, arrived] : accounts.with(position, since(before, arrived))
}

/** True for the same user at the same provider, whatever client of ours the tokens were given to. */
export function isSameAccount(
  a: Pick<SessionAccount, 'provider' | 'id'>,
  b: Pick<SessionAccount, 'provider' | 'id'>,
): boolean {
  return a.provider === b.provider && a.id === b.id
}

/** What is authorized anew is in its session since it was brought there first. */
function since(before: SessionAccount, arrived: SessionAccount): SessionAccount {
  const { membership } = arrived
  if (membership === undefined || before.membership === undefined) return arrived
  return { ...arrived, membership: { ...membership, joinedAt: before.membership.joinedAt } }
}
