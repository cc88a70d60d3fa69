import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's top folder. */
export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const generated = new Set(['node_modules', 'dist', '.git', '.turbo', 'coverage'])

/** Every file below `folder`, as a path from the top folder with `/`, without generated ones. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !generated.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path)
      return entry.isFile() ? [path.split(sep).join('/')] : []
    })
}

/** Every package's folder, as a path from the top folder. */
export function packageFolders(): readonly string[] {
  return readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)
}

/** The TypeScript files that a package is built from: its `src` without the tests and their fixtures. */
export function sourceFiles(packageFolder: string): readonly string[] {
  return filesBelow(`${packageFolder}/src`).filter((file) => /(?<!\.test|\.fixture)\.ts$/.test(file))
}

/** The text of a file, by its path from the top folder. */
export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const statement = /^\s*(?:import|export)\b(?:[^'"`;()]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const call = /\b(?:import|require|load)\(\s*['"]([^'"\n]+)['"]\s*\)/g

/** What a file imports or re-exports, types included, as written. Comments do not count. */
export function importsOf(file: string): readonly string[] {
  const text = withoutComments(read(file))
  return [statement, call].flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''))
}

/** The same for the files of the repository alone, as paths from the top folder. */
export function relativeImportsOf(file: string): readonly string[] {
  const specifiers = importsOf(file).filter((specifier) => specifier.startsWith('.'))
  return specifiers.map((specifier) =>
    relative('.', join(dirname(file), specifier))
      .split(sep)
      .join('/'),
  )
}

/** The code alone. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
