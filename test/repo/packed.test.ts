import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstCodeBlock } from './code-block.ts'
import { manifestOf, output, PackedProjects } from './packed-project.ts'
import { packageFolders, root } from './source-files.ts'

const node24 = process.execPath
const node22 = join(root, 'test/node_modules/node22/bin/node')
const tsc = join(root, 'node_modules/.bin/tsc')
const projects = new PackedProjects()

beforeAll(async () => {
  for (const folder of packageFolders()) await projects.pack(folder)
}, 120_000)
afterAll(() => projects.remove())

describe.each(packageFolders())('the tarball of %s', (folder) => {
  const { name, exports, bin } = manifestOf(folder)
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
  const specifiers = entries.map((entry) => name + entry.slice(1))
  const snippet = firstCodeBlock(`${folder}/README.md`)
  const shown = [...snippet.matchAll(/ from '(@latchkey\/[a-z]+)/g)].map(([, imported = '']) => imported)
  let project: string
  /** Where the README's program can be compiled: with its package, and with the others that it shows in use. */
  let readersProject: string

  beforeAll(async () => {
    project = await projects.install(name)
    readersProject = shown.every((one) => one === name) ? project : await projects.install(...new Set(shown))
  }, 360_000)

  it('holds dist, README, LICENSE and package.json, and nothing else', async () => {
    const files = await projects.contents(name)
    const allowed = /^(package\.json|README\.md|LICENSE|dist\/([a-z0-9-]+\/)*[a-z0-9-]+(\.d\.ts|\.js))$/
    expect(files.filter((file) => !allowed.test(file))).toEqual([])
    expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'dist/index.js']))
  })

  it.each(Object.keys(bin ?? {}))('has the command %s, which npx runs', async () => {
    const help = await output('npx', ['--no-install', name, '--help'], project)
    expect(help.split('\n')[0]).toBe(
      name === '@latchkey/cli' ? 'latchkey <command> [options]' : `npx ${name} [options]`,
    )
  })

  it('imports and requires, with the same names', async () => {
    const script = `
      import { createRequire } from 'node:module'
      const require = createRequire(import.meta.url)
      for (const specifier of ${JSON.stringify(specifiers)}) {
        const imported = Object.keys(await import(specifier)).sort()
        const required = Object.keys(require(specifier)).filter((key) => key !== '__esModule').sort()
        if (imported.length === 0 || imported.join() !== required.join()) console.log(specifier, imported, required)
      }`
    writeFileSync(join(project, 'load.mjs'), script)
    for (const node of [node24, node22]) expect(await output(node, ['load.mjs'], project)).toBe('')
  })

  it.each([
    ['Node 24', node24],
    ['Node 22.19', node22],
  ])("leaves the program's own fetch as it was on %s", async (_, node) => {
    // A module that imports node:http by names makes Node itself set its dispatcher.
    for (const usedBefore of name === '@latchkey/testing' ? [true] : [false, true]) {
      writeFileSync(join(project, 'fetch.mjs'), fetchCheck(specifiers, usedBefore))
      expect(JSON.parse(await output(node, ['fetch.mjs'], project))).toEqual([])
    }
  })

  it.each([
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ])(
    'has types under moduleResolution %s, and its README snippet compiles there',
    async (resolution, module) => {
      writeFileSync(join(readersProject, 'snippet.ts'), snippet)
      await typeCheck(readersProject, ['snippet.ts'], resolution, module)
      writeFileSync(join(project, 'entries.ts'), imports(specifiers))
      await typeCheck(project, ['entries.ts'], resolution, module)
    },
  )

  it('has types for a CommonJS file', async () => {
    const lines = specifiers.map((specifier, index) => `import entry${index} = require('${specifier}')`)
    const uses = specifiers.map(
      (_, index) => `export const names${index}: string[] = Object.keys(entry${index})`,
    )
    writeFileSync(join(project, 'entries.cts'), [...lines, ...uses].join('\n'))
    await typeCheck(project, ['entries.cts'], 'nodenext', 'nodenext')
  })
})

/** Type-checks files as a strict program of a stranger's would be. */
async function typeCheck(
  project: string,
  files: readonly string[],
  moduleResolution: string,
  module: string,
): Promise<void> {
  const compilerOptions = {
    ...{
      module,
      moduleResolution,
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
    },
    ...{ esModuleInterop: true, types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  }
  const config = `tsconfig.${moduleResolution}.json`
  writeFileSync(join(project, config), JSON.stringify({ compilerOptions, files }))
  await output(tsc, ['-p', config], project)
}

function imports(specifiers: readonly string[]): string {
  const lines = specifiers.map((specifier, index) => `import * as entry${index} from '${specifier}'`)
  return [
    ...lines,
    `export const names: string[] = [${specifiers.map((_, index) => `...Object.keys(entry${index})`)}]`,
  ].join('\n')
}

/**
 * A program that prints which global things an import changes, with fetch used before it or not, and whether it loads
 * the part of undici that would change them in a program where nothing else had set them.
 */
function fetchCheck(specifiers: readonly string[], usedBefore: boolean): string {
  return `
    if (${usedBefore}) await fetch('data:,')
    const look = () => [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2'), 'fetch']
      .map((name) => [String(name), globalThis[name]])
    const before = look()
    for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier)
    const changed = look().filter(([, value], index) => value !== before[index][1]).map(([name]) => name)
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire(import.meta.url).cache)
    console.log(JSON.stringify([...changed, ...loaded.filter((file) => /undici.lib.global.js$/.test(file))]))`
}
