import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { sample, startContenders } from './load-row.ts'
import { readProfile, type Share } from './profile.ts'
import { loadRows } from './rows.ts'

const shownPackages = 16
const shownFunctions = 40
const warmUpSeconds = 3

/**
 * Prints where the time of each contender of a row goes, and keeps the profiles for a viewer.
 * @param wanted `row`, or `row:contender` with the beginning of its name
 */
export async function profileRow(bench: Bench, wanted: string): Promise<void> {
  const [name = '', which = ''] = wanted.split(':')
  const row = loadRows.find((one) => one.name === name)
  if (row === undefined)
    throw new Error(`--profile takes one of ${loadRows.map((one) => one.name).join(', ')}.`)
  const contenders = row.contenders.filter((one) => one.name.toLowerCase().startsWith(which.toLowerCase()))
  await using stack = new AsyncDisposableStack()
  for (const running of await startContenders(bench, contenders, stack)) {
    await sample(bench, running, warmUpSeconds)
    await running.app.ask('startProfile')
    const { perSecond, cpuMicros } = await sample(bench, running, bench.options.seconds)
    const json = await running.app.ask('stopProfile')
    const title = running.contender.name
    console.log(
      `\n${title}: ${Math.round(perSecond)}/s, ${cpuMicros.toFixed(1)} us of CPU per request while profiled`,
    )
    const { packages, functions } = readProfile(json)
    printShares('package', packages.slice(0, shownPackages), cpuMicros)
    printShares('function (time of its own)', functions.slice(0, shownFunctions), cpuMicros)
    const file = join(tmpdir(), `latchkey-${name}-${title.toLowerCase().replaceAll(' ', '-')}.cpuprofile`)
    writeFileSync(file, json)
    console.log(`for a viewer: ${file}`)
  }
}

function printShares(head: string, shares: readonly Share[], cpuMicros: number): void {
  console.log(`\n      %     us  ${head}`)
  for (const { name, share } of shares) {
    const percent = (share * 100).toFixed(1).padStart(7)
    console.log(`${percent}${(share * cpuMicros).toFixed(1).padStart(7)}  ${name}`)
  }
}
