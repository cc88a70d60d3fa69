import { loadavg } from 'node:os'
import { Bench } from './bench.ts'
import { BenchResults } from './bench-results.ts'
import { type BenchOptions, readOptions, WrongOption } from './options.ts'
import { profileRow } from './profile-mode.ts'
import { loadRows, rows } from './rows.ts'

// Runs the rows one after the other. A budget that is missed is printed; only what is broken ends with another code.

const quietLoad = 1

async function run(): Promise<void> {
  const namesOf = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name)
  const names = { all: namesOf(rows), profiled: namesOf(loadRows) }
  const options = readOptions(process.argv.slice(2), names)
  const [load = 0] = loadavg()
  if (load > quietLoad) console.log(`The machine is busy (load ${load.toFixed(1)}): expect noise.`)
  await using bench = await Bench.start(options)
  if (options.profile === undefined) await runRows(bench, options)
  else await profileRow(bench, options.profile)
}

async function runRows(bench: Bench, options: BenchOptions): Promise<void> {
  const results = new BenchResults(options)
  const start = performance.now()
  for (const row of rows) {
    if (options.only !== undefined ? !options.only.includes(row.name) : row.isOnRequest === true) continue
    console.log(`${row.title} (${row.name}) …`)
    try {
      results.add(row, await row.run(bench))
    } catch (error) {
      // The other rows are measured all the same.
      console.error(`BROKEN ${row.name}:`, error)
      process.exitCode = 1
    }
    console.log(`after ${Math.round((performance.now() - start) / 1000)} s`)
  }
  results.close()
}

try {
  await run()
} catch (error) {
  const isWrongOption = error instanceof WrongOption
  console.error(isWrongOption ? `${error.message}\n\`npm run bench -- --help\` lists all options.` : error)
  process.exitCode = 1
}
// Not left to Node: it can turn for ever at its end when helpers of child processes have just gone.
process.exit()
