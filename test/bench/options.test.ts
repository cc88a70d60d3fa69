import { describe, expect, it } from 'vitest'
import { readOptions } from './options.ts'

const rows = ['signed-in', 'memory']

describe('readOptions', () => {
  it('publishes 5 rounds of every row when nothing is asked for', () => {
    expect(readOptions([], rows)).toEqual({ rounds: 5, seconds: 8, isTrial: false })
  })

  it('calls fewer or shorter rounds a trial', () => {
    expect(readOptions(['--rounds', '2'], rows)).toMatchObject({ rounds: 2, isTrial: true })
    expect(readOptions(['--seconds', '1'], rows)).toMatchObject({ seconds: 1, isTrial: true })
    expect(readOptions(['--rounds', '9', '--seconds', '20'], rows)).toMatchObject({ isTrial: false })
  })

  it('takes rows one by one or as a list', () => {
    expect(readOptions(['--only', 'memory', '--only', 'signed-in'], rows).only).toEqual([
      'memory',
      'signed-in',
    ])
    expect(readOptions(['--only', 'memory,signed-in'], rows).only).toEqual(['memory', 'signed-in'])
  })

  it.each([
    [['--only', 'nothing'], 'There is no row nothing. There are signed-in, memory.'],
    [['--rounds', '0'], '--rounds takes a number'],
    [['--seconds', 'ten'], '--seconds takes a number'],
    [['--fast'], '--fast'],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args, rows)).toThrow(message)
  })
})
