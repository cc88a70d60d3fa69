/** How several pieces of work went. */
export interface Settled<Result> {
  readonly done: readonly Result[]
  /** The first rejection. Absent: all is done. */
  readonly failure?: { readonly reason: unknown }
}

/** Waits for all of the work, so that what is done counts although something else failed. Never rejects. */
export async function settleAll<Result>(work: readonly Promise<Result>[]): Promise<Settled<Result>> {
  const outcomes = await Promise.allSettled(work)
  const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  return failed === undefined ? { done } : { done, failure: { reason: failed.reason } }
}
