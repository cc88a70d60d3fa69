/** How several pieces of work went. */
export interface Settled<Result> {
  readonly done: readonly Result[]
  /** The first rejection. Absent: all is done. */
  readonly failure?: { readonly reason: unknown }
}

/** How much of it is under way at once: a store and a server have others to serve meanwhile. */
const mostAtOnce = 64

/** Works on all items, so that what is done counts although something else failed. Never rejects. */
export async function settleAll<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Settled<Result>> {
  const done: Result[] = []
  let failure: Settled<Result>['failure']
  const waiting = items.values()
  const workOff = async (): Promise<void> => {
    for (const item of waiting) {
      try {
        done.push(await work(item))
      } catch (reason) {
        failure ??= { reason }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(mostAtOnce, items.length) }, workOff))
  return failure === undefined ? { done } : { done, failure }
}
