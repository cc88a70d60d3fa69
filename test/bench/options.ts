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

/** Names of rows. */
export interface RowNames {
  readonly all: readonly string[]
  /** Those that put apps under load. */
  readonly profiled: readonly string[]
}

/** What was asked for cannot be done. The message is for the person at the terminal. */
export class WrongOption extends Error {}

/**
 * Reads the arguments of `npm run bench`.
 * @throws {WrongOption} that names what is wrong
 */
export function readOptions(args: readonly string[], rows: RowNames): BenchOptions {
  const values = parsed(args)
  const { profile } = values
  const only = values.only?.flatMap((names) => names.split(','))
  for (const name of only ?? []) requireRow(name, rows.all)
  if (profile !== undefined) requireRow(profile.split(':')[0] ?? '', rows.profiled)
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

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { only: { ...text, multiple: true }, rounds: text, seconds: text, profile: text } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/[.\n] ?/) // parseArgs throws nothing else
    throw new WrongOption(`${sentence}.`)
  }
}

function requireRow(name: string, names: readonly string[]): void {
  if (!names.includes(name)) throw new WrongOption(`There is no row ${name}. There are ${names.join(', ')}.`)
}

function numberOf(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new WrongOption(`--${name} takes a number from 1 up.`)
  return number
}
