import { type Clock, Deadline, sleep } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'

const pauseMs = 250

/**
 * Asks the store once more when it fails: a lost answer is not a lost change. Only for what the store answers alike when
 * it is asked for again.
 */
export function askAgain<Result>(ask: () => Promise<Result>): Promise<Result> {
  return ask().catch(ask)
}

/** The same for `seconds` on end, for what must not be left open while the store is away for a moment. */
export async function askPatiently<Result>(
  clock: Clock,
  seconds: number,
  ask: () => Promise<Result>,
): Promise<Result> {
  const deadline = new Deadline(clock, seconds * 1_000)
  try {
    for (;;) {
      try {
        return await askAgain(ask)
      } catch (error) {
        if (deadline.isOver || !isStoreAway(error)) throw error
      }
      await sleep(clock, pauseMs)
    }
  } finally {
    deadline.cancel()
  }
}

/** True for a failure of the store, after which it may be asked again. */
export function isStoreAway(error: unknown): boolean {
  return LatchkeyError.is(error) && error.code === 'store_unavailable'
}
