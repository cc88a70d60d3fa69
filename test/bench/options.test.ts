import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readOptions, WrongOption } from './options.ts'
import { rows as all } from './rows.ts'

const rows = { all: ['signed-in', 'memory'], profiled: ['signed-in'] }

describe('npm run bench', () => {
  const root = join(import.meta.dirname, '../..')

  it('lists every option and row with --help, before anything is installed', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(root, '.scripts/bench.mjs'),
      '--help',
    ])
    const names = /--only(.*)on request only: (\S+)\n/s.exec(stdout)?.slice(1).join(' ') ?? ''
    const listed = names.match(/[a-z]+-[a-z-]+|expiry|memory/g) ?? []
    expect(listed.filter((name) => name !== 'of-its').sort()).toEqual(all.map(({ name }) => name).sort())
    for (const option of ['rounds', 'seconds', 'profile', 'help']) expect(stdout).toContain(`--${option} `)
    expect(stdout).not.toContain('building')
  })

  it('answers a wrong option with a sentence, and no stack', async () => {
    const run = promisify(execFile)(process.execPath, [join(root, 'test/bench/main.ts'), '--fast'])
    const { stderr } = await run.then(
      () => expect.fail('it ran'),
      (error: { readonly stderr: string }) => error,
    )
    expect(stderr).toBe("Unknown option '--fast'.\n`npm run bench -- --help` lists all options.\n")
  })
})

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
    [['--fast'], "Unknown option '--fast'."],
    [['fast'], "Unexpected argument 'fast'."],
    [['--profile', 'memory'], 'There is no row memory. There are signed-in.'],
  ])('refuses %j', (args, message) => {
    const read = () => readOptions(args, rows)
    expect(read).toThrow(WrongOption)
    expect(read).toThrow(message)
  })
})
