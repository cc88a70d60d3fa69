import { randomId } from '../crypto/random.ts'
import { askAgain } from '../store/ask-again.ts'
import type { FlowContext } from './context.ts'

/**
 * True for the one that comes first in `ttlSeconds`, whichever process it asks in.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function isFirstUse(
  { store }: Pick<FlowContext, 'store'>,
  key: string,
  ttlSeconds: number,
): Promise<boolean> {
  // Its own random value tells a lost answer of this one from somebody else's.
  const own = randomId(128)
  return (await askAgain(() => store.usedMarkers.take(key, own, ttlSeconds))) === own
}
