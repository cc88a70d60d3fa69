import { LatchkeyError } from '../errors.ts'
import { printable } from '../log.ts'

/** Every name of `Options`. Forgetting one is a type error, and so is one too many. */
export type NamesOf<Options> = Readonly<Record<keyof Options, true>>

/** A name with more edits than this from every known one was not a slip of the finger. */
const mostEdits = 2
/** Keys are quoted up to this length. */
const longestQuote = 40

/**
 * Refuses an object with a key that is not known, which would otherwise be ignored in silence.
 *
 * @param where what the keys belong to, for example `latchkey()`.
 * @throws {LatchkeyError} `invalid_options` that names the key and the one that was meant.
 */
export function requireKnownKeys<Options>(where: string, options: object, known: NamesOf<Options>): void {
  for (const key of Object.keys(options)) requireKnownName(where, key, Object.keys(known))
}

/**
 * Refuses a name that is not among the known ones.
 * @throws {LatchkeyError} `invalid_options` that names both, and the one that was meant.
 */
export function requireKnownName(where: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  const meant = closestName(name, known)
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  throw new LatchkeyError(
    'invalid_options',
    `${where} knows no "${printable(name).slice(0, longestQuote)}".${hint} It knows ${known.join(', ')}.`,
  )
}

/** The known name that was probably meant. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  const ranked = known
    .map((each) => ({ each, edits: editsBetween(lower, each.toLowerCase()) }))
    .filter(({ each, edits }) => edits <= mostEdits && edits < each.length)
    .sort((a, b) => a.edits - b.edits)
  return ranked[0]?.each
}

/** How many characters must be added, removed or replaced (Levenshtein). Far apart in length counts as far. */
function editsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > mostEdits) return mostEdits + 1
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, character] of [...a].entries()) {
    const current = [row + 1]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (character === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    above = current
  }
  return above[b.length] ?? 0
}
