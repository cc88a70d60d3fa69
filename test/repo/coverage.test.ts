import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read } from './source-files.ts'

/** The test files that a document has short names for. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  const lines = read(join(folder, 'COVERAGE.md')).matchAll(/^- `([\w-]+)`: \[`[^`]+`\]\(([^)]+)\)$/gm)
  return new Map([...lines].map(([, name = '', path = '']) => [name, join(folder, path)]))
}

/** The lines of a section's table. */
function rowsOf(folder: string, section: string): readonly (readonly string[])[] {
  const parts = read(join(folder, 'COVERAGE.md')).split('\n## ')
  const [text = ''] = parts.filter((part) => part.startsWith(section))
  const lines = text.split('\n').filter((line) => line.startsWith('| '))
  return lines.slice(2).map((line) => line.split(' | ').map((cell) => cell.replace(/^\||\|$/g, '').trim()))
}

describe.each([
  ['packages/core/src/providers', '1a.', 23],
  ['packages/core/src/providers', '2a.', 19],
  ['packages/core/src/providers', '4a.', 15],
  ['packages/cli', 'spotifywebapipython', 21],
  ['packages/cli', 'Bitfount', 20],
])('COVERAGE.md of %s, section %s', (folder, section, count) => {
  const rows = rowsOf(folder, section)
  const files = filesOf(folder)

  it('has one row for each capability, and says how it is met or why it is not', () => {
    expect(new Set(rows.map(([capability]) => capability)).size).toBe(count)
    expect(rows).toHaveLength(count)
    for (const [, here, how] of rows) {
      expect(['done', 'better', 'not']).toContain(here)
      expect(how).not.toBe('')
    }
  })

  it.each(rows.filter(([, here]) => here !== 'not').map((row) => [row[0] ?? '', row[3] ?? '']))(
    'names tests that exist for %s',
    (_capability, tests) => {
      const named = [...tests.matchAll(/([\w-]+): ("[^"]+"(?:, "[^"]+")*)/g)]
      expect(named.map(([text]) => text).join('; ')).toBe(tests)
      expect(named.length).toBeGreaterThan(0)
      for (const [, name = '', titles = ''] of named) {
        const text = read(files.get(name) ?? `${dirname(folder)}/${name} is not in the list of files`)
        for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g))
          expect(text).toContain(title.endsWith('…') ? `'${title.slice(0, -1)}` : `'${title}'`)
      }
    },
  )
})
