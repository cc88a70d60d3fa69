import { type Figure, quantile } from '../results.ts'

/** Minimum, median and maximum of what was measured. */
export function figureOf(
  figure: string,
  values: readonly number[],
  about: { readonly unit: string; readonly bar?: string; readonly count?: number },
): Figure {
  if (values.length === 0) throw new Error(`There is no sample of: ${figure}.`)
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => rounded(quantile(sorted, share))
  return { figure, count: values.length, min: at(0), median: at(0.5), max: at(1), ...about }
}

/** The share of the sorted values that lies below the result. */
export function quantileOf(values: readonly number[], share: number): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    share,
  )
}

/** One value per round, divided by that of another contender in the same round. */
export function ratios(values: readonly number[], others: readonly number[]): readonly number[] {
  return values.map((value, round) => value / (others[round] ?? Number.NaN))
}

/** What a median must be, and whether it is. */
export function judged(
  values: readonly number[],
  { atLeast, atMost, unit }: { readonly atLeast?: number; readonly atMost?: number; readonly unit: string },
): string {
  const median = quantileOf(values, 0.5)
  const isMet =
    median >= (atLeast ?? Number.NEGATIVE_INFINITY) && median <= (atMost ?? Number.POSITIVE_INFINITY)
  const bars = [atLeast !== undefined ? `>= ${atLeast}` : `<= ${atMost}`]
  return `${bars.join()} ${unit}: ${isMet ? 'met' : 'MISSED'}`
}

function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}
