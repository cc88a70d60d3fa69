const isFull = process.env.LATCHKEY_FULL === '1'

/** How often a test does something. `LATCHKEY_FULL=1` asks for the full counts, which take minutes; tests print them. */
export function countOf(counts: { readonly everyday: number; readonly full: number }): number {
  return isFull ? counts.full : counts.everyday
}

/** Time for a test with such a count, in milliseconds. */
export const countTimeoutMs: number = isFull ? 3_600_000 : 120_000
