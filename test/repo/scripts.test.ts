import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { root } from './source-files.ts'

interface Counted {
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number }
  readonly failures: readonly string[]
}

const script = (name: string) => import(pathToFileURL(join(root, '.scripts', name)).href)
const { readReport }: { readReport(file: string, exitCode: number): Counted } = await script('report.mjs')
const { advice }: { advice(code: number, output: string): string } = await script('setup.mjs')
const { findRedis, redisCommand }: { findRedis(): string | undefined; redisCommand: string } =
  await script('redis.mjs')
const { chromiumCommand, findChromium }: { chromiumCommand: string; findChromium(): string | undefined } =
  await script('chromium.mjs')
const { installOnDebian }: { installOnDebian(name: string, purpose: string): Promise<void> } =
  await script('programs.mjs')
const workspace: {
  machineNodeFits(version: string): boolean
  run(command: string, args: readonly string[]): Promise<{ code: number; output: string }>
  tool(name: string): string
} = await script('workspace.mjs')

describe('the count at the end of npm test', () => {
  let folder: string
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs Vitest on test files of the given texts and counts from its report. */
  async function countOf(...files: readonly string[]): Promise<Counted> {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-report-'))
    files.forEach((text, index) => {
      writeFileSync(join(folder, `${index}.test.ts`), `import { expect, it } from 'vitest'\n${text}`)
    })
    const report = join(folder, 'report.json')
    const reporters = ['--reporter=json', `--outputFile.json=${report}`]
    const { code } = await workspace.run(workspace.tool('vitest'), ['run', '--root', folder, ...reporters])
    return readReport(report, code)
  }

  it('counts passed, failed and skipped tests from the report', async () => {
    const files = ["it('a', () => {})\nit('b', () => expect(1).toBe(2))", "it.skipIf(true)('c', () => {})"]
    expect(await countOf(...files)).toEqual({ counts: { passed: 1, failed: 1, skipped: 1 }, failures: [] })
  })

  it('counts a file that cannot be loaded as a failure', async () => {
    const { counts, failures } = await countOf("it('a', () => {})", "throw new Error('broken')")
    expect([counts.passed, counts.failed, failures.length]).toEqual([1, 0, 1])
    expect(failures[0]).toContain('1.test.ts')
  })

  it('counts an error outside every test as a failure', async () => {
    const { failures } = await countOf("it('a', () => {\n  Promise.reject(new Error('lost'))\n})")
    expect(failures).toEqual(['test runner: exit code 1 although no test failed'])
  })

  it('counts a run without any test as a failure', async () => {
    expect((await countOf()).failures.length).toBeGreaterThan(0)
  })

  it('counts a runner that left no report as a failure', async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-report-'))
    const { counts, failures } = readReport(join(folder, 'none.json'), 139)
    expect(counts).toEqual({ passed: 0, failed: 0, skipped: 0 })
    expect(failures).toEqual(['test runner: no report, exit code 139'])
  })
})

describe('the set-up', () => {
  it.each([
    ['22.19.0', true],
    ['24.0.0', true],
    ['22.18.1', false],
    ['20.20.2', false],
  ])('on Node %s uses the machine’s own: %s', (version, fits) => {
    expect(workspace.machineNodeFits(version)).toBe(fits)
  })

  it.each([
    [127, 'spawn npx ENOENT', /install npm/],
    [1, 'ECONNREFUSED 127.0.0.1:9', /registry could not be reached/],
    [1, 'EACCES: permission denied, mkdir', /no permission to write/],
    [1, 'ENOSPC: no space left on device', /disk is full/],
    [1, 'ERR_PNPM_OUTDATED_LOCKFILE', /does not fit/],
  ])('says what to do about a failure (%s, %s)', (code, output, expected) => {
    expect(advice(code, output)).toMatch(expected)
  })
})

describe.each([
  { program: 'redis-server', variable: 'REDIS_SERVER_PATH', find: findRedis, command: redisCommand },
  { program: 'chromium', variable: 'CHROMIUM_PATH', find: findChromium, command: chromiumCommand },
])('the search for $program', ({ program, variable, find, command }) => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-path-'))
    vi.stubEnv('PATH', folder)
    vi.stubEnv(variable, undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  function put(name: string, mode: number): string {
    const path = join(folder, name)
    writeFileSync(path, '#!/bin/sh\n')
    chmodSync(path, mode)
    return path
  }

  it('finds it in the PATH', () => {
    expect(find()).toBeUndefined()
    const path = put(program, 0o755)
    expect(find()).toBe(path)
  })

  it(`prefers ${variable}, and takes nothing else when that is no program`, () => {
    put(program, 0o755)
    vi.stubEnv(variable, put('another', 0o755))
    expect(find()).toBe(join(folder, 'another'))
    vi.stubEnv(variable, put('text', 0o644))
    expect(find()).toBeUndefined()
    vi.stubEnv(variable, join(folder, 'missing'))
    expect(find()).toBeUndefined()
  })

  it('names the command that installs it', () => {
    expect(command).toBe(`apt-get update && apt-get install --yes ${program}`)
  })
})

describe('the installation on Debian', () => {
  it('is left alone where nobody is root', async () => {
    const { getuid } = process
    const log = vi.spyOn(console, 'log')
    process.getuid = () => 1000
    try {
      await installOnDebian('no-such-package', 'a test')
    } finally {
      if (getuid !== undefined) process.getuid = getuid
    }
    expect(log).not.toHaveBeenCalled()
  })
})
