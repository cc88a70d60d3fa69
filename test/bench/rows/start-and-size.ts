import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from '../../results.ts'
import type { Bench } from '../bench.ts'
import { figureOf } from '../figures.ts'
import { type InstalledApp, installedApps } from '../installed-apps.ts'
import { install, packAll, sizeOf } from '../installed-project.ts'
import type { Bar, Row, RowResult } from '../row.ts'
import { measureStart, type StartTimes } from '../start-time.ts'

const startsPerRound = 2
const megabyte = 2 ** 20

/** What an app pays once: its start, and its place on the disk. Apps as their users have them, from tarballs. */
export const startAndSize: Row = {
  name: 'start-and-size',
  title: 'Cold start and install size',
  run: measureAll,
}

async function measureAll(bench: Bench): Promise<RowResult> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  try {
    const tarballs = await packAll(join(folder, 'tarballs'))
    const sizes: Figure[] = []
    for (const app of installedApps) {
      await install(join(folder, app.name), app, tarballs)
      const { bytes, packages } = sizeOf(join(folder, app.name))
      sizes.push(
        figureOf(`${app.title}: installed`, [bytes / megabyte], { unit: 'MB' }),
        figureOf(`${app.title}: packages`, [packages], { unit: 'packages' }),
      )
      bench.progress(`${app.title}: ${(bytes / megabyte).toFixed(1)} MB in ${packages} packages`)
    }
    const starts = await measureStarts(bench, folder)
    return resultOf(sizes, starts, bench.options.rounds)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureStarts(
  bench: Bench,
  folder: string,
): Promise<ReadonlyMap<InstalledApp, readonly StartTimes[]>> {
  const starts = new Map<InstalledApp, StartTimes[]>(installedApps.map((app) => [app, []]))
  const count = bench.options.rounds * startsPerRound
  // The first of each reads from the disk.
  for (let turn = 0; turn <= count; turn += 1) {
    for (const [app, times] of starts) {
      const measured = await measureStart(join(folder, app.name, 'server.mjs'), bench.redis.url)
      if (turn > 0) times.push(measured)
    }
  }
  for (const [app, times] of starts) {
    const { median } = figureOf(
      '',
      times.map(({ answeredMs }) => answeredMs),
      { unit: 'ms' },
    )
    bench.progress(`${app.title}: first answer after ${median} ms`)
  }
  return starts
}

function resultOf(
  sizes: readonly Figure[],
  starts: ReadonlyMap<InstalledApp, readonly StartTimes[]>,
  rounds: number,
): RowResult {
  const bars: Bar[] = []
  const times: Figure[] = []
  for (const [{ title, kind }, measured] of starts) {
    const listening = figureOf(
      `${title}: listening`,
      measured.map(({ listeningMs }) => listeningMs),
      { unit: 'ms' },
    )
    const answered = figureOf(
      `${title}: first answer`,
      measured.map(({ answeredMs }) => answeredMs),
      { unit: 'ms' },
    )
    times.push(listening, answered)
    bars.push({ ...answered, label: title, kind })
  }
  return {
    setUp: { rounds, 'starts per round': startsPerRound },
    figures: [...sizes, ...times],
    charts: [{ title: 'from the start of the process to its first answer', unit: 'ms', bars }],
  }
}
