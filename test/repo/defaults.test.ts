import { describe, expect, it } from 'vitest'
import { filesBelow, read } from './source-files.ts'

const files = ['packages/core/src/options.ts', ...filesBelow('packages/core/src/options')]
const literal = /^(\d[\d_]*|'[^']*'|\[\]|\{\})/
const constants: Readonly<Record<string, number>> = { day: 86_400, hour: 3600, minute: 60 }

interface Documented {
  readonly file: string
  readonly option: string
  readonly value: string
}

/** Every option whose `@default` is a value and not a description. */
const documented = files
  .filter((file) => !file.endsWith('.test.ts'))
  .flatMap((file) => {
    const comments = read(file).matchAll(
      /@default ([^\n]+?)\s*(?:\*\/)?\n(?:\s*\*\/\n)?\s*readonly (\w+)\?:/g,
    )
    return [...comments].flatMap(([, text = '', option = '']): readonly Documented[] => {
      const value = literal.exec(text)?.[0]
      return value === undefined ? [] : [{ file, option, value }]
    })
  })

describe('the documented defaults', () => {
  it('are found', () => {
    expect(documented.length).toBeGreaterThan(10)
  })

  it.each(documented)('$option is $value in the code of $file', ({ file, option, value }) => {
    const code = read(file).replace(/\/\*[\s\S]*?\*\//g, '')
    const applied = new RegExp(`\\b${option} = ([^,}\\n]+)|\\b${option} \\?\\? ([^,);\\n]+)`).exec(code)
    expect(normal(applied?.[1] ?? applied?.[2] ?? 'not applied')).toBe(normal(value))
  })
})

/** `7 * day` and `604_800` are the same number. */
function normal(expression: string): string {
  const factors = expression.trim().split(/\s*\*\s*/)
  const numbers = factors.map(
    (factor) => constants[factor] ?? Number(factor.replaceAll('_', '') || Number.NaN),
  )
  return numbers.some(Number.isNaN) ? expression.trim() : String(numbers.reduce((a, b) => a * b))
}
