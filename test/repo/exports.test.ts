import { describe, expect, it } from 'vitest'
import { codeBlocks } from './code-block.ts'
import { entries, exportedNames, sourceOf } from './exported-names.ts'
import { packageFolders, read, sourceFiles, withoutComments } from './source-files.ts'

const readmes = ['README.md', 'examples/README.md', ...packageFolders().map((one) => `${one}/README.md`)]
const sources = packageFolders().flatMap(sourceFiles)
const exported = new Set(entries().flatMap((entry) => [...exportedNames(sourceOf(entry))]))
const notExported = new Set(
  sources.flatMap((file) => [...exportedNames(file)]).filter((name) => !exported.has(name)),
)
/** Also the names of methods: READMEs speak of those without their object. */
const methods = new Set(
  sources
    .flatMap((file) => [
      ...withoutComments(read(file)).matchAll(/^ {2,}(?:readonly |async |static )*(\w+)\??[(<:]/gm),
    ])
    .map(([, name = '']) => name),
)

describe.each(readmes)('%s', (file) => {
  it('imports only names that are exported', () => {
    const imports = /^import (?:type )?(?:(\w+),? ?)?(?:\{([^}]*)\} )?from '(@latchkey\/[^']+)'$/gm
    const programs = codeBlocks(file, '[jt]s').flatMap(({ text }) => [...text.matchAll(imports)])
    const faults = programs.flatMap(([, byDefault, inside = '', entry = '']) => {
      const names = inside.split(',').map(
        (one) =>
          one
            .trim()
            .replace(/^type /, '')
            .split(' ')[0] ?? '',
      )
      const known = exportedNames(sourceOf(entry))
      return [...names.filter((name) => name !== ''), ...(byDefault === undefined ? [] : ['default'])]
        .filter((name) => !known.has(name))
        .map((name) => `${entry} has no ${name}`)
    })
    expect(faults).toEqual([])
  })

  it('calls no function of ours that is kept inside', () => {
    const called = [...read(file).matchAll(/`(?:new )?(\w+)\(/g)].map(([, name = '']) => name)
    expect(called.filter((name) => notExported.has(name) && !methods.has(name))).toEqual([])
  })
})

/** What only one of the two adapters exports, and why. */
const alone: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '@latchkey/express': {
    SessionData: 'apps add to it; with Fastify they add to the Session that Fastify declares',
  },
  '@latchkey/fastify': {
    default: 'what autoload takes',
    PluginOptions: 'what autoload gives to it',
    RegisterOptions: 'what app.register() takes beside the plugin',
    LoginHook: 'what requireLogin() returns; with Express it is a RequestHandler',
    ErrorHandler: 'what errorHandler is; with Express it is an ErrorRequestHandler',
  },
}

describe.each(Object.entries(alone))('%s', (name, own) => {
  it('exports what the other adapter does, and else only what is listed', () => {
    const other = Object.keys(alone).filter((one) => one !== name)
    const shared = new Set(other.flatMap((one) => [...exportedNames(sourceOf(one))]))
    const names = [...exportedNames(sourceOf(name))].filter((one) => !shared.has(one))
    expect(names.sort()).toEqual(Object.keys(own).sort())
  })
})
