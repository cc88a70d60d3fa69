import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { User } from '../protocol/user.ts'
import { within } from '../protocol/within.ts'
import { subjectRef } from '../session/record.ts'
import type { FlowContext } from './context.ts'
import { isUnused } from './is-unused.ts'
import { aliveCheck, authorizedAt, type LeftOver } from './redeemed.ts'

/** A minute in all: so long a server or store is away that is only started anew. */
const takePlaceAfterMs = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000]

/** So long an answer waits for it. */
const longestWaitMs = 2_000

/**
 * What becomes of a redeemed code that no session gets. Where it has killed all earlier token sets of its user, it takes
 * their place, so that their sessions go on: tried at once unless the store is away, and again in the background.
 * Elsewhere it is revoked. Never rejects, and waits for no revocation.
 */
export async function abandon(
  context: FlowContext,
  leftOver: LeftOver,
  { isStoreAway = false }: { readonly isStoreAway?: boolean } = {},
): Promise<void> {
  const { background, clock } = context
  if (!leftOver.client.provider.exclusive) {
    void background.track(discard(context, leftOver, leftOver.user))
    return
  }
  const taking = isStoreAway ? Promise.resolve(false) : takePlace(context, leftOver)
  const done = taking.then((isTaken) => (isTaken ? undefined : takePlaceLater(context, leftOver)))
  void background.track(done)
  await within(clock, longestWaitMs, taking)
}

/** The same after the server could not say whose the code is, with this error. */
export function abandonUnknown(context: FlowContext, leftOver: LeftOver, error: unknown): void {
  if (leftOver.client.provider.exclusive && isTemporary(error)) {
    void context.background.track(takePlaceLater(context, leftOver))
  } else {
    void context.background.track(discard(context, leftOver, undefined))
  }
}

/** Revokes the token set, unless that would end the whole authorization of an account that may be in use. */
async function discard(
  context: FlowContext,
  { client, code }: LeftOver,
  user: User | undefined,
): Promise<void> {
  const endsAll = client.provider.revocation === 'authorization'
  if (endsAll && (user === undefined || !(await isUnused(context, subjectKey(client, user.id))))) return
  await context.revocations.discard(client, code.tokens)
}

async function takePlaceLater(context: FlowContext, leftOver: LeftOver): Promise<void> {
  const attempt = (): Promise<boolean> => takePlace(context, leftOver)
  if (await context.background.tryAgain(takePlaceAfterMs, attempt)) return
  const provider = leftOver.client.provider.id
  context.log.error(
    { event: 'sign_in.save_lost', provider },
    'The tokens of a failed sign-in are given up: its user must sign in again on all devices.',
  )
  if (leftOver.user !== undefined) {
    context.events.emit('save_lost', { provider, accountId: leftOver.user.id })
  }
}

/** False: to be tried again. */
async function takePlace(context: FlowContext, leftOver: LeftOver): Promise<boolean> {
  const { vault } = context
  const { client, code, requestedScope } = leftOver
  let { user } = leftOver
  try {
    user ??= (await client.profile(code)).user
    const { stored } = await vault.subjectGrants.bring({
      ref: subjectRef(subjectKey(client, user.id)),
      tokens: code.tokens,
      requestedScope,
      holder: undefined,
      member: undefined,
      ttlSeconds: 1,
      isAlive: aliveCheck(client, code),
      mustLive: true,
      authorizedAt: authorizedAt(leftOver),
    })
    // Nothing stands there whose place could be taken.
    if (stored === 'nothing') await discard(context, leftOver, user)
    return true
  } catch (error) {
    if (isTemporary(error)) return false
    await discard(context, leftOver, user)
    return true
  }
}

/** Store or server are away; a token set that the server calls dead stays dead. */
function isTemporary(error: unknown): boolean {
  if (!LatchkeyError.is(error)) return false
  if (error.code === 'store_unavailable') return true
  return error.code === 'as_unavailable' && error.reason !== 'userinfo_unauthorized'
}
