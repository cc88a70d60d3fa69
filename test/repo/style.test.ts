import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, packageFolders, read, sourceFiles, withoutComments } from './source-files.ts'

const longestFile = 300
const vagueNames = /^(utils?|helpers?|common|types|misc|shared|lib)((\.fixture)?\.ts)?$/
const sources = packageFolders().flatMap(sourceFiles)
const typescript = ['packages', 'examples', 'test'].flatMap(filesBelow).filter((file) => file.endsWith('.ts'))

describe('source files', () => {
  it('have at most 300 lines', () => {
    const long = sources.filter((file) => read(file).split('\n').length - 1 > longestFile)
    expect(long).toEqual([])
  })

  it('are named after one concept, in kebab-case', () => {
    const names = typescript.filter(
      (file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|fixture|config|d))?\.ts$/.test(basename(file)),
    )
    expect(names).toEqual([])
  })

  it('have no drawer for what belongs elsewhere', () => {
    const parts = typescript.filter((file) => file.split('/').some((part) => vagueNames.test(part)))
    expect(parts).toEqual([])
  })

  it('have no default export, but for the plugin that autoload takes', () => {
    const having = sources.filter((file) => /^export default\b|\bas default\b/m.test(read(file)))
    expect(having).toEqual(['packages/fastify/src/index.ts'])
  })

  it('hold no state in fields marked private by TypeScript alone', () => {
    expect(sources.filter((file) => /^\s+private\s/m.test(read(file)))).toEqual([])
  })

  it('do not speak of work to be done', () => {
    const words = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
    expect(typescript.filter((file) => words.test(read(file)))).toEqual([])
  })
})

describe('an index file', () => {
  it('only re-exports, by name but for the presets', () => {
    const indexes = sources.filter((file) => basename(file) === 'index.ts')
    const other = indexes.filter((file) => !onlyReexports(read(file)))
    expect(other).toEqual([])
  })
})

function onlyReexports(text: string): boolean {
  const code = withoutComments(text)
  // The presets are named in one list alone, so that adding one is one file and one line.
  const presets = /export \* from '(?:@latchkey\/core\/providers|\.\/providers\/index\.ts)'/
  const byName = /export\s+(?:type\s+)?\{[^}]*\}\s*from\s*'[^']+'/g
  return code.replace(presets, '').replace(byName, '').trim() === ''
}
