import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { circumstances, type Results, tableOf } from '../results.ts'
import type { BenchOptions } from './options.ts'
import type { Chart, Row, RowResult } from './row.ts'
import { svgOf } from './svg-chart.ts'
import { barsOf } from './terminal-chart.ts'

/** The file of one row. */
export interface RowFile extends Results {
  readonly charts: readonly Chart[]
  readonly samples?: RowResult['samples']
}

/** Where the files are. Trials are not kept in the repository. */
export const resultsFolder: string = join(import.meta.dirname, 'results')

const root = join(import.meta.dirname, '../..')
/** Beside those that every file of results names. */
const measured = ['express-session', '@fastify/session', 'fastify', 'connect-redis', 'redis', 'autocannon']

/** Prints what rows measured, and writes it as JSON with a chart as SVG. */
export class BenchResults {
  readonly #options: BenchOptions
  /** Taken at the start: what is written later changes the work tree. */
  readonly #circumstances: ReturnType<typeof circumstances>
  readonly #files: RowFile[] = []

  constructor(options: BenchOptions) {
    this.#options = options
    const { versions, ...others } = circumstances()
    const more = measured.map((name) => [name === 'redis' ? 'node-redis' : name, versionOf(name)])
    this.#circumstances = { ...others, versions: { ...versions, ...Object.fromEntries(more) } }
  }

  /** Prints a row and writes its files. */
  add({ name, title }: Row, { setUp, figures, charts, samples }: RowResult): void {
    const file: RowFile = {
      name,
      title,
      counts: this.#options.isTrial ? 'everyday' : 'full',
      ...this.#circumstances,
      command: this.#command(name),
      setUp,
      figures,
      charts,
      ...(samples && { samples }),
    }
    this.#files.push(file)
    console.log(`\n${tableOf(file)}`)
    for (const chart of charts) console.log(`\n${barsOf(chart)}`)
    mkdirSync(resultsFolder, { recursive: true })
    const written = [this.#write(name, 'json', `${JSON.stringify(file, undefined, 2)}\n`)]
    if (charts.length > 0) written.push(this.#write(name, 'svg', svgOf(title, charts)))
    console.log(`\n${written.join('\n')}\n`)
  }

  /** Says what was missed, and what to do with the files. */
  close(): void {
    const missed = this.#files.flatMap(({ title, figures }) =>
      figures
        .filter(({ bar }) => bar?.includes('MISSED'))
        .map(({ figure, bar }) => `${title}: ${figure}: ${bar}`),
    )
    console.log(
      missed.length === 0 ? 'No budget is missed.' : `MISSED ${missed.length}:\n${missed.join('\n')}`,
    )
    if (this.#options.isTrial) console.log('A trial: too few or too short rounds for a figure to quote.')
    else console.log('npm run results puts it on the page test/RESULTS.md.')
  }

  #write(name: string, extension: string, text: string): string {
    const file = join(resultsFolder, `${name}${this.#options.isTrial ? '.trial' : ''}.${extension}`)
    writeFileSync(file, text)
    return relative(root, file).replaceAll('\\', '/')
  }

  #command(name: string): string {
    const { rounds, seconds, isTrial } = this.#options
    const counts = isTrial ? ` --rounds ${rounds} --seconds ${seconds}` : ''
    return `npm run bench -- --only ${name}${counts}`
  }
}

function versionOf(name: string): string {
  const text = readFileSync(join(root, 'test/node_modules', name, 'package.json'), 'utf8')
  return JSON.parse(text).version
}
