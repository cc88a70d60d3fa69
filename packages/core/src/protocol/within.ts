import type { Clock } from '../clock.ts'

/** What `promise` brings within `delayMs`, else `undefined`. The work behind it goes on. */
export async function within<Value>(
  clock: Clock,
  delayMs: number,
  promise: Promise<Value>,
): Promise<Value | undefined> {
  let cancel = (): void => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(delayMs, () => resolve(undefined))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
  }
}
