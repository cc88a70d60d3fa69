import { describe, expect, it } from 'vitest'
import { filesBelow, read, withoutComments } from './source-files.ts'

interface Case {
  readonly number: number
  readonly isTested: boolean
}

const cases: readonly Case[] = [...read('test/CASES.md').matchAll(/^\| (\d+) +\|.*$/gm)].map(
  ([row, number]) => ({ number: Number(number), isTested: !row.includes('**not tested here**') }),
)

/** What a title names: `case 12`, `cases 33, 34, 37`, `cases 70, 71 and 74`. Lines for the console are no titles. */
const title = /(?<!console\.\w+\(\s*)(['"`])(?:(?!\1).)*?\bcases? (\d+(?:(?:, | and )\d+)*)/g

const tests = ['packages', 'examples', 'test'].flatMap(filesBelow).filter((file) => /\.test\.ts$/.test(file))
const titled = new Set(
  tests
    .flatMap((file) => [...withoutComments(read(file)).matchAll(title)])
    .flatMap(([, , numbers = '']) => numbers.split(/\D+/).map(Number)),
)

describe('the list of cases', () => {
  it('has each number once, in order', () => {
    expect(cases.length).toBeGreaterThan(0)
    expect(cases.map(({ number }) => number)).toEqual(cases.map((_, index) => index + 1))
  })

  it('has every case that the title of a test names', () => {
    const listed = new Set(cases.map(({ number }) => number))
    expect([...titled].filter((number) => !listed.has(number))).toEqual([])
  })

  it('has a test for every case, unless it says that there is none', () => {
    const without = cases.filter(({ number }) => !titled.has(number)).map(({ number }) => number)
    expect(without).toEqual(cases.filter(({ isTested }) => !isTested).map(({ number }) => number))
  })

  it.each(['README.md', 'test/RESULTS.md'])('is linked from %s', (file) => {
    expect(read(file)).toMatch(/\]\((?:test\/)?CASES\.md\)/)
  })
})
