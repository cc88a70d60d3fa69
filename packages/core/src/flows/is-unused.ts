import { subjectRef } from '../session/record.ts'
import { locatorOf } from '../session/session-index.ts'
import { storeIsAway } from '../store/guarded-store.ts'
import type { FlowContext } from './context.ts'

/**
 * True when nobody uses an account any more, so that its whole authorization may be revoked. False when nobody knows,
 * because the store is away.
 * @param leaving locators of sessions that do not count: the account has been taken from them.
 */
export async function isUnused(
  { store }: Pick<FlowContext, 'store'>,
  subject: string,
  leaving: readonly string[] = [],
): Promise<boolean> {
  try {
    const members = await store.subjects.members(subject)
    if (!members.every((id) => leaving.includes(locatorOf(id)))) return false
    return (await store.grants.read(subjectRef(subject))) === undefined
  } catch (error) {
    storeIsAway(error)
    return false
  }
}
