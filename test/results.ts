import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { redisVersion } from './redis-server.ts'

/** One line of a table of results. */
export interface Figure {
  readonly figure: string
  /** How many were measured or tried. */
  readonly count: number
  readonly unit: string
  readonly min: number
  readonly median: number
  readonly max: number
  /** What it must be, where anything must, and whether it is: `<= 1000: met`, `0: MISSED`. */
  readonly bar?: string
}

/** A file of results, with everything that a published figure has to name. */
export interface Results {
  readonly name: string
  readonly title: string
  /** `full`, or `everyday` for the reduced counts of `npm test`. */
  readonly counts: 'full' | 'everyday'
  readonly commit: string
  readonly date: string
  readonly versions: Readonly<Record<string, string>>
  readonly machine: string
  /** What runs it again. */
  readonly command: string
  /** How the run was set up. */
  readonly setUp: Readonly<Record<string, string | number | boolean>>
  readonly figures: readonly Figure[]
}

/** Where the files are. Those with reduced counts are not kept in the repository. */
export const resultsFolder: string = join(import.meta.dirname, 'results')

const root = join(import.meta.dirname, '..')

/**
 * Collects the figures of one run, prints them as a table and writes them to `test/results/<name>.json`; a run with
 * reduced counts to `<name>.everyday.json`. Concurrency figures are counts, never percentages.
 */
export class ResultsFile {
  readonly #name: string
  readonly #title: string
  readonly #command: string
  readonly #isFull: boolean
  readonly #setUp: Results['setUp']
  readonly #figures: Figure[] = []
  /** Of the code that was loaded, whatever is checked out when the run ends. */
  readonly #commit = commit()

  /** @param about `command` is what a reader types to get these figures */
  constructor(about: {
    readonly name: string
    readonly title: string
    readonly command: string
    readonly setUp: Results['setUp']
    /** @default whether `LATCHKEY_FULL=1` */
    readonly isFull?: boolean
  }) {
    this.#name = about.name
    this.#title = about.title
    this.#command = about.command
    this.#setUp = about.setUp
    this.#isFull = about.isFull ?? process.env.LATCHKEY_FULL === '1'
  }

  /** So many of so many: `count('families killed', 0, { of: 1_000, bar: '0' })`. */
  count(figure: string, value: number, { of, bar }: { readonly of: number; readonly bar?: string }): void {
    const spread = { min: value, median: value, max: value }
    this.#figures.push({
      figure,
      count: of,
      unit: 'count',
      ...spread,
      ...(bar && { bar: judged(bar, spread) }),
    })
  }

  /** Minimum, median and maximum of these; all of them must be as the bar says: `1`, `<= 1000`, `< 2500`. */
  samples(
    figure: string,
    values: readonly number[],
    { unit, bar }: { readonly unit: string; readonly bar?: string },
  ): void {
    if (values.length === 0) throw new Error(`There is no sample of: ${figure}.`)
    const sorted = values.toSorted((a, b) => a - b)
    const [min = Number.NaN, median = Number.NaN, max = Number.NaN] = [0, 0.5, 1].map((share) =>
      rounded(quantile(sorted, share)),
    )
    const judgement = bar && { bar: judged(bar, { min, max }) }
    this.#figures.push({ figure, count: values.length, unit, min, median, max, ...judgement })
  }

  /** Prints the table and writes the file; returns its path from the top folder. Without figures it does nothing. */
  write(): string | undefined {
    if (this.#figures.length === 0) return undefined
    const results: Results = {
      name: this.#name,
      title: this.#title,
      counts: this.#isFull ? 'full' : 'everyday',
      ...circumstances(),
      commit: this.#commit,
      command: this.#command,
      setUp: this.#setUp,
      figures: this.#figures,
    }
    const file = join(resultsFolder, `${this.#name}${this.#isFull ? '' : '.everyday'}.json`)
    mkdirSync(resultsFolder, { recursive: true })
    writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
    const path = relative(root, file).replaceAll('\\', '/')
    console.log(`${tableOf(results)}\n${path}`)
    return path
  }
}

/** What every published figure has to name, as it is now. */
export function circumstances(): Pick<Results, 'commit' | 'date' | 'versions' | 'machine'> {
  return { commit: commit(), date: new Date().toISOString(), versions: versions(), machine: machine() }
}

/** The results as a table for a terminal. */
export function tableOf({ title, counts, setUp, figures }: Results): string {
  const set = Object.entries(setUp).map(([name, value]) => `${name} ${value}`)
  const head = ['figure', 'count', 'min', 'median', 'max', 'unit', 'bar']
  const rows = figures.map(({ figure, count, min, median, max, unit, bar = '' }) =>
    [figure, count, min, median, max, unit, bar].map(String),
  )
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = [head, ...rows].map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  )
  return [
    `${title} (${counts} counts: ${set.join(', ')})`,
    ...lines.map((cells) => cells.join('  ').trimEnd()),
  ].join('\n')
}

/** The value that this share of the sorted values lies below. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

/** The bar, and whether all values are as it says. */
function judged(bar: string, { min, max }: Pick<Figure, 'min' | 'max'>): string {
  const [, relation = '', text] = /^(<=|<|)\s*(\d+)$/.exec(bar) ?? []
  if (text === undefined) throw new Error(`This is no bar: ${bar}.`)
  const limit = Number(text)
  const isMet =
    relation === '<=' ? max <= limit : relation === '<' ? max < limit : min === limit && max === limit
  return `${bar}: ${isMet ? 'met' : 'MISSED'}`
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function commit(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', 'HEAD') + (isChanged ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}

function versions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url)
  const versionOf = (name: string): string => String(require(`${name}/package.json`).version)
  return {
    node: process.versions.node,
    redis: redisVersion() ?? 'none',
    ioredis: versionOf('ioredis'),
    express: versionOf('express'),
    undici: versionOf('undici'),
  }
}

function machine(): string {
  const [cpu] = cpus()
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${process.platform} ${process.arch}, ${cpus().length} x ${cpu?.model.trim()}, ${gigabytes} GiB`
}
