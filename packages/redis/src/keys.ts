import { createHash } from 'node:crypto'
import type { GrantRef } from '@latchkey/core'

/**
 * Every key that Latchkey writes. The part in braces is the hash tag: everything of one session, subject or user lies
 * in one slot of a Redis Cluster, so that a script can change it in one step. Locators and the keys of subjects and
 * users are random or digests already; whatever else names a key is hashed here, so that no name can be used or says
 * who somebody is.
 *
 * | key | holds | time to live |
 * |---|---|---|
 * | `lk:{locator}:s` | the sign-in session's record | idle time, renewed by each read |
 * | `lk:{slot}:g:<id>` | a grant's record; the slot is a locator or a subject | as long as whoever owns it |
 * | `lk:{slot}:a:<id>` | the grant's last refresh attempt | minutes |
 * | `lk:{slot}:l:<id>` | the lease on it | seconds |
 * | `lk:{subject}:m` | sorted set of sessions, each scored by its absolute expiry | its longest member's |
 * | `lk:{subject}:n` | when all sessions were ended last | as told with the end |
 * | `lk:{user}:u` | the record of a user's kept accounts | renewed by each read |
 * | `lk:{digest}:o` | a used marker | as told |
 * | `lk:{digest}:d` | the app's own session data, or the tombstone of a deleted one | idle time; 10 minutes |
 */
export const keys = {
  session: (locator: string): string => `lk:{${locator}}:s`,
  grant: ({ slot, id }: GrantRef): string => `lk:{${slot}}:g:${id}`,
  attempt: ({ slot, id }: GrantRef): string => `lk:{${slot}}:a:${id}`,
  lease: ({ slot, id }: GrantRef): string => `lk:{${slot}}:l:${id}`,
  /** All that belongs to a grant, as the scripts expect it. */
  wholeGrant: (ref: GrantRef): readonly string[] => [keys.grant(ref), keys.attempt(ref), keys.lease(ref)],
  members: (subject: string): string => `lk:{${subject}}:m`,
  notBefore: (subject: string): string => `lk:{${subject}}:n`,
  user: (user: string): string => `lk:{${user}}:u`,
  usedMarker: (name: string): string => `lk:{${hashed('used marker', name)}}:o`,
  appSession: (id: string): string => `lk:{${hashed('app session', id)}}:d`,
} as const

/** Redis refuses times to live beyond what fits its clock; nothing of ours comes near a hundred years. */
const longestMs = 100 * 365 * 86_400 * 1000

/** A time to live as Redis takes it: whole milliseconds, at least one. */
export function milliseconds(seconds: number): number {
  return Math.min(Math.max(1, Math.ceil(seconds * 1000)), longestMs)
}

function hashed(label: string, name: string): string {
  return createHash('sha256').update(`latchkey ${label}\0`).update(name).digest('base64url')
}
