import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { output } from './packed-project.ts'
import { filesBelow, read, root } from './source-files.ts'

const examples = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
  .map(({ name }) => name)
const tests = [...filesBelow('test'), ...filesBelow('examples')].filter((file) => file.endsWith('.test.ts'))
const table = /^## Examples$([\s\S]*?)^## /m.exec(read('README.md'))?.[1] ?? ''
const rows = [...table.matchAll(/^\| \[`([^`]+)`\]\(([^)]+)\) +\| \S.* \|$/gm)]

describe('the examples', () => {
  it('are the rows of the table in the README, each with a link to its folder', () => {
    const shown = rows.map(([, name = '', link = '']) => [name, link])
    expect(shown.sort()).toEqual(examples.map((name) => [name, `examples/${name}`]).sort())
  })

  it.each(examples)('%s has a test', (name) => {
    const own = tests.filter((file) => {
      const isBeside = file.startsWith(`examples/${name}/`)
      return isBeside || [`${name}.test.ts`, `examples-${name}.test.ts`].includes(basename(file))
    })
    expect(own).not.toEqual([])
  })

  it('compile without the provider ids that another of them registers', async () => {
    const files = filesBelow('examples').filter((file) => file.endsWith('.ts'))
    const registering = new Set(
      files.filter((file) => read(file).includes('interface Register')).map(folderOf),
    )
    const include = files.filter((file) => !registering.has(folderOf(file))).map((file) => join(root, file))
    const project = mkdtempSync(join(tmpdir(), 'latchkey-examples-'))
    onTestFinished(() => rmSync(project, { recursive: true }))
    const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] }
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include, exclude: [] }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    expect(await output(join(root, 'node_modules/.bin/tsc'), ['-p', project], root)).toBe('')
  })
})

function folderOf(file: string): string {
  return file.split('/').slice(0, 2).join('/')
}
