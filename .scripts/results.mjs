import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fail, root } from './workspace.mjs'

const introduction = `# Results

Measured figures, each with what is needed to get it again: commit, versions, machine, command. Where something is lost,
the number stands here. Concurrency figures are counts out of so many, never percentages. \`case 12\` is row 12 of the
[list of cases](CASES.md).

This page is made by \`npm run results\` from the files in [results](results) and, for speed, in \`test/bench/results\`, which the
commands below write.
`

const folders = ['test/results', 'test/bench/results']

/** The page of all results: one section for each file, in the order of their names. */
export function resultsPage(files) {
  const sorted = files.toSorted((a, b) => a.name.localeCompare(b.name))
  return [introduction, ...sorted.map(section)].join('\n')
}

/** Every file of results that was measured with full counts. */
export function allResults() {
  return folders.flatMap((folder) => readResults(join(root, folder)))
}

/** Those in one folder. */
export function readResults(folder) {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter(
    (name) => name.endsWith('.json') && !/\.(everyday|trial)\.json$/.test(name),
  )
  return names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

function section({ name, title, commit, date, versions, machine, command, setUp, figures, charts = [] }) {
  const list = (entries) => Object.entries(entries).map(([what, value]) => `${what} ${value}`)
  const chart = charts.length > 0 ? `![${title}](bench/results/${name}.svg)\n\n` : ''
  const rows = figures.map(({ figure, count, min, median, max, unit, bar = '' }) =>
    unit === 'count'
      ? [figure, `${min} of ${count}`, '', '', '', bar]
      : [`${figure} (${unit})`, count, min, median, max, bar],
  )
  return `## ${title}

\`${command}\`, ${list(setUp).join(', ')}. Commit ${commit.slice(0, 12)}${commit.slice(40)}, ${date.slice(0, 10)}, ${list(versions).join(', ')}, ${machine}.

${chart}${table([['figure', 'count', 'min', 'median', 'max', 'must be'], ...rows])}
`
}

/** As the formatter writes it. */
function table(rows) {
  const texts = rows.map((cells) => cells.map((cell) => String(cell).replaceAll('|', '\\|')))
  const widths = texts[0].map((_, column) => Math.max(3, ...texts.map((cells) => cells[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const [head, ...body] = texts.map(line)
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n')
}

function writePage() {
  writeFileSync(join(root, 'test', 'RESULTS.md'), resultsPage(allResults()))
  console.log('test/RESULTS.md')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    writePage()
  } catch (error) {
    fail(error)
  }
}
