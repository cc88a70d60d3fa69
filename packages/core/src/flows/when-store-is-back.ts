import type { Aftermath } from '../session/left-places.ts'
import { isStoreAway } from '../store/ask-again.ts'
import type { FlowContext } from './context.ts'

/** A minute: so long a store is away that is only started anew or fails over. Then every minute for an hour. */
const tryAgainAfterMs: readonly number[] = [
  ...[1_000, 2_000, 4_000, 8_000, 15_000, 30_000],
  ...Array.from({ length: 59 }, () => 60_000),
]

/** Does what belongs to a sign-in or sign-out and could not be done because the store was away. */
export async function whenStoreIsBack(
  { background, log }: Pick<FlowContext, 'background' | 'log'>,
  work: () => Promise<void>,
): Promise<void> {
  const attempt = async (): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      if (isStoreAway(error)) return false
      throw error
    }
  }
  if (await background.tryAgain(tryAgainAfterMs, attempt)) return
  log.warn(
    { event: 'store.unsettled' },
    'The store was away for too long: what a sign-in or sign-out had begun there is left to expire.',
  )
}

/** Does behind a request what its change of sessions leaves to be done. */
export function inBackground(context: Pick<FlowContext, 'background' | 'log' | 'revocations'>): Aftermath {
  return {
    ended: (grants) => void context.revocations.revoke(grants, 0),
    later: (work) => void context.background.track(whenStoreIsBack(context, work)),
  }
}
