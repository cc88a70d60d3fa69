/**
 * Asks the store once more when it fails: a lost answer is not a lost change. Only for what the store answers alike when
 * it is asked for again.
 */
export function askAgain<Result>(ask: () => Promise<Result>): Promise<Result> {
  return ask().catch(ask)
}
