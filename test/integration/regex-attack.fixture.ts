import { performance } from 'node:perf_hooks'
import { createContext, Script } from 'node:vm'

/** Makes a text of about so many characters. */
export type AttackString = (length: number) => string

/** What may stand before a regular expression: everywhere else a slash divides. */
const before = /(?:[=(,:[!&|?;]|\breturn|=>|^)\s*$/
const longestRunMs = 3_000

/** Every regular expression that is written as a literal in this source. */
export function regexLiterals(source: string): readonly RegExp[] {
  const found: RegExp[] = []
  let at = 0
  while (at < source.length) {
    const rest = source.slice(at)
    const other = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/.exec(rest)?.[0]
    const literal =
      other === undefined && rest.startsWith('/') && before.test(source.slice(0, at))
        ? literalIn(rest)
        : undefined
    if (literal !== undefined) found.push(literal.regex)
    at += (other ?? literal?.text ?? '').length || 1
  }
  return found
}

function literalIn(text: string): { readonly text: string; readonly regex: RegExp } | undefined {
  const match = /^\/((?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?!\w)/.exec(text)
  const [all, source = '', flags = ''] = match ?? []
  return all === undefined ? undefined : { text: all, regex: new RegExp(source, flags) }
}

/**
 * Texts that make a backtracking expression try again and again: long runs of what it may repeat, of pairs of it, behind
 * what it begins with and before what it cannot match.
 */
export function attackStrings({ source }: RegExp): readonly AttackString[] {
  const own = [...source.replace(/\\[wsdbDWS]|\\[xu{][0-9a-f}]*/g, '')].filter(
    (character) => !'()[]{}^$*+?|\\'.includes(character),
  )
  const escaped = [...source.matchAll(/\\([^a-zA-Z0-9])/g)].map((match) => match[1] ?? '')
  const alphabet = [
    ...new Set([...own, ...escaped, 'a', 'A', '0', ' ', '\t', '\n', '"', '\\', '/', '-', '\u00e9']),
  ].slice(0, 40)
  const prefixes = ['', ...new Set([...own.slice(0, 1), ...escaped.slice(0, 1), own.slice(0, 4).join('')])]
  const units = [
    ...alphabet,
    ...alphabet.slice(0, 8).flatMap((first) => alphabet.slice(0, 8).map((second) => first + second)),
  ]
  return prefixes.flatMap((prefix) =>
    units.map(
      (unit): AttackString =>
        (length) =>
          `${prefix}${unit.repeat(Math.ceil(length / unit.length))}\u0000`,
    ),
  )
}

const search = new Script('text.replace(regex, "")')
const context = createContext({ text: '', regex: / /g })

/** How long one search through the whole text takes; for ever when it takes longer than the limit. */
export function seconds(regex: RegExp, text: string, limitMs = longestRunMs): number {
  const flags = regex.flags.includes('g') ? regex.flags : `${regex.flags}g`
  Object.assign(context, { text, regex: new RegExp(regex.source, flags) })
  const begun = performance.now()
  try {
    search.runInContext(context, { timeout: limitMs })
  } catch {
    return Number.POSITIVE_INFINITY
  }
  return (performance.now() - begun) / 1000
}
