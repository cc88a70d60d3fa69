import type { Figure } from '../results.ts'
import type { Bench } from './bench.ts'

/** One topic of the benchmarks. */
export interface Row {
  /** For `--only`, and the name of its files. */
  readonly name: string
  readonly title: string
  /** Only runs when it is named. */
  readonly isOnRequest?: boolean
  readonly run: (bench: Bench) => Promise<RowResult>
}

/** What a row measured. */
export interface RowResult {
  readonly setUp: Readonly<Record<string, string | number | boolean>>
  readonly figures: readonly Figure[]
  readonly charts: readonly Chart[]
  /** Every single sample, for whoever wants to look closer. */
  readonly samples?: Readonly<Record<string, unknown>>
}

/** Bars of one unit that are compared. */
export interface Chart {
  readonly title: string
  readonly unit: string
  readonly bars: readonly Bar[]
}

/** A median with its minimum and maximum. */
export interface Bar {
  readonly label: string
  readonly min: number
  readonly median: number
  readonly max: number
  readonly kind: 'floor' | 'latchkey' | 'limit'
  /** Behind the value. */
  readonly note?: string
}
