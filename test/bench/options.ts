import { parseArgs } from 'node:util'

/** What a run of the benchmarks was asked for. */
export interface BenchOptions {
  /** Names of rows. Absent: all. */
  readonly only?: readonly string[]
  readonly rounds: number
  /** Of load per round and contender. */
  readonly seconds: number
  /** Less of everything: to see that it works, not to publish. */
  readonly isTrial: boolean
  /** `row` or `row:contender`: print where its time goes instead. */
  readonly profile?: string
}

/** What figures are published with. */
export const publishedRounds = 5
const publishedSeconds = 8

/**
 * Reads the arguments of `npm run bench`.
 * @param rows the names of all rows
 * @throws Error that names what is wrong
 */
export function readOptions(args: readonly string[], rows: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      profile: { type: 'string' },
    },
  })
  const { profile } = values
  const only = values.only?.flatMap((names) => names.split(','))
  const unknown = only?.find((name) => !rows.includes(name))
  if (unknown !== undefined) throw new Error(`There is no row ${unknown}. There are ${rows.join(', ')}.`)
  const rounds = numberOf('rounds', values.rounds, publishedRounds)
  const seconds = numberOf('seconds', values.seconds, publishedSeconds)
  return {
    ...(only && { only }),
    rounds,
    seconds,
    isTrial: rounds < publishedRounds || seconds < publishedSeconds,
    ...(profile !== undefined && { profile }),
  }
}

function numberOf(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a number from 1 up.`)
  return number
}
