import { describe, expect, it } from 'vitest'
import {
  importsOf,
  packageFolders,
  read,
  relativeImportsOf,
  sourceFiles,
  withoutComments,
} from './source-files.ts'

/** Core's layers, lowest first. A file imports from its own folder and from the layers above it in this list. */
const layers: readonly (readonly string[])[] = [
  ['errors', 'clock', 'events', 'log', 'log-limit', 'input'],
  ['crypto', 'transport'],
  ['protocol'],
  ['providers', 'store'],
  ['session', 'vault'],
  ['flows', 'fetch'],
  ['request-oauth'],
  ['options'],
  ['latchkey', 'oauth-client'],
  ['terminal'],
  ['index', 'adapter'],
]

/** The only folders of core that may import these packages. */
const restricted: Readonly<Record<string, readonly string[]>> = {
  jose: ['protocol', 'crypto'],
  oauth4webapi: ['protocol', 'crypto'],
  undici: ['transport', 'fetch'],
}

/** The entries of our packages that a package may import. */
const mayImportOfOurs: Readonly<Record<string, readonly string[]>> = {
  express: ['@latchkey/core', '@latchkey/core/adapter', '@latchkey/core/providers'],
  fastify: ['@latchkey/core', '@latchkey/core/adapter', '@latchkey/core/providers'],
  redis: ['@latchkey/core'],
  cli: ['@latchkey/core', '@latchkey/core/providers', '@latchkey/core/terminal'],
}

const core = 'packages/core'

describe("core's layers", () => {
  const files = sourceFiles(core)

  it('holds enough files for this test to mean something', () => {
    expect(files.length).toBeGreaterThan(20)
  })

  it('has a layer for every file', () => {
    expect(files.map(unitOf).filter((unit) => layerOf(unit) === -1)).toEqual([])
  })

  it('imports only from its own folder and lower layers, types included', () => {
    const faults = files.flatMap((file) => {
      return relativeImportsOf(file)
        .filter((target) => !mayImport(unitOf(file), unitOf(target)))
        .map((target) => `${file} imports ${target}`)
    })
    expect(faults).toEqual([])
  })

  it('imports jose, oauth4webapi and undici only where they belong', () => {
    const faults = files.flatMap((file) => {
      return importsOf(file)
        .filter((specifier) => !(restricted[packageOf(specifier)]?.includes(unitOf(file)) ?? true))
        .map((specifier) => `${file} imports ${specifier}`)
    })
    expect(faults).toEqual([])
  })

  it('takes undici apart in one file, because importing it whole replaces the global dispatcher', () => {
    const users = files.filter((file) => /'undici[/']/.test(withoutTypes(withoutComments(read(file)))))
    expect(users).toEqual(['packages/core/src/transport/undici.ts'])
  })
})

describe.each(packageFolders())('%s', (folder) => {
  const files = sourceFiles(folder)

  it('has no import cycle, types included', () => {
    expect(cyclesOf(files)).toEqual([])
  })

  it('imports only what its package.json names', () => {
    const manifest: Manifest = JSON.parse(read(`${folder}/package.json`))
    const named = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
    const faults = files.flatMap((file) => {
      return importsOf(file)
        .filter((specifier) => !/^(\.|node:)/.test(specifier) && !named.has(packageOf(specifier)))
        .map((specifier) => `${file} imports ${specifier}`)
    })
    expect(faults).toEqual([])
  })
})

describe('between packages', () => {
  it('keeps the emulators free of the client, so that they cannot share a bug', () => {
    const imports = sourceFiles('packages/testing').flatMap(importsOf)
    expect(imports.filter((specifier) => specifier.startsWith('@latchkey/'))).toEqual([])
  })

  it.each(Object.entries(mayImportOfOurs))('lets %s import nothing else of ours than %j', (name, allowed) => {
    const imports = sourceFiles(`packages/${name}`).flatMap(importsOf)
    const ours = new Set(imports.filter((specifier) => specifier.startsWith('@latchkey/')))
    expect([...ours].filter((specifier) => !allowed.includes(specifier))).toEqual([])
  })
})

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** The folder or top-level file of core that a file belongs to. */
function unitOf(file: string): string {
  const [unit = ''] = file.slice(`${core}/src/`.length).split('/')
  return unit.replace(/\.ts$/, '')
}

function layerOf(unit: string): number {
  return layers.findIndex((units) => units.includes(unit))
}

/** The parts of the lowest layer may use each other; cycles are looked for apart. */
function mayImport(from: string, to: string): boolean {
  return from === to || layerOf(to) < layerOf(from) || (layerOf(from) === 0 && layerOf(to) === 0)
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function withoutTypes(text: string): string {
  return text
    .replace(/\b(?:import|export) type [^'"]*['"][^'"]+['"]/g, '')
    .replace(/\bimport\('[^']+'\)\./g, '')
}

/** Every import cycle, as a readable path. */
function cyclesOf(files: readonly string[]): readonly string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start !== -1) cycles.push([...path.slice(start), file].join(' -> '))
    if (start !== -1 || done.has(file)) return
    const known = relativeImportsOf(file).filter((target) => files.includes(target))
    for (const target of known) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  return cycles
}
