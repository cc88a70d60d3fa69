import { type SessionAccount, subjectRef } from '../session/record.ts'
import { userKey } from '../session/session-index.ts'
import type { EndedGrant } from '../session/sessions.ts'
import { settleAll } from '../session/settle-all.ts'
import { askAgain } from '../store/ask-again.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type { FlowContext } from './context.ts'
import { isUnused } from './is-unused.ts'
import { unlist } from './kept-list.ts'
import { revocationWaitMs } from './revocations.ts'
import { inBackground } from './when-store-is-back.ts'

/** How often it starts over because the grant changed meanwhile. */
const attempts = 4

/**
 * Ends an account for its user: its tokens are revoked, it is no longer kept, and it leaves all of the user's sessions.
 * The user stays signed in.
 * @throws {LatchkeyError} `store_unavailable`: it may be gone from some sessions only; ask again.
 */
export async function disconnect(
  context: FlowContext,
  userId: string,
  account: SessionAccount,
): Promise<void> {
  const { sessions, revocations } = context
  const { subject } = account
  const removed: EndedGrant[] = []
  let forgotten: EndedGrant | undefined
  let leaving: readonly string[] = []
  try {
    // What points to the account goes last, so that whoever asks again finds it.
    forgotten = await forget(context, userId, account)
    // Linked anew meanwhile: then that link stands, and so does what leads to it.
    if (!(await unlist(context, userId, account))) return
    leaving = await sessions.endings.locators(userKey(userId))
    const { done, failure } = await settleAll(leaving, (locator) =>
      sessions.endings.removeAccount(
        locator,
        (one, record) => one.subject === subject && record.userId === userId,
        inBackground(context),
      ),
    )
    removed.push(...done.flatMap((grants) => grants ?? []))
    if (failure !== undefined) throw failure.reason
  } finally {
    const kept = forgotten && [{ ...forgotten, lastOfSubject: await isUnused(context, subject, leaving) }]
    await revocations.revoke([...removed, ...(kept ?? [])], revocationWaitMs)
  }
}

/**
 * Deletes the grant that a user keeps, not one that somebody else keeps meanwhile; also where the provider keeps
 * nothing any more.
 */
async function forget(
  { store, vault }: Pick<FlowContext, 'store' | 'vault'>,
  userId: string,
  account: SessionAccount,
): Promise<EndedGrant | undefined> {
  const ref = subjectRef(account.subject)
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const record = await store.grants.read(ref)
    if (record === undefined || vault.open(ref, record)?.holder !== userId) return undefined
    const outcome = await askAgain(() => store.grants.delete(ref, record.version))
    if (outcome === 'deleted') return { account, ref, record, lastOfSubject: false }
  }
  throw storeUnavailable('contended')
}
