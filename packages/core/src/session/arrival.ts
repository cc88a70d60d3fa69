import { randomId } from '../crypto/random.ts'
import type { GrantRef, Joined, Member, VersionedRecord } from '../store/store.ts'
import { type SessionAccount, subjectGrantId } from './record.ts'
import { locatorOf, type SessionIndex } from './session-index.ts'

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

/** Joins the account's subject: from then on an end of all its sessions reaches this one. */
export async function arrivalOf(
  { provider, id, subject, grant }: BroughtAccount,
  member: Member,
  index: SessionIndex,
): Promise<Arrival> {
  const locator = locatorOf(member.id)
  const { owner } = grant
  const joined = owner === 'session' ? await index.join(subject, member) : await grant.admit(member)
  const membership = { id: member.id, joinedAt: joined.now }
  const grantId = owner === 'session' ? randomId(128) : subjectGrantId
  const account = { provider, id, subject, owner, grantId, membership }
  if (owner !== 'session') return { locator, account }
  return { locator, account, sealed: { id: grantId, record: grant.seal({ slot: locator, id: grantId }) } }
}
