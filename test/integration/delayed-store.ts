import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '@latchkey/express'
import { aroundStore } from './around-store.ts'

/**
 * The same store, each command of which waits before and after it, so that requests meet in ever other ways. How long
 * is drawn at random; half of the waits are none.
 */
export function delayed(store: Store, mostMs: number): Store {
  if (mostMs === 0) return store
  return aroundStore(store, async (_command, run) => {
    await wait(mostMs)
    try {
      return await run()
    } finally {
      await wait(mostMs)
    }
  })
}

async function wait(mostMs: number): Promise<void> {
  if (Math.random() < 0.5) await pause(Math.random() * mostMs)
}
