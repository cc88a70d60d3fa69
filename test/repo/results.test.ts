import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { quantile, type Results, ResultsFile, resultsFolder } from '../results.ts'
import { root } from './source-files.ts'

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
      { figure: 'families killed', count: 3, unit: 'count', min: 0, median: 0, max: 0, bar: '0' },
      { figure: 'wait', count: 4, unit: 'ms', min: 1, median: 2.5, max: 10 },
    ])
    expect(written.commit).toMatch(/^([0-9a-f]{40}( with changes)?|unknown)$/)
    expect(Date.parse(written.date)).not.toBeNaN()
    expect(Object.keys(written.versions)).toEqual(['node', 'redis', 'ioredis', 'express', 'undici'])
    expect(written.machine).toContain(process.platform)
    expect(log.mock.calls.join('\n')).toMatch(/^A test \(everyday counts: processes 2, expiries 3\)\nfigure /)
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
