import { dirname, join } from 'node:path'
import { manifestOf } from './packed-project.ts'
import { packageFolders, read, withoutComments } from './source-files.ts'

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/gm
const list = /^export (?:type )?\{([^}]*)\}/gm
const everything = /^export \* from '([^']+)'/gm

/** The names that a file exports, types included. */
export function exportedNames(file: string): ReadonlySet<string> {
  const text = withoutComments(read(file))
  const lists = [...text.matchAll(list)].flatMap(([, inside = '']) => inside.split(','))
  const listed = lists.map((one) => one.trim().split(/\s+/).at(-1) ?? '').filter((name) => name !== '')
  const declared = [...text.matchAll(declaration)].map(([, name = '']) => name)
  const passedOn = [...text.matchAll(everything)].flatMap(([, specifier = '']) => [
    ...exportedNames(specifier.startsWith('.') ? join(dirname(file), specifier) : sourceOf(specifier)),
  ])
  return new Set([...declared, ...listed, ...passedOn])
}

/** Every entry of our packages, as programs import it: `@latchkey/core/adapter`. */
export function entries(): readonly string[] {
  return packageFolders().flatMap((folder) => {
    const { name, exports } = manifestOf(folder)
    return Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => name + entry.slice(1))
  })
}

/**
 * The file that an entry of our packages is made from.
 * @throws {Error} there is no such entry.
 */
export function sourceOf(specifier: string): string {
  const [, name = '', ...rest] = specifier.split('/')
  const entry = ['.', ...rest].join('/')
  const conditions = manifestOf(`packages/${name}`).exports[entry] as
    | { readonly '@latchkey/source': string }
    | undefined // as our package.json files have it
  if (conditions === undefined) throw new Error(`${specifier} is no entry of ours.`)
  return join('packages', name, conditions['@latchkey/source'])
}
