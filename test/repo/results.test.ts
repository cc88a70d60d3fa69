import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { quantile, type Results, ResultsFile, resultsFolder } from '../results.ts'
import { root } from './source-files.ts'

const page: {
  resultsPage(files: readonly Results[]): string
  readResults(folder: string): readonly Results[]
  allResults(): readonly Results[]
} = await import(pathToFileURL(join(root, '.scripts/results.mjs')).href)
const name = 'results-test'
const file = join(resultsFolder, `${name}.everyday.json`)

describe('a file of results', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(file, { force: true })
  })

  it('names everything that a published figure needs, and prints the table', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    const setUp = { processes: 2, expiries: 3 }
    const results = new ResultsFile({ name, title: 'A test', command: 'npm test', setUp, isFull: false })
    results.count('families killed', 0, { of: 3, bar: '0' })
    results.samples('wait', [3, 1, 2, 10], { unit: 'ms' })
    expect(results.write()).toBe(`test/results/${name}.everyday.json`)
    const written: Results = JSON.parse(readFileSync(file, 'utf8'))
    expect(written).toMatchObject({ name, title: 'A test', counts: 'everyday', command: 'npm test', setUp })
    expect(written.figures).toEqual([
      { figure: 'families killed', count: 3, unit: 'count', min: 0, median: 0, max: 0, bar: '0: met' },
      { figure: 'wait', count: 4, unit: 'ms', min: 1, median: 2.5, max: 10 },
    ])
    expect(written.commit).toMatch(/^([0-9a-f]{40}( with changes)?|unknown)$/)
    expect(Date.parse(written.date)).not.toBeNaN()
    expect(Object.keys(written.versions)).toEqual(['node', 'redis', 'ioredis', 'express', 'undici'])
    expect(written.machine).toContain(process.platform)
    expect(log.mock.calls.join('\n')).toMatch(/^A test \(everyday counts: processes 2, expiries 3\)\nfigure /)
  })

  it.each([
    [[1, 1], '1', '1: met'],
    [[1, 2], '1', '1: MISSED'],
    [[0, 1_000], '<= 1000', '<= 1000: met'],
    [[0, 1_001], '<= 1000', '<= 1000: MISSED'],
    [[2_500], '< 2500', '< 2500: MISSED'],
  ])('judges %j by the bar %s', (values, bar, expected) => {
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const results = new ResultsFile({ name, title: 'A test', command: 'npm test', setUp: {}, isFull: false })
    results.samples('wait', values, { unit: 'ms', bar })
    expect(() => results.count('kills', 1, { of: 1, bar: 'few' })).toThrow('no bar: few')
    results.write()
    expect(JSON.parse(readFileSync(file, 'utf8')).figures).toMatchObject([{ bar: expected }])
  })

  it('refuses a figure without a sample', () => {
    const results = new ResultsFile({ name, title: 'A test', command: 'npm test', setUp: {} })
    expect(() => results.samples('wait', [], { unit: 'ms' })).toThrow('no sample of: wait')
    expect(existsSync(join(root, 'test/results', `${name}.json`))).toBe(false)
  })

  it.each([
    [[7], 0.99, 7],
    [[1, 2, 3, 4], 0.5, 2.5],
    [[0, 10], 0.9, 9],
  ])('finds the quantile of %j at %s', (values, share, expected) => {
    expect(quantile(values, share)).toBeCloseTo(expected)
  })
})

describe('the page of results', () => {
  const results: Results = {
    name: 'b',
    title: 'Herds',
    counts: 'full',
    commit: `${'0123456789abcdef'.repeat(3).slice(0, 40)} with changes`,
    date: '2026-01-02T03:04:05.678Z',
    versions: { node: '24.0.0', redis: '7.0.15' },
    machine: 'linux',
    command: 'npm run test:full',
    setUp: { processes: 8 },
    figures: [
      { figure: 'families killed', count: 3, unit: 'count', min: 0, median: 0, max: 0, bar: '0' },
      { figure: 'wait', count: 4, unit: 'ms', min: 1, median: 2.5, max: 10 },
    ],
  }

  it('has a section for each file, with counts and the spread of the rest', () => {
    const text = page.resultsPage([results, { ...results, name: 'a', title: 'Kills' }])
    expect(text.match(/^## .*$/gm)).toEqual(['## Kills', '## Herds'])
    expect(text).toContain('| families killed | 0 of 3 |     |        |     | 0       |')
    expect(text).toContain('| wait (ms)       | 4      | 1   | 2.5    | 10  |         |')
    expect(text).toContain('Commit 0123456789ab with changes, 2026-01-02, node 24.0.0, redis 7.0.15, linux.')
  })

  it('shows the chart of a benchmark', () => {
    const bench = { ...results, name: 'signed-in', charts: [{}] }
    expect(page.resultsPage([bench])).toContain('\n\n![Herds](bench/results/signed-in.svg)\n\n| figure')
  })

  it('is made from full counts alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-results-'))
    try {
      for (const file of ['one.json', 'two.everyday.json', 'three.trial.json'])
        writeFileSync(join(folder, file), JSON.stringify({ ...results, name: file }))
      expect(page.readResults(folder).map((one) => one.name)).toEqual(['one.json'])
      expect(page.readResults(join(folder, 'none'))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is as the script makes it', () => {
    const file = join(root, 'test/RESULTS.md')
    if (!existsSync(file)) return
    expect(readFileSync(file, 'utf8')).toBe(page.resultsPage(page.allResults()))
  })
})
